import ComposioNative
import Foundation

/// One call of a tool.
struct ToolCall: Sendable {
    let slug: String
    var arguments: JSON?
    var account: String?
    var inputResponses: JSON?
    var requestState: String?
    var problem: String?

    var native: NativeToolCall {
        NativeToolCall(
            slug: slug, arguments: arguments?.text, account: account, inputResponses: inputResponses?.text,
            requestState: requestState, problem: problem)
    }
}

/// What a session does with tools.
final class Engine: Sendable {
    let session: NativeSession
    let format: ProviderFormat
    let userID: String
    private let functions: [String: CustomTool]
    private let toolkits: ToolkitsOfTools

    init(session: NativeSession, format: ProviderFormat, tools: [CustomTool]) throws {
        (self.session, self.format, userID) = (session, format, session.userId())
        let registered = try Self.registered(session, nil)
        functions = Dictionary(zip(registered.map(\.slug), tools), uniquingKeysWith: { $1 })
        toolkits = ToolkitsOfTools(registered.map { ($0.slug, $0.toolkit ?? "custom") })
    }

    func registered(_ toolkit: String?) throws -> [RegisteredCustomTool] {
        try Self.registered(session, toolkit)
    }

    private static func registered(_ session: NativeSession, _ toolkit: String?) throws -> [RegisteredCustomTool] {
        let list = try lifting { try JSON(parsing: session.customTools(toolkit: toolkit)) }
        return (list.array ?? []).map(RegisteredCustomTool.init(json:))
    }

    func execute(_ call: ToolCall) async throws -> ExecuteResult {
        let native = call.native
        if let remote = try await nativeCall({ try await session.execute(toolCall: native, cancel: $0) }) {
            return try ExecuteResult(text: remote)
        }
        return ExecuteResult(json: try await run([call], byModel: false)[0])
    }

    func proxyExecute(
        toolkit: String, endpoint: String, method: String, body: JSON?, parameters: [ProxyParameter]?
    ) async throws -> ProxyResult {
        let options = JSON.given([
            "toolkit": .string(toolkit), "endpoint": .string(endpoint), "method": .string(method), "body": body,
            "parameters": parameters.map { .array($0.map(\.json)) },
        ])
        return try await ProxyResult(
            text: nativeCall { try await session.proxyExecute(options: options.text, cancel: $0) })
    }

    /// Runs the custom tools here while the backend does its part. One result a call.
    private func run(_ calls: [ToolCall], byModel: Bool, _ modifiers: [Modifier] = []) async throws -> [JSON] {
        let run = try lifting { try session.run(calls: calls.map(\.native), byModel: byModel) }
        if modifiers.areForUploads { try await judgeUploads(of: run, modifiers) }
        async let remote: Void = nativeCall { try await run.remote(cancel: $0) }
        let outcomes = try await outcomes(of: run.localCalls())
        try await remote
        return try lifting { try run.finish(outcomes: outcomes).map(JSON.init(parsing:)) }
    }

    private func judgeUploads(of run: NativeRun, _ modifiers: [Modifier]) async throws {
        guard let pending = try await nativeCall({ try await run.uploads(cancel: $0) }) else { return }
        var answers: [JSON] = []
        for upload in try JSON(parsing: pending).array ?? [] {
            func field(_ name: String) -> String { upload[name]?.string ?? "" }
            let source = try await modifiers.judge(
                FileUpload(source: field("path"), tool: field("tool"), toolkit: field("toolkit")))
            answers.append(["id": upload["id"] ?? nil, "path": source.map(JSON.string) ?? nil])
        }
        let list = JSON.array(answers).text
        try lifting { try run.answerUploads(answers: list) }
    }

