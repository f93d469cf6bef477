package dev.composio

import dev.composio.ffi.NativeClient
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * A session: the tools, accounts and files that an agent may use for one user. Made by [Composio.create] or
 * [Composio.use]; threads and coroutines may share it.
 *
 * Cancelling a coroutine stops its request. Every call throws the class of [ComposioException] that fits what went wrong.
 */
public class Session internal constructor(private val engine: Engine, private val client: NativeClient) : AutoCloseable {
    private val native = engine.native

    /** The session's id; [Composio.use] takes the session up again. */
    public val sessionId: String get() = native { native.id() }

    /** Whom the session acts for. */
    public val userId: String get() = engine.userId

    /** The effective configuration as of the last create, use or update. */
    public val config: JsonObject get() = parseObject(native { native.config() })

    /** The version of [config], from 1. */
    public val configVersion: Long get() = native { native.configVersion() }

    /** What the last create, use or update warned of: a list of objects with `code` and `message`. */
    public val warnings: JsonElement get() = parse(native { native.warnings() })

    /** Which tools are listed directly. */
    public val preload: JsonElement? get() = native { native.preload() }?.let(::parse)

    /**
     * Where an MCP client reaches the session, and with which headers. With the embedded router the first one that is asked for
     * opens a port of this machine, which a session's own bearer alone opens, until the client is closed.
     *
     * @throws ComposioException.Unsupported from a native library without the feature `server`, as those for phones are
     */
    public val mcp: McpServer get() = native { native.mcp() }.let { McpServer(it.kind, it.url, it.headers) }

    /** Why [mcp] has no headers, where it has none. */
    public val mcpWarning: String? get() = native { native.mcpWarning() }

    /** What is still experimental. */
    public val experimental: Experimental = Experimental()

    /** What is still experimental about a session. */
    public inner class Experimental internal constructor() {
        /** The session's files. */
        public val files: FilesMount = FilesMount(native)

        /** What tells a model how to use the session. */
        public val assistivePrompt: String? get() = native { native.assistivePrompt() }
    }

    /**
     * The session's tools, as the client's provider takes them.
     *
     * @param modifiers [schemaModifier]s change what the model sees
     */
    public suspend fun tools(modifiers: List<Modifier> = emptyList()): JsonArray = engine.tools(modifiers)

    /**
     * Runs a tool: a custom one in this process, any other at the backend. Never sent twice. A tool that failed is a
     * result, not an exception.
     *
     * @param slug the tool; for a custom one its final slug or, where only one tool has it, its own
     * @param account the connected account, an id or alias
     * @param inputResponses the user's answers to an earlier [ComposioException.ToolInputRequired]
     * @param requestState that error's `requestState`
     * @throws ComposioException.ToolInputRequired if the tool waits for the user
     */
    public suspend fun execute(
        slug: String,
        arguments: JsonObject? = null,
        account: String? = null,
        inputResponses: JsonObject? = null,
        requestState: String? = null,
    ): ExecuteResult = engine.execute(Call(slug, arguments, account, inputResponses, requestState))

    /** Runs a meta tool, such as `COMPOSIO_MANAGE_CONNECTIONS`, at the backend. */
    public suspend fun executeMeta(
        slug: String,
        arguments: JsonObject? = null,
        inputResponses: JsonObject? = null,
        requestState: String? = null,
    ): ExecuteResult {
        val call = Call(slug, arguments, inputResponses = inputResponses, requestState = requestState).lower()
        return ExecuteResult(parseObject(nativeCall { native.executeMeta(call, null) }))
    }

    /**
     * Calls a toolkit's API with the user's credentials.
     *
     * @param endpoint a path below the toolkit's base URL, or an absolute URL on its hosts
     * @param method `GET`, `POST`, `PUT`, `DELETE` or `PATCH`
     */
    public suspend fun proxyExecute(
        toolkit: String,
        endpoint: String,
        method: String,
        body: JsonElement? = null,
        parameters: List<ProxyParameter>? = null,
    ): ProxyResult = engine.proxyExecute(toolkit, endpoint, method, body, parameters)

    /**
     * Runs all tool calls of a model's reply at once and gives the messages to send back to the model.
     *
     * @param reply the reply, as the provider's API gives it
     * @param modifiers [beforeExecute] and [afterExecute] around each call
     * @throws ComposioException.Validation if the reply is not one of the client's provider
     * @throws ComposioException.ToolInputRequired if a tool waits for the user
     */
    public suspend fun handleToolCalls(reply: JsonElement, modifiers: List<Modifier> = emptyList()): JsonArray =
        engine.handleToolCalls(reply, modifiers)

    /**
     * Runs a tool as a model's call: custom tools within a `COMPOSIO_MULTI_EXECUTE_TOOL` run in this process.
     *
     * Where [handleToolCalls] threw [ComposioException.ToolInputRequired], this takes the user's answers.
     */
    public suspend fun executeToolCall(
        slug: String,
        arguments: JsonObject = JsonObject(emptyMap()),
        modifiers: List<Modifier> = emptyList(),
        inputResponses: JsonObject? = null,
        requestState: String? = null,
    ): ToolCallResult {
        val call = Call(slug, arguments, inputResponses = inputResponses, requestState = requestState)
        return engine.callTools(listOf(call), modifiers).single()
    }

