import ComposioNative

/// A session: the tools, accounts and files that an agent may use for one user. Made by
/// ``Composio/create(userID:options:customTools:customToolkits:)`` or ``Composio/use(sessionID:mcp:customTools:customToolkits:)``;
/// tasks may share it.
///
/// Cancelling a task stops its request and throws `CancellationError`; every other failure is a ``ComposioError``.
public struct Session: Sendable, CustomStringConvertible {
    let engine: Engine
    let client: NativeClient

    private var native: NativeSession { engine.session }

    /// The session's id; ``Composio/use(sessionID:mcp:customTools:customToolkits:)`` takes the session up again.
    public var id: String { native.id() }
    /// Whom the session acts for.
    public var userID: String { engine.userID }
    /// The version of the configuration, from 1.
    public var configVersion: Int { Int(native.configVersion()) }
    /// What is still experimental.
    public var experimental: Experimental { Experimental(session: native) }

    /// The effective configuration as of the last create, use or update.
    public var config: JSON {
        get throws { try JSON(parsing: native.config()) }
    }

    /// What the last create, use or update warned of: a list of objects with `code` and `message`.
    public var warnings: JSON {
        get throws { try JSON(parsing: native.warnings()) }
    }

    /// Which tools are listed directly.
    public var preload: JSON? {
        get throws { try native.preload().map(JSON.init(parsing:)) }
    }

    /// Where an MCP client reaches the session, and with which headers. With the embedded router the first one that is asked for
    /// opens a port of this machine, which a session's own bearer alone opens, until the client is closed.
    ///
    /// - Throws: ``ComposioError`` of the kind `unsupported` from a native library without the feature `server`, as those for phones
    ///   are.
    public var mcp: MCPServer {
        get throws { MCPServer(try lifting { try native.mcp() }, warning: native.mcpWarning()) }
    }

    /// What is still experimental about a session.
    public struct Experimental: Sendable {
        let session: NativeSession

        /// The session's files.
        public var files: FilesMount { FilesMount(session: session) }
        /// What tells a model how to use the session.
        public var assistivePrompt: String? { session.assistivePrompt() }
    }

    /// The session's tools, as the client's provider takes them: a list.
    ///
    /// - Parameter modifiers: those made by ``Modifier/schema(tools:toolkits:_:)`` change what the model sees.
    public func tools(modifiers: [Modifier] = []) async throws -> JSON {
        try await engine.tools(modifiers)
    }

    /// Runs a tool: a custom one in this process, any other at the backend. Never sent twice. A tool that failed is a
    /// result, not an error.
    ///
    /// - Parameters:
    ///   - slug: the tool; for a custom one its final slug or, where only one tool has it, its own.
    ///   - arguments: an object.
    ///   - account: the connected account, an id or alias.
    ///   - inputResponses: the user's answers to an earlier error of the kind `toolInputRequired`.
    ///   - requestState: that error's ``ComposioError/requestState``.
    /// - Throws: ``ComposioError`` of the kind `toolInputRequired` if the tool waits for the user.
    public func execute(
        _ slug: String, _ arguments: JSON? = nil, account: String? = nil, inputResponses: JSON? = nil,
        requestState: String? = nil
    ) async throws -> ExecuteResult {
        try await engine.execute(
            ToolCall(
                slug: slug, arguments: arguments, account: account, inputResponses: inputResponses,
                requestState: requestState))
    }

    /// Runs a meta tool, such as `COMPOSIO_MANAGE_CONNECTIONS`, at the backend.
    public func executeMeta(
        _ slug: String, _ arguments: JSON? = nil, inputResponses: JSON? = nil, requestState: String? = nil
    ) async throws -> ExecuteResult {
        let call = ToolCall(
            slug: slug, arguments: arguments, inputResponses: inputResponses, requestState: requestState
        ).native
        return try await ExecuteResult(
            text: nativeCall { try await native.executeMeta(toolCall: call, cancel: $0) })
    }

    /// Calls a toolkit's API with the user's credentials.
    ///
    /// - Parameters:
    ///   - endpoint: a path below the toolkit's base URL, or an absolute URL on its hosts.
    ///   - method: `GET`, `POST`, `PUT`, `DELETE` or `PATCH`.
    public func proxyExecute(
        toolkit: String, endpoint: String, method: String, body: JSON? = nil, parameters: [ProxyParameter]? = nil
    ) async throws -> ProxyResult {
        try await engine.proxyExecute(
            toolkit: toolkit, endpoint: endpoint, method: method, body: body, parameters: parameters)
    }

