import Composio
import ComposioTestSupport
import Foundation
import Testing

/// The scenario that every language plays; see tests/scenario/README.md.
@Suite struct ScenarioTests {
    let script: JSON

    init() throws { script = try Places.read("tests/scenario/scenario.json") }

    @Test func endsAsInEveryLanguage() async throws {
        var outcome: [String: JSON] = [:]
        for provider in [Provider.openAI, .anthropic] {
            let reply = try #require(script["replies"]?[provider.rawValue])
            try await withRouter(provider, everything: true) { composio in
                let session = try await composio.create(userID: text("user_id"), customTools: [try meeting()])
                if provider == .openAI { try await first(session, &outcome) }
                outcome[provider.rawValue] = readContents(try await session.handleToolCalls(reply))
            }
        }
        #expect(try Places.read("tests/scenario/expected.json") == .object(outcome))
    }

    private func text(_ name: String) -> String { script[name]?.string ?? "" }

    private func meeting() throws -> CustomTool {
        let given = try #require(script["custom_tool"])
        let calls = try #require(given["calls"])
        return try CustomTool(
            given["slug"]?.string ?? "", given["description"]?.string ?? "", name: given["name"]?.string,
            inputSchema: try #require(given["input_schema"])
        ) { (arguments: JSON, context) -> JSON in
            var input = calls["fixed"] ?? [:]
            input[calls["argument"]?.string ?? ""] = arguments["start"]
            let converted = try await context.execute(calls["slug"]?.string ?? "", input)
            return ["berlin": arguments["start"] ?? nil, "tokyo": converted.data["time"] ?? nil]
        }
    }

    private func first(_ session: Session, _ outcome: inout [String: JSON]) async throws {
        let slugs = try await session.toolkits().items.map(\.slug).sorted()
        outcome["toolkits"] = .array(slugs.map(JSON.string))
        let found = try await session.search(text("search")).results.first?.primaryToolSlugs.first
        outcome["found"] = .string(found ?? "")
        for name in ["built_in", "mcp"] {
            outcome[name] = shown(
                try await session.execute(script[name]?["slug"]?.string ?? "", script[name]?["arguments"]))
        }
        outcome["custom"] = shown(try await session.execute("MEETING", script["custom_arguments"]))
        let items: JSON = ["tools": try #require(script["multi_execute"])]
        outcome["multi_execute"] = withoutLogIDs(
            try await session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", items).json)
        do {
            _ = try await session.execute(text("unknown_tool"))
            Issue.record("an unknown tool is an error")
        } catch let error as ComposioError {
            let message = "\(error.message) (\(error.suggestedFix ?? ""))"
            outcome["unknown_tool"] = ["kind": .string(error.kind.rawValue), "message": .string(message)]
        }
    }

    private func shown(_ result: ExecuteResult) -> JSON {
        ["data": result.data, "error": result.error.map(JSON.string) ?? nil]
    }

    private func withoutLogIDs(_ value: JSON) -> JSON {
        switch value {
        case .object(let members): .object(members.filter { $0.key != "log_id" }.mapValues(withoutLogIDs))
        case .array(let elements): .array(elements.map(withoutLogIDs))
        default: value
        }
    }

    private func readContents(_ value: JSON) -> JSON {
        switch value {
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { name, inner in
                        let content = name == "content" ? inner.string.flatMap { try? JSON(parsing: $0) } : nil
                        return (name, content ?? readContents(inner))
                    }))
        case .array(let elements): .array(elements.map(readContents))
        default: value
        }
    }
}