    /**
     * What the client's provider does not take of the tools' schemas as they are, and what [tools] makes of it.
     *
     * Providers refuse parts of JSON Schema, and some names; [tools] writes such a tool so that it is taken. What a tool is
     * called with is checked against its own schema all the same.
     */
    public suspend fun schemaReport(): List<ToolSchemaReport> = engine.schemaReport()

    /** Finds tools by use case, 1 to 1,024 characters; [model] names the model that will use them. */
    public suspend fun search(query: String, model: String? = null): SearchReply =
        SearchReply(parseObject(nativeCall { native.search(query, model, null) }))

    /** A page of the session's toolkits, and whether they are connected. */
    public suspend fun toolkits(
        toolkits: List<String>? = null,
        nextCursor: String? = null,
        limit: Int? = null,
        isConnected: Boolean? = null,
        search: String? = null,
    ): Page<ToolkitState> {
        val options = given(
            "toolkits" to json(toolkits),
            "next_cursor" to json(nextCursor),
            "limit" to json(limit),
            "is_connected" to json(isConnected),
            "search" to json(search),
        )
        return Page(parseObject(nativeCall { native.toolkits(options.text(), null) }), ::ToolkitState)
    }

    /**
     * Starts connecting an account: send the user to `redirectUrl`, then `waitForConnection`.
     *
     * @param callbackUrl where the user's browser goes afterwards
     * @param alias a name for the account
     * @param experimental further parameters of the API
     */
    public suspend fun authorize(
        toolkit: String,
        callbackUrl: String? = null,
        alias: String? = null,
        experimental: JsonObject? = null,
    ): ConnectionRequest {
        val options = given(
            "toolkit" to json(toolkit),
            "callback_url" to json(callbackUrl),
            "alias" to json(alias),
            "experimental" to experimental,
        )
        return ConnectionRequest(parseObject(nativeCall { native.authorize(options.text(), null) }), client)
    }

    /**
     * Changes the configuration and gives the new one. What the block does not say stays; `clear` removes what was stored.
     *
     * @throws ComposioException.SessionConfigConflict if another version than `expectedConfigVersion` is stored
     */
    public suspend fun update(change: SessionUpdate.() -> Unit): JsonObject {
        val options = SessionUpdate().apply(change).build()
        nativeCall { native.update(options.text(), null) }
        return config
    }

    /** A page of earlier configurations, newest first, at most [limit] (1 to 100). */
    public suspend fun listConfigHistory(limit: Int? = null, cursor: String? = null): Page<ConfigVersion> {
        val query = given("limit" to json(limit), "cursor" to json(cursor))
        return Page(parseObject(nativeCall { native.configHistory(query.text(), null) }), ::ConfigVersion)
    }

    /** Deletes the session at the backend. */
    public suspend fun delete(): DeletedSession = DeletedSession(parseObject(nativeCall { native.delete(null) }))

    /** The session's custom tools with their final slugs, or those of one toolkit. */
    public fun customTools(toolkit: String? = null): List<RegisteredCustomTool> = engine.registered(toolkit)

    /** The session's custom toolkits with their tools. */
    public fun customToolkits(): List<RegisteredCustomToolkit> =
        parseArray(native { native.customToolkits() }).filterIsInstance<JsonObject>().map(::RegisteredCustomToolkit)

    /** Lets go of the native object; the session at the backend stays. */
    override fun close(): Unit = native.close()

    override fun toString(): String = "Session($sessionId, userId=$userId)"
}

/** A query parameter or header of a proxied call. */
public class ProxyParameter private constructor(internal val json: JsonObject) {
    /** The factories. */
    public companion object {
        /** A query parameter. */
        public fun query(name: String, value: JsonElement): ProxyParameter = of("query", name, value)

        /** A query parameter. */
        public fun query(name: String, value: String): ProxyParameter = of("query", name, JsonPrimitive(value))

        /** A header. */
        public fun header(name: String, value: JsonElement): ProxyParameter = of("header", name, value)

        /** A header. */
        public fun header(name: String, value: String): ProxyParameter = of("header", name, JsonPrimitive(value))

        private fun of(type: String, name: String, value: JsonElement) =
            ProxyParameter(given("name" to json(name), "value" to value, "type" to json(type)))
    }
}

/** An account that waits for its user to connect it at [redirectUrl]. */
public class ConnectionRequest internal constructor(json: JsonObject, private val client: NativeClient) : Reply(json) {
    /** The connected account's id. */
    public val id: String get() = string("id")

    /** `INITIATED`. */
    public val status: String get() = string("status")

    /** Where the user goes. */
    public val redirectUrl: String? get() = optionalString("redirect_url")

    /**
     * Waits until the account is active, by default for 60 seconds.
     *
     * @param timeout in seconds
     * @throws ComposioException.ConnectedAccount if the account ended as failed, expired, inactive or revoked
     * @throws ComposioException.WaitTimeout if the time is over; the message names the account
     */
    public suspend fun waitForConnection(timeout: Double? = null): ConnectedAccount =
        ConnectedAccount(parseObject(nativeCall { client.waitForConnection(id, timeout, null) }))

    override fun toString(): String = "ConnectionRequest(id=$id, status=$status)"
}
