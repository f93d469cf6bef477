import ComposioNative

/// How an AI provider's API writes tools, tool calls and results.
public enum Provider: String, Sendable, Hashable, CaseIterable {
    /// OpenAI chat completions.
    case openAI = "openai"
    /// OpenAI Responses.
    case openAIResponses = "openai_responses"
    /// Anthropic messages.
    case anthropic
    /// Google Gemini.
    case google
}

/// A provider's format, as the library has it.
struct ProviderFormat: Sendable {
    let native: NativeProvider

    init(_ provider: Provider) throws {
        native = try lifting { try NativeProvider(name: provider.rawValue) }
    }

    func format(_ tools: [Tool]) throws -> JSON {
        try lifting { try JSON(parsing: native.formatTools(tools: JSON.array(tools.map(\.json)).text)) }
    }

    /// The tool calls of a reply: each as the provider has it, and as it is run.
    func toolCalls(_ reply: JSON) throws -> (given: JSON, calls: [ToolCall]) {
        let given = try lifting { try JSON(parsing: native.toolCalls(reply: reply.text)) }
        let calls = (given.array ?? []).map { call in
            ToolCall(
                slug: call["slug"]?.string ?? "", arguments: call["arguments"].flatMap { $0.isNull ? nil : $0 },
                problem: call["problem"]?.string)
        }
        return (given, calls)
    }

    func format(_ results: [ToolCallResult], of given: JSON) throws -> JSON {
        try lifting {
            try JSON(parsing: native.formatResults(calls: given.text, results: results.map(\.json.text)))
        }
    }
}
