package dev.composio

import dev.composio.ffi.NativeClient
import dev.composio.ffi.NativeClientOptions
import dev.composio.ffi.NativeSession
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.nio.file.Path

/** Which backend answers. */
public enum class BackendKind(internal val wire: String) {
    /** The embedded router, in this process; no account or key. */
    EMBEDDED("embedded"),

    /** A hosted backend. */
    HTTP("http"),
}

/** How to reach the backend. With a key or base URL it is a hosted one; with neither the embedded router answers. */
@ComposioDsl
public class ComposioOptions internal constructor() {
    /** How tools are written for the model. */
    public var provider: Provider = Provider.OPENAI

    /** The API key; by default the environment variable `COMPOSIO_API_KEY`. Do not ship one in an app. */
    public var apiKey: String? = null

    /** The base URL; by default `COMPOSIO_BASE_URL`, else the hosted service. */
    public var baseUrl: String? = null

    /** Forces one backend. */
    public var backend: BackendKind? = null

    /** Seconds that one attempt may take, by default 60. */
    public var timeout: Double? = null

    /** How often a call that changes nothing is tried again, by default 2. */
    public var maxRetries: Int? = null

    /** Whether files that commonly hold credentials are refused, by default true. */
    public var sensitiveFileUploadProtection: Boolean? = null

    /** Further names of files and folders that are not uploaded. */
    public var fileUploadPathDenySegments: List<String>? = null

    /**
     * Only files below these folders are uploaded. By default any, but `~/.composio/temp` alone for uploads that a tool's
     * arguments lead to.
     */
    public var fileUploadDirs: List<Path>? = null

    /** Where files that tools return are saved, by default `files` in `COMPOSIO_CACHE_DIR`, else in `~/.composio`. */
    public var fileDownloadDir: Path? = null

    /**
     * Whether tools' files go to and fro by themselves. The model then gives a path or URL where a tool takes a file, and
     * gets the path of each file that a tool returns. A model that was led astray can so send away any file that
     * [fileUploadDirs] and [sensitiveFileUploadProtection] allow.
     */
    public var dangerouslyAllowAutoUploadDownloadFiles: Boolean = false

    private val headers = LinkedHashMap<String, String>()
    private var config: JsonElement? = null

    /** A header that every call sends, such as a session's own bearer. */
    public fun header(name: String, value: String) {
        headers[name] = value
    }

    /** The embedded router's configuration file, a `composio.toml`. */
    public fun config(file: Path) {
        config = JsonPrimitive(file.toString())
    }

    /** The embedded router's configuration, with what such a file says. */
    public fun config(content: JsonObject) {
        config = content
    }

    internal fun open(): NativeClient {
        val retries = maxRetries
        if (retries != null && retries < 0) throw validation("maxRetries: expected 0 or more, got $retries")
        val uploads = given(
            "sensitive_file_upload_protection" to json(sensitiveFileUploadProtection),
            "file_upload_path_deny_segments" to json(fileUploadPathDenySegments),
            "file_upload_dirs" to json(fileUploadDirs?.map(Path::toString)),
            "file_download_dir" to json(fileDownloadDir?.toString()),
            "dangerously_allow_auto_upload_download_files" to json(dangerouslyAllowAutoUploadDownloadFiles),
        )
        val options = NativeClientOptions(
            backend?.wire, apiKey, baseUrl, timeout, retries?.toUInt(), headers, config?.text(),
            uploads.takeIf { it.isNotEmpty() }?.text(),
        )
        Threads.keepAttached()
        return native { NativeClient(options) }
    }
}

/**
 * Makes a client. Nothing is opened or sent before its first call.
 *
 * @throws ComposioException.ApiKeyNotProvided if HTTP is asked for without a key
 * @throws ComposioException.Validation if an option is malformed
 */
public fun Composio(options: ComposioOptions.() -> Unit = {}): Composio {
    val chosen = ComposioOptions().apply(options)
    return Composio(chosen.open(), chosen.provider)
}

/** A client; threads and coroutines may share it. Close it, best with `use {}`. */
public class Composio internal constructor(private val native: NativeClient, private val provider: Provider) : AutoCloseable {
    /** Creates, takes up and deletes sessions. */
    public val sessions: Sessions = Sessions()

    /** The project's connected accounts. */
    public val connectedAccounts: ConnectedAccounts = ConnectedAccounts(native)

