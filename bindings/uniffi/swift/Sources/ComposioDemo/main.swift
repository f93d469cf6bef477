import Composio
import Foundation

// A short tour of the embedded router, with the MCP server at SCENARIO_MCP_URL if that is set.

struct Meeting: Codable {
    var start: String
}

struct Times: Codable {
    var berlin: String
    var tokyo: String
}

let meeting = try CustomTool("MEETING", "Says when a meeting in Berlin begins in Tokyo.") {
    Parameter.string("start", "When it begins in Berlin, such as 2026-03-01T14:30:00.")
} run: { (meeting: Meeting, context) in
    let converted = try await context.execute(
        "TIME_CONVERT",
        ["time": .string(meeting.start), "from_timezone": "Europe/Berlin", "to_timezone": "Asia/Tokyo"])
    return Times(berlin: meeting.start, tokyo: converted.data["time"]?.string ?? "")
}

let reply: JSON = [
    "choices": [
        [
            "message": [
                "role": "assistant",
                "tool_calls": [
                    call("call_1", "LOCAL_MEETING", #"{"start": "2026-03-03T10:00:00"}"#),
                    call("call_2", "TIME_NOW", "{}"),
                ],
            ]
        ]
    ]
]

func call(_ id: String, _ name: String, _ arguments: String) -> JSON {
    [
        "id": .string(id), "type": "function",
        "function": ["name": .string(name), "arguments": .string(arguments)],
    ]
}

func tour(_ composio: Composio, withServer: Bool) async throws {
    print("A session on the embedded router: no account, no key.")
    let session = try await composio.create(userID: "ada", customTools: [meeting])
    print("  toolkits: \(try await session.toolkits().items.map(\.slug).joined(separator: ", "))")
    let found = try await session.search("convert a time from one time zone to another").results.first
    print("\nSearching finds \(found?.primaryToolSlugs.first ?? "nothing").")

    print("\nA built-in, and a custom tool that is a Codable type and calls the built-in:")
    print("  TIME_NOW       \(try await session.execute("TIME_NOW").data)")
    print("  LOCAL_MEETING  \(try await session.execute("MEETING", ["start": "2026-03-01T14:30:00"]).data)")
    if withServer {
        let echo = try await session.execute("EVERYTHING_ECHO", ["message": "hello"])
        print("\nA tool of an MCP server:\n  EVERYTHING_ECHO \(echo.data)")
    }

    print("\nA model's reply with two tool calls becomes the messages that answer it:")
    for message in try await session.handleToolCalls(reply).array ?? [] { print("  \(message)") }

    print("\nA slug that is wrong is an error of its own kind:")
    do {
        _ = try await session.execute("TIME_NWO")
    } catch let error as ComposioError where error.kind == .notFound {
        print("  \(error)")
    }
}

let folder = FileManager.default.temporaryDirectory.appendingPathComponent("composio-demo-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }
var config: JSON = [
    "router": ["data_dir": .string(folder.path), "workspace": .string(folder.appendingPathComponent("work").path)]
]
let server = ProcessInfo.processInfo.environment["SCENARIO_MCP_URL"]
if let server { config["mcp"] = [["slug": "everything", "url": .string(server)]] }
let composio = try Composio(backend: .embedded, config: .content(config))
try await tour(composio, withServer: server != nil)
try await composio.close()
