import Composio
import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What a test cannot go on without.
public struct Missing: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The folders and servers that swift.sh names.
public enum Places {
    /// The root of the repository.
    public static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../../..").standardized

    /// JSON of the repository.
    public static func read(_ path: String) throws -> JSON {
        try JSON(parsing: String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
    }

    /// What swift.sh sets.
    public static func variable(_ name: String) throws -> String {
        guard let value = ProcessInfo.processInfo.environment[name] else {
            throw Missing("\(name) is not set: run swift.sh test, which sets it")
        }
        return value
    }

    /// Runs work with a fresh folder.
    public static func withFolder<Value>(_ work: (URL) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await work(folder)
    }
}

/// The mock backend.
public struct Mock: Sendable {
    /// Where it is.
    public let url: String

    public init(url: String) { self.url = url }

    /// The one that swift.sh started.
    public static var shared: Mock {
        get throws { Mock(url: try Places.variable("COMPOSIO_MOCK_URL")) }
    }

    /// Calls one of the mock's own endpoints.
    @discardableResult
    public func control(_ path: String, _ body: JSON? = nil) async throws -> JSON {
        guard let address = URL(string: "\(url)/__mock/\(path)") else { throw Missing("\(url) is no URL") }
        var request = URLRequest(url: address)
        if let body {
            request.httpMethod = "POST"
            request.httpBody = Data(body.text.utf8)
        }
        let (data, _) = try await URLSession.shared.data(for: request)
        return try JSON(parsing: String(decoding: data, as: UTF8.self))
    }
}