    private func outcomes(of calls: [NativeLocalCall]) async throws -> [NativeLocalOutcome] {
        try await withThrowingTaskGroup(of: NativeLocalOutcome.self) { group in
            for call in calls {
                group.addTask { try await self.outcome(of: call) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func outcome(of call: NativeLocalCall) async throws -> NativeLocalOutcome {
        do {
            guard let tool = functions[call.slug] else {
                throw ComposioError(.internal, "\(call.slug) has no function in this process")
            }
            let data = try await tool.run(try JSON(parsing: call.arguments), ToolContext(engine: self))
            return NativeLocalOutcome(id: call.id, data: data.text, error: nil)
        } catch let error as ComposioError where error.kind == .toolInputRequired {
            // The caller can answer; a model cannot.
            throw error
        } catch {
            // Of the whole call, or thrown by the tool itself: then it is its failure.
            try Task.checkCancellation()
            return NativeLocalOutcome(id: call.id, data: nil, error: reason(error))
        }
    }

    /// Runs the tool calls of a model at once, each between its modifiers.
    func callTools(_ calls: [ToolCall], _ modifiers: [Modifier]) async throws -> [ToolCallResult] {
        var prepared: [ToolCall] = []
        for call in calls {
            prepared.append(try await before(call, modifiers))
        }
        var results: [ToolCallResult] = []
        for (call, result) in zip(calls, try await run(prepared, byModel: true, modifiers)) {
            results.append(try await after(call, ToolCallResult(json: result), modifiers))
        }
        return results
    }

    private func before(_ call: ToolCall, _ modifiers: [Modifier]) async throws -> ToolCall {
        let toolkit = toolkits[call.slug]
        var changed = call
        for modifier in modifiers where modifier.applies(to: call.slug, of: toolkit) {
            guard case .before(let change) = modifier.change else { continue }
            let arguments = changed.arguments.flatMap { $0.object == nil ? nil : $0 } ?? [:]
            changed.arguments = try await change(
                ToolCallRequest(tool: call.slug, toolkit: toolkit, arguments: arguments))
        }
        return changed
    }

    private func after(
        _ call: ToolCall, _ result: ToolCallResult, _ modifiers: [Modifier]
    ) async throws -> ToolCallResult {
        let toolkit = toolkits[call.slug]
        var changed = result
        for modifier in modifiers where modifier.applies(to: call.slug, of: toolkit) {
            guard case .after(let change) = modifier.change else { continue }
            changed = try await change(ToolCallResponse(tool: call.slug, toolkit: toolkit, result: changed))
        }
        return changed
    }

    /// What the provider does not take of the tools' schemas as they are.
    func schemaReport() async throws -> [ToolSchemaReport] {
        let reports = try await JSON(
            parsing: nativeCall { try await session.schemaReport(provider: format.native, cancel: $0) })
        return (reports.array ?? []).map(ToolSchemaReport.init(json:))
    }

    /// The session's tools, as the provider wraps them.
    func tools(_ modifiers: [Modifier]) async throws -> JSON {
        if modifiers.isEmpty {
            return try await JSON(
                parsing: nativeCall { try await session.wrappedTools(provider: format.native, cancel: $0) })
        }
        let listed = try await JSON(parsing: nativeCall { try await session.tools(cancel: $0) })
        var tools = (listed.array ?? []).map(Tool.init(json:))
        for index in tools.indices {
            let (slug, toolkit) = (tools[index].slug, tools[index].toolkitSlug)
            toolkits[slug] = toolkit
            for modifier in modifiers where modifier.applies(to: slug, of: toolkit) {
                guard case .schema(let change) = modifier.change else { continue }
                tools[index] = try await change(tools[index])
            }
        }
        return try format.format(tools)
    }

    func handleToolCalls(_ reply: JSON, _ modifiers: [Modifier]) async throws -> JSON {
        let (given, calls) = try format.toolCalls(reply)
        return try format.format(try await callTools(calls, modifiers), of: given)
    }
}

/// Which toolkit a tool is of.
private final class ToolkitsOfTools: @unchecked Sendable {
    private let lock = NSLock()
    private var toolkits: [String: String]

    init(_ toolkits: [(String, String)]) {
        self.toolkits = Dictionary(toolkits, uniquingKeysWith: { $1 })
    }

    /// A slug starts with its toolkit's; the list of tools says exactly, where it has been read.
    subscript(slug: String) -> String {
        get { lock.withLock { toolkits[slug] } ?? slug.prefix { $0 != "_" }.lowercased() }
        set { lock.withLock { toolkits[slug] = newValue } }
    }
}

private func reason(_ error: any Error) -> String {
    (error as? any LocalizedError)?.errorDescription ?? String(describing: error)
}