    /// Runs all tool calls of a model's reply at once and gives the messages to send back to the model.
    ///
    /// - Parameters:
    ///   - reply: the reply, as the provider's API gives it.
    ///   - modifiers: those made by `before` and `after` go around each call.
    /// - Throws: ``ComposioError`` of the kinds `validation`, where the reply is not one of the client's provider, or
    ///   `toolInputRequired`, where a tool waits for the user.
    public func handleToolCalls(_ reply: JSON, modifiers: [Modifier] = []) async throws -> JSON {
        try await engine.handleToolCalls(reply, modifiers)
    }

    /// Runs a tool as a model's call: custom tools within a `COMPOSIO_MULTI_EXECUTE_TOOL` run in this process.
    ///
    /// Where ``handleToolCalls(_:modifiers:)`` threw an error of the kind `toolInputRequired`, this takes the user's answers.
    public func executeToolCall(
        _ slug: String, _ arguments: JSON = [:], modifiers: [Modifier] = [], inputResponses: JSON? = nil,
        requestState: String? = nil
    ) async throws -> ToolCallResult {
        let call = ToolCall(
            slug: slug, arguments: arguments, inputResponses: inputResponses, requestState: requestState)
        return try await engine.callTools([call], modifiers)[0]
    }

    /// What the client's provider does not take of the tools' schemas as they are, and what ``tools(modifiers:)`` makes of
    /// it.
    ///
    /// Providers refuse parts of JSON Schema, and some names; ``tools(modifiers:)`` writes such a tool so that it is taken.
    /// What a tool is called with is checked against its own schema all the same.
    public func schemaReport() async throws -> [ToolSchemaReport] {
        try await engine.schemaReport()
    }

    /// Finds tools by use case.
    ///
    /// - Parameters:
    ///   - query: 1 to 1,024 characters.
    ///   - model: the model that will use the tools.
    public func search(_ query: String, model: String? = nil) async throws -> SearchReply {
        try await SearchReply(text: nativeCall { try await native.search(query: query, model: model, cancel: $0) })
    }

    /// A page of the session's toolkits, and whether they are connected.
    public func toolkits(
        toolkits: [String]? = nil, search: String? = nil, isConnected: Bool? = nil, limit: Int? = nil,
        nextCursor: String? = nil
    ) async throws -> Page<ToolkitState> {
        let options = JSON.given([
            "toolkits": .of(toolkits), "search": .of(search), "is_connected": .of(isConnected), "limit": .of(limit),
            "next_cursor": .of(nextCursor),
        ])
        return try await Page(text: nativeCall { try await native.toolkits(options: options.text, cancel: $0) })
    }

    /// Starts connecting an account: send the user to its URL, then ``ConnectionRequest/waitForConnection(timeout:)``.
    ///
    /// - Parameters:
    ///   - callbackURL: where the user's browser goes afterwards.
    ///   - alias: a name for the account.
    ///   - experimental: further parameters of the API.
    public func authorize(
        toolkit: String, callbackURL: String? = nil, alias: String? = nil, experimental: JSON? = nil
    ) async throws -> ConnectionRequest {
        let options = JSON.given([
            "toolkit": .string(toolkit), "callback_url": .of(callbackURL), "alias": .of(alias), "experimental": experimental,
        ])
        let reply = try await nativeCall { try await native.authorize(options: options.text, cancel: $0) }
        return ConnectionRequest(json: try JSON(parsing: reply), client: client)
    }

    /// Changes the configuration and gives the new one. What the change does not say stays.
    ///
    /// - Throws: ``ComposioError`` of the kind `sessionConfigConflict` if another version than the expected one is stored.
    @discardableResult
    public func update(_ change: SessionUpdate) async throws -> JSON {
        let options = change.json.text
        _ = try await nativeCall { try await native.update(options: options, cancel: $0) }
        return try config
    }

    /// A page of earlier configurations, newest first, at most `limit` (1 to 100).
    public func listConfigHistory(limit: Int? = nil, cursor: String? = nil) async throws -> Page<ConfigVersion> {
        let query = JSON.given(["limit": .of(limit), "cursor": .of(cursor)])
        return try await Page(text: nativeCall { try await native.configHistory(options: query.text, cancel: $0) })
    }

    /// Deletes the session at the backend.
    @discardableResult
    public func delete() async throws -> DeletedSession {
        try await DeletedSession(text: nativeCall { try await native.delete(cancel: $0) })
    }

    /// The session's custom tools with their final slugs, or those of one toolkit.
    public func customTools(toolkit: String? = nil) throws -> [RegisteredCustomTool] {
        try engine.registered(toolkit)
    }

    /// The session's custom toolkits with their tools.
    public func customToolkits() throws -> [RegisteredCustomToolkit] {
        let list = try lifting { try JSON(parsing: native.customToolkits()) }
        return (list.array ?? []).map(RegisteredCustomToolkit.init(json:))
    }

    /// The id and the user.
    public var description: String { "Session(\(id), userID: \(userID))" }
}