    /** How the accounts of toolkits are made. */
    public val authConfigs: AuthConfigs = AuthConfigs(native)

    /** The catalogue of toolkits. */
    public val toolkits: Toolkits = Toolkits(native)

    /** The catalogue of tools. */
    public val tools: Tools = Tools(native)

    /** Where the embedded router keeps its data; null where a hosted backend answers. */
    public val dataDir: String? get() = native { native.dataDir() }

    /** Sessions of this client. */
    public inner class Sessions internal constructor() {
        /** The same as [Composio.create]. */
        public suspend fun create(userId: String, options: SessionOptions.() -> Unit = {}): Session =
            this@Composio.create(userId, options)

        /** The same as [Composio.use]. */
        public suspend fun use(sessionId: String, mcp: Boolean = false, custom: CustomTools.() -> Unit = {}): Session =
            this@Composio.use(sessionId, mcp, custom)

        /** The same as [Composio.deleteSession]. */
        public suspend fun delete(sessionId: String): DeletedSession = deleteSession(sessionId)
    }

    /**
     * Creates a session for a user.
     *
     * @throws ComposioException.Validation if an option is malformed; nothing was sent
     * @throws ComposioException.McpDestination with `mcp()`, if the MCP server is not the backend's own
     */
    public suspend fun create(userId: String, options: SessionOptions.() -> Unit = {}): Session {
        val chosen = SessionOptions().apply(options)
        val text = JsonObject(mapOf("user_id" to JsonPrimitive(userId)) + chosen.build()).text()
        return chosen.custom.build().use { tools -> bind(chosen.custom, nativeCall { native.create(text, tools, null) }) }
    }

    /**
     * Takes up a session that exists, with these custom tools.
     *
     * @param mcp whether the session is used over MCP: one on a foreign MCP server is an error
     * @throws ComposioException.NotFound if there is no such session
     */
    public suspend fun use(sessionId: String, mcp: Boolean = false, custom: CustomTools.() -> Unit = {}): Session {
        val chosen = CustomTools().apply(custom)
        return chosen.build().use { tools -> bind(chosen, nativeCall { native.useSession(sessionId, tools, mcp, null) }) }
    }

    private fun bind(custom: CustomTools, session: NativeSession) =
        Session(Engine(session, provider, custom.ordered()), native)

    /** Deletes a session. */
    public suspend fun deleteSession(sessionId: String): DeletedSession =
        DeletedSession(parseObject(nativeCall { native.deleteSession(sessionId, null) }))

    /** Closes connections, files and child processes, and waits for that; further calls fail. */
    override fun close() {
        runBlocking {
            try {
                nativeCall { native.shutDown() }
            } catch (_: ComposioException.Closed) {
                // A second time there is nothing to do.
            }
        }
        native.close()
    }

    override fun toString(): String = "Composio(provider=$provider)"
}

/** The catalogue of toolkits. */
public class Toolkits internal constructor(private val native: NativeClient) {
    /** One toolkit. */
    public suspend fun get(slug: String): Toolkit = Toolkit(parseObject(nativeCall { native.toolkit(slug, null) }))

    /** A page of toolkits. */
    public suspend fun list(
        search: String? = null,
        category: String? = null,
        sortBy: String? = null,
        managedBy: String? = null,
        limit: Int? = null,
        cursor: String? = null,
    ): Page<Toolkit> {
        val query = given(
            "search" to json(search),
            "category" to json(category),
            "sort_by" to json(sortBy),
            "managed_by" to json(managedBy),
            "limit" to json(limit),
            "cursor" to json(cursor),
        )
        return Page(parseObject(nativeCall { native.toolkits(query.text(), null) }), ::Toolkit)
    }
}

/** The catalogue of tools. */
public class Tools internal constructor(private val native: NativeClient) {
    /** One tool. */
    public suspend fun get(slug: String): Tool = Tool(parseObject(nativeCall { native.tool(slug, null) }))

    /** A page of tools, by slug, by words, or by toolkit. */
    public suspend fun list(
        tools: List<String>? = null,
        search: String? = null,
        toolkits: List<String>? = null,
        limit: Int? = null,
    ): Page<Tool> {
        val query = given(
            "tool_slugs" to json(tools?.joinToString(",")),
            "toolkit_slug" to json(toolkits?.joinToString(",")),
            "query" to json(search),
            "limit" to json(limit),
        )
        return Page(parseObject(nativeCall { native.tools(query.text(), null) }), ::Tool)
    }
}
