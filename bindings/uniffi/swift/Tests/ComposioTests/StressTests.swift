import Composio
import ComposioTestSupport
import Foundation
import Testing

/// Many calls and sessions, and what is left of them. One after another: they count what the process holds.
@Suite(.serialized) struct StressTests {
    /// What memory may grow by while 10,000 sessions come and go.
    static let growth = 8_000_000

    @Test func halfOfAThousandCallsCancelled() async throws {
        let composio = try hosted()
        let session = try await composio.create(userID: "stress")
        let stuck = try await composio.use(sessionID: "trs_stuck")
        let cancelled = (0..<500).map { _ in Task { try await stuck.execute("NEVER_ENDS") } }
        let answered = (0..<500).map { _ in Task { try await session.execute("GITHUB_CREATE_ISSUE") } }
        for call in cancelled { call.cancel() }
        for call in cancelled {
            await #expect(throws: CancellationError.self) { try await call.value }
        }
        for call in answered { #expect(try await call.value.error == nil) }
        #expect(try await session.execute("GITHUB_CREATE_ISSUE", [:]).isSuccessful)
        try await composio.close()
    }

    @Test func tenThousandSessionsLeaveNothingBehind() async throws {
        let composio = try hosted()
        func make(_ count: Int) async throws {
            for _ in 0..<count { _ = try await composio.create(userID: "stress") }
        }
        try await make(2000)
        let before = try Held()
        try await make(10_000)
        let after = try Held()
        #expect(after.memory - before.memory < Self.growth)
        #expect(after.files <= before.files + 8)
        #expect(after.threads <= before.threads + 4)
        try await composio.close()
    }

    /// Open files, threads, and bytes of memory. Linux only, where /proc tells.
    private struct Held {
        let files: Int
        let threads: Int
        let memory: Int

        init() throws {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            func number(_ name: String) throws -> Int {
                let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
                return try #require((line?.filter(\.isNumber)).flatMap { Int($0) })
            }
            files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
            (threads, memory) = (try number("Threads"), try number("VmRSS") * 1024)
        }
    }
}
