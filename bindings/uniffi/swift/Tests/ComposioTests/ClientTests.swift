import Composio
import ComposioNative
import ComposioTestSupport
import Foundation
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Errors, options, cancellation, and the embedded router.
@Suite struct ClientTests {
    @Test func everyKindOfErrorIsKnown() {
        #expect(Set(errorKinds()) == Set(ComposioError.Kind.allCases.map(\.rawValue)))
    }

    @Test func wrongOptionsAreRefusedBeforeAnythingIsSent() async throws {
        _ = try await error(.apiKeyNotProvided) { _ = try Composio(backend: .http) }
        let timeout = try await error(.validation) { _ = try hosted(timeout: -1) }
        #expect(timeout.message.contains("timeout"))
        let retries = try await error(.validation) { _ = try hosted(maxRetries: -1) }
        #expect(retries.message == "maxRetries: expected 0 or more, got -1")
    }

    @Test func noSecretIsShown() async throws {
        let composio = try hosted(apiKey: "ak_secret")
        let session = try await composio.create(userID: "ada")
        #expect(!"\(composio) \(session) \(try session.mcp)".contains("ak_secret"))
        try await composio.close()
        try await composio.close()
        let closed = try await error(.closed) { _ = try await composio.create(userID: "ada") }
        #expect(!"\(closed)".contains("ak_secret"))
    }

    @Test func aSessionIsAnEndpointForMCPClientsOfThisMachine() async throws {
        var ended: MCPServer?
        try await withRouter { composio in
            let first = try await composio.create(
                userID: "ada", options: SessionOptions(toolkits: Selection(enable: ["time"]), preload: .tools(["TIME_NOW"])))
            let second = try await composio.create(userID: "ada")
            let server = try first.mcp
            #expect(server.warning == nil)
            let (status, body) = try await listTools(server, server.headers)
            #expect(status == 200)
            #expect(body.contains("TIME_NOW"))
            for headers in [[:], try second.mcp.headers] {
                #expect(try await listTools(server, headers).status == 401)
            }
            ended = server
        }
        let server = try #require(ended)
        await #expect(throws: URLError.self) { try await listTools(server, server.headers) }
    }

    private func listTools(_ server: MCPServer, _ headers: [String: String]) async throws -> (status: Int, body: String) {
        let meta: JSON = [
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": [:],
        ]
        let body: JSON = ["jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": ["_meta": meta]]
        var request = URLRequest(url: try #require(URL(string: server.url)))
        request.httpMethod = "POST"
        request.httpBody = Data(body.text.utf8)
        let always = [
            "content-type": "application/json", "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list",
        ]
        for (name, value) in always.merging(headers, uniquingKeysWith: { $1 }) {
            request.setValue(value, forHTTPHeaderField: name)
        }
        let (data, response) = try await URLSession.shared.data(for: request)
        let status = try #require(response as? HTTPURLResponse).statusCode
        return (status, String(decoding: data, as: UTF8.self))
    }

    @Test func cancellingStopsTheRequest() async throws {
        let silent = try Silent()
        let composio = try Composio(apiKey: "k", baseURL: silent.url)
        let call = Task { try await composio.create(userID: "ada") }
        let connection = await silent.take()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        await connection.ended()
        try await composio.close()
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        let composio = try hosted()
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await composio.create(userID: "ada")
        }
        await #expect(throws: CancellationError.self) { try await call.value }
        try await composio.close()
    }

    @Test func theBuiltInsAndTheFileMount() async throws {
        try await withRouter { composio in
            #expect(composio.dataFolder != nil)
            let session = try await composio.create(
                userID: "ada", options: SessionOptions(toolkits: Selection(disable: ["http"])))
            #expect(Set(try await session.toolkits().items.map(\.slug)) == ["files", "sqlite", "time"])
            let files = session.experimental.files
            let written = try await files.upload(Data("hello".utf8), remotePath: "in/a.txt")
            #expect(written.filename == "a.txt")
            #expect(try await written.text() == "hello")
            #expect(try await session.execute("FILES_READ", ["path": "in/a.txt"]).data["content"] == "hello")
            let refusal = try await error(.uploadNotAllowed) {
                _ = try await files.upload("/etc/hosts", modifiers: [.beforeFileUpload { _ in nil }])
            }
            #expect(refusal.message.contains("/etc/hosts"))
            #expect(try await files.delete("in/a.txt").mountRelativePath == "in/a.txt")
        }
    }

    @Test func aToolMayWaitForTheUser() async throws {
        try await withRouter { composio in
            let options = SessionOptions(toolkits: Selection(requireApproval: ["time"]))
            let session = try await composio.create(userID: "ada", options: options)
            let asked = try await error(.toolInputRequired) { _ = try await session.execute("TIME_NOW") }
            let question = try #require(asked.inputRequests?.object?.keys.first)
            #expect(asked.requestState != nil)
            let answered = try await session.execute(
                "TIME_NOW", inputResponses: [question: ["action": "accept", "content": ["decision": "approve"]]],
                requestState: asked.requestState)
            #expect(answered.error == nil)
        }
    }

    @Test func sessionOptionsAreWrittenByTheirNames() async throws {
        try await withRouter { composio in
            var options = SessionOptions(toolkits: ["time", "files"], preload: .tools(["TIME_NOW"]))
            options.tools = ["files": Selection(enable: ["FILES_READ"])]
            options.tags = Selection(disable: ["destructiveHint"])
            options.manageConnections = ManageConnections(enable: false)
            options.userTimezone = "Europe/Berlin"
            let session = try await composio.create(userID: "ada", options: options)
            let config = try session.config
            #expect(config["toolkits"]?["enabled"] == ["time", "files"] || config["toolkits"]?["enable"] == ["time", "files"])
            #expect(try session.preload?["tools"] == ["TIME_NOW"])
            var change = SessionUpdate()
            change.toolkits = .set(["time"])
            change.preload = .clear
            change.expectedConfigVersion = session.configVersion
            try await session.update(change)
            #expect(session.configVersion == 2)
            #expect(Set(try await session.toolkits().items.map(\.slug)) == ["time"])
            _ = try await error(.sessionConfigConflict) { try await session.update(change) }
            #expect(try await session.listConfigHistory().items.count == 2)
            let again = try await composio.use(sessionID: session.id)
            #expect(again.userID == "ada")
            #expect(try await session.delete().isDeleted)
            _ = try await error(.notFound) { _ = try await composio.use(sessionID: session.id) }
        }
    }
}
