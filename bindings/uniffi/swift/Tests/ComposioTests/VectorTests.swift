import Composio
import ComposioTestSupport
import Foundation
import Testing

/// The conformance vectors.
@Suite struct VectorTests {
    static func names() async throws -> [String] {
        try await Mock.shared.control("vectors").array?.compactMap(\.string) ?? []
    }

    static func gaps() throws -> [String: JSON] {
        try Places.read("tests/vectors/shared/gaps.json")["swift"]?.object ?? [:]
    }

    @Test(arguments: try await names())
    func vector(_ name: String) async throws {
        let mock = try Mock.shared
        let vector = try await mock.control("runs", ["vector": .string(name)])
        if let environment = vector["env"]?.object, !environment.isEmpty {
            try playInChild(vector, environment.compactMapValues(\.string), mock)
        } else {
            try await Player.play(vector, on: mock)
        }
        let problems = try await mock.control("runs/\(vector["run"]?.string ?? "")")["problems"]
        if let gap = try Self.gaps()[name] {
            #expect(problems != [], "the gap is closed, remove it from gaps.json: \(gap)")
        } else {
            #expect(problems == [])
        }
    }

    @Test func theGapsAreVectors() async throws {
        let names = try await Self.names()
        #expect(names.count > 100)
        #expect(Set(try Self.gaps().keys).subtracting(names) == [])
    }

    private func playInChild(_ vector: JSON, _ environment: [String: String], _ mock: Mock) throws {
        let child = Process()
        let input = Pipe()
        child.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("ComposioPlayer")
        child.arguments = [mock.url]
        child.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        child.standardInput = input
        try child.run()
        input.fileHandleForWriting.write(Data(vector.text.utf8))
        try input.fileHandleForWriting.close()
        child.waitUntilExit()
        #expect(child.terminationStatus == 0)
    }
}
