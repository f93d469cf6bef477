import Composio
import ComposioTestSupport
import Foundation
import Testing

@Suite struct CustomToolTests {
    struct Order: Codable {
        var customer: String
        var lamps: Int?
    }

    private struct Broken: LocalizedError {
        var errorDescription: String? { "the lamp is broken" }
    }

    private func tool<Output: Encodable>(
        _ slug: String, run: @escaping @Sendable (Order, ToolContext) async throws -> Output
    ) throws -> CustomTool {
        try CustomTool(slug, "Is about lamps.") {
            Parameter.string("customer", "Who ordered.")
            Parameter.integer("lamps", "How many.").optional
        } run: {
            try await run($0, $1)
        }
    }

    @Test func parametersAreASchema() throws {
        let tool = try CustomTool("LAMPS", "Is about lamps.") {
            Parameter.string("kind", "Which.", oneOf: ["desk", "wall"])
            Parameter.array("watts", "Of each.", of: ["type": "number"]).optional
            Parameter.object("to", "Where to.") {
                Parameter.string("city", "The city.")
                if true { Parameter.boolean("urgent", "Today.").optional }
            }
            for name in ["a", "b"] { Parameter.number(name, "A measure.").optional }
        } run: { (_: JSON, _) in
            JSON.null
        }
        #expect(
            tool.inputSchema == [
                "type": "object", "required": ["kind", "to"],
                "properties": [
                    "kind": ["type": "string", "description": "Which.", "enum": ["desk", "wall"]],
                    "watts": ["type": "array", "description": "Of each.", "items": ["type": "number"]],
                    "to": [
                        "type": "object", "description": "Where to.", "required": ["city"],
                        "properties": [
                            "city": ["type": "string", "description": "The city."],
                            "urgent": ["type": "boolean", "description": "Today."],
                        ],
                    ],
                    "a": ["type": "number", "description": "A measure."], "b": ["type": "number", "description": "A measure."],
                ],
            ])
    }

    @Test func aDefinitionThatIsNotUsableIsRefused() async throws {
        let refused = try await error(.validation) {
            _ = try CustomTool("not a slug", "No.", inputSchema: ["type": "object"]) { (input: JSON, _) in input }
        }
        #expect(refused.message.contains("slug"))
    }

    @Test func jsonKeepsItsDigits() async throws {
        let echo = try CustomTool("ECHO", "Gives back what it takes.", inputSchema: ["type": "object"]) {
            (input: JSON, _) in input
        }
        let exact = try JSON(
            parsing: #"{"a":12345678901234567890123,"b":0.10,"c":-0.0,"d":1e3,"e":null,"f":"\u0000 \"ü\"","g":[]}"#)
        try await withRouter { composio in
            let session = try await composio.create(userID: "ada", customTools: [echo])
            #expect(try await session.execute("ECHO", exact).data == exact)
            #expect(try session.customTools().map(\.slug) == ["LOCAL_ECHO"])
        }
    }

    @Test func aToolsFailureIsItsOwnAndToolsOfOneCallRunTogether() async throws {
        let (met, meet) = AsyncStream<Void>.makeStream()
        let first = try tool("FIRST") { order, _ -> Order in
            for await _ in met { break }
            return Order(customer: order.customer, lamps: 1)
        }
        let second = try tool("SECOND") { _, _ -> Order in
            meet.yield()
            throw Broken()
        }
        let third = try tool("THIRD") { _, _ -> Order in throw CancellationError() }
        try await withRouter { composio in
            let kit = CustomToolkit("LAMPS", name: "Lamps", "Is about lamps.", tools: [third])
            let session = try await composio.create(userID: "ada", customTools: [first, second], customToolkits: [kit])
            let toolkits = try session.customToolkits()
            #expect(toolkits.map(\.slug) == ["LAMPS"])
            let slugs = ["LOCAL_FIRST", "LOCAL_SECOND"] + toolkits[0].tools.map(\.slug)
            let items = slugs.map { ["tool_slug": .string($0), "arguments": ["customer": "Ada"]] as JSON }
            let results = try await session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", ["tools": .array(items)]).data
            #expect(results.text.contains(#""lamps":1"#))
            #expect(results.text.contains("the lamp is broken"))
            #expect(results.text.contains("CancellationError"))
            let wrong = try await session.execute("FIRST", ["customer": 1])
            #expect(wrong.error?.contains("customer") == true)
        }
    }

    @Test func cancellingEndsAToolThatIsRunning() async throws {
        let (started, start) = AsyncStream<Void>.makeStream()
        let endless = try tool("ENDLESS") { _, _ -> JSON in
            start.yield()
            for await _ in AsyncStream<Void>.makeStream().stream {}
            try Task.checkCancellation()
            return nil
        }
        try await withRouter { composio in
            let session = try await composio.create(userID: "ada", customTools: [endless])
            let running = Task { try await session.execute("ENDLESS", ["customer": "Ada"]) }
            for await _ in started { break }
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
        }
    }

    @Test func modifiersGoAroundACall() async throws {
        let echo = try CustomTool("ECHO", "Gives back what it takes.", inputSchema: ["type": "object"]) {
            (input: JSON, _) in input
        }
        try await withRouter { composio in
            let session = try await composio.create(userID: "ada", customTools: [echo])
            let modifiers: [Modifier] = [
                .before(tools: ["LOCAL_ECHO"]) { request in
                    var arguments = request.arguments
                    arguments["before"] = true
                    return arguments
                },
                .before(toolkits: ["time"]) { _ in ["not": "for this tool"] },
                .after { response in
                    var result = response.result
                    result.data["after"] = .string(response.toolkit)
                    return result
                },
            ]
            let result = try await session.executeToolCall("LOCAL_ECHO", ["given": 1], modifiers: modifiers)
            #expect(result.data == ["given": 1, "before": true, "after": "custom"])
        }
    }
}
