package dev.composio

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.nio.file.Path
import java.util.Base64
import kotlin.io.path.createDirectory
import kotlin.io.path.isRegularFile
import kotlin.io.path.readText
import kotlin.io.path.relativeTo
import kotlin.io.path.walk
import kotlin.io.path.writeText

internal fun JsonObject.text(name: String): String? = (this[name] as? JsonPrimitive)?.contentOrNull
internal fun JsonObject.texts(name: String): List<String>? = (this[name] as? JsonArray)?.map { it.jsonPrimitive.content }
internal fun JsonObject.whole(name: String): Int? = (this[name] as? JsonPrimitive)?.int
internal fun JsonObject.flag(name: String): Boolean? = (this[name] as? JsonPrimitive)?.boolean
internal fun JsonObject.inner(name: String): JsonObject? = this[name] as? JsonObject

private fun JsonElement.with(more: JsonObject) = JsonObject(jsonObject.toMap() + more)

/** Carries out the steps of one vector. */
internal class Player(private val vector: JsonObject, private val folder: Path) : AutoCloseable {
    private var client: Composio? = null
    private lateinit var session: Session
    private lateinit var connection: ConnectionRequest
    private lateinit var file: RemoteFile

    /** What the mock is told about one step. */
    suspend fun report(step: JsonObject): JsonObject = try {
        JsonObject(mapOf("result" to step(step.text("call").orEmpty(), step.inner("with") ?: JsonObject(emptyMap()))))
    } catch (error: ComposioException) {
        JsonObject(mapOf("error" to described(error)))
    }

    private fun described(error: ComposioException) = given(
        "kind" to json(error.kind),
        "message" to json(error.message),
        "status" to json(error.status),
        "code" to error.code,
        "slug" to json(error.slug),
        "suggested_fix" to json(error.suggestedFix),
        "request_id" to json(error.requestId),
        "retryable" to json(error.retryable),
        "details" to error.details,
        "text" to json(error.toString()),
        "class" to json(error::class.simpleName),
    )

    private suspend fun step(call: String, with: JsonObject): JsonElement {
        val composio = client ?: open().also { client = it }
        return when (call.substringBefore('.')) {
            "session" -> sessionStep(call.substringAfter('.'), with)
            "files", "file" -> fileStep(call, with)
            "connection" -> connection.waitForConnection(with["timeout"]?.jsonPrimitive?.double).json
            "connected_accounts" -> accountStep(composio.connectedAccounts, call.substringAfter('.'), with)
            "auth_configs" -> configStep(composio.authConfigs, call.substringAfter('.'), with)
            else -> clientStep(composio, call, with)
        }
    }

    private fun open(): Composio {
        val given = vector.inner("client") ?: JsonObject(emptyMap())
        return Composio {
            given.text("provider")?.let { provider = Provider.valueOf(it.uppercase()) }
            apiKey = given.text("api_key")
            baseUrl = given.text("base_url")
            backend = given.text("backend")?.let { name -> BackendKind.entries.single { it.wire == name } }
            timeout = (given["timeout"] as? JsonPrimitive)?.double
            maxRetries = given.whole("max_retries")
            fileUploadPathDenySegments = given.texts("file_upload_path_deny_segments")
            fileUploadDirs = given.texts("file_upload_dirs")?.map(Path::of)
            fileDownloadDir = given.text("file_download_dir")?.let(Path::of)
            dangerouslyAllowAutoUploadDownloadFiles = given.flag("dangerously_allow_auto_upload_download_files") ?: false
            sensitiveFileUploadProtection = given.flag("sensitive_file_upload_protection")
            given.inner("default_headers")?.forEach { (name, value) -> header(name, value.jsonPrimitive.content) }
        }
    }

    private suspend fun clientStep(composio: Composio, call: String, with: JsonObject): JsonElement = when (call) {
        "client" -> JsonNull
        "create" -> {
            session = composio.create(with.text("user_id").orEmpty()) {
                with.filterKeys { it != "user_id" }.forEach { (name, value) -> set(name, value) }
                customTools(*ourTools())
                customToolkits(*ourToolkits())
            }
            state()
        }
        "use" -> {
            session = composio.use(with.text("session_id").orEmpty(), with.flag("mcp") ?: false) {
                tools(*ourTools())
                toolkits(*ourToolkits())
            }
            state()
        }
        "delete" -> composio.deleteSession(with.text("session_id").orEmpty()).json
        "toolkits.get" -> composio.toolkits.get(with.text("slug").orEmpty()).json
        "toolkits.list" ->
            composio.toolkits.list(search = with.text("search"), limit = with.whole("limit"), cursor = with.text("cursor")).json
        "tools.get" -> composio.tools.get(with.text("slug").orEmpty()).json
        "tools.list" -> composio.tools.list(
            with.texts("tools"), with.text("search"), with.text("toolkit")?.let(::listOf), with.whole("limit"),
        ).json
        else -> error("unknown call $call")
    }

    private suspend fun accountStep(accounts: ConnectedAccounts, call: String, with: JsonObject): JsonElement {
        val (user, config) = with.text("user_id").orEmpty() to with.text("auth_config_id").orEmpty()
        val (callback, alias) = with.text("callback_url") to with.text("alias")
        val several = with.flag("allow_multiple") ?: false
        val id = with.text("id").orEmpty()
        return when (call) {
            "link" -> accounts.link(user, config, callback, alias, several).also { connection = it }.json
            "initiate" ->
                accounts.initiate(user, config, callback, alias, several, with.inner("config")).also { connection = it }.json
            "complete_auth" -> accounts.completeAuth(user, with.text("session_uri").orEmpty()).json
            "get" -> accounts.get(id).json
            "list" -> accounts.list(
                with.texts("user_ids"), with.texts("toolkit_slugs"), with.texts("statuses"), with.whole("limit"), with.text("cursor"),
            ).json
            "update" -> accounts.update(id) {
                if ("alias" in with) alias(alias)
                with.inner("connection")?.let(::connection)
            }.json
            "enable" -> accounts.enable(id).json
            "disable" -> accounts.disable(id).json
            "delete" -> accounts.delete(id, with.flag("revoke_on_delete")).json
            "refresh" -> accounts.refresh(id, with.text("redirect_url")).json
            "revoke" -> accounts.revoke(id).json
            else -> error("unknown call $call")
        }
    }

    private suspend fun configStep(configs: AuthConfigs, call: String, with: JsonObject): JsonElement {
        val id = with.text("id").orEmpty()
        val options = with.inner("options") ?: JsonObject(emptyMap())
        return when (call) {
            "get" -> configs.get(id).json
            "list" -> configs.list(with.text("toolkit_slug"), with.whole("limit"), with.text("cursor")).json
            "create" -> configs.create(with.text("toolkit").orEmpty(), options).json
            "update" -> configs.update(id, options).json
            "enable" -> configs.enable(id).json
            "disable" -> configs.disable(id).json
            "delete" -> configs.delete(id).json
            else -> error("unknown call $call")
        }
    }

    private suspend fun sessionStep(call: String, with: JsonObject): JsonElement {
        val modifiers = if (with.flag("modifiers") == true) modifiers() else emptyList()
        val arguments = with.inner("arguments")
        return when (call) {
            "state" -> state()
            "tools" -> session.tools(modifiers)
            "schema_report" -> JsonArray(session.schemaReport().map { it.json })
            "execute" -> session.execute(
                with.text("tool_slug").orEmpty(), arguments, with.text("account"), with.inner("input_responses"), with.text("request_state"),
            ).json
            "execute_meta" -> session.executeMeta(
                with.text("slug").orEmpty(), arguments, with.inner("input_responses"), with.text("request_state"),
            ).json
            "execute_tool_call" -> {
                // Modifiers go with the wrapped tools, and those are there once they have been listed.
                if (modifiers.isNotEmpty()) session.tools(modifiers)
                session.executeToolCall(with.text("slug").orEmpty(), arguments ?: JsonObject(emptyMap()), modifiers).json
            }
            "handle_tool_calls" -> session.handleToolCalls(with.getValue("reply"))
            "proxy_execute" -> proxy(with, session::proxyExecute).json
            "authorize" -> {
                connection = session.authorize(
                    with.text("toolkit").orEmpty(), with.text("callback_url"), with.text("alias"), with.inner("experimental"),
                )
                connection.json
            }
            "toolkits" -> session.toolkits(
                with.texts("toolkits"), with.text("next_cursor"), with.whole("limit"), with.flag("is_connected"), with.text("search"),
            ).json
            "search" -> session.search(with.text("query").orEmpty(), with.text("model")).json
            "update" -> session.update { update(with) }
            "list_config_history" -> session.listConfigHistory(with.whole("limit"), with.text("cursor")).json
            "delete" -> session.delete().json
            "custom_tools" -> JsonArray(session.customTools(with.text("toolkit")).map { it.json })
            "custom_toolkits" -> JsonArray(session.customToolkits().map { it.json })
            else -> error("unknown call session.$call")
        }
    }

    private fun SessionUpdate.update(with: JsonObject) = with.forEach { (name, value) ->
        when {
            name == "expected_config_version" && value !is JsonNull -> expectedConfigVersion(value.jsonPrimitive.long)
            value is JsonNull && name != "expected_config_version" -> clear(Setting.entries.single { it.wire == name })
            else -> set(name, value)
        }
    }

    private fun state() = JsonObject(
        mapOf(
            "session_id" to JsonPrimitive(session.sessionId),
            "config" to session.config,
            "config_version" to JsonPrimitive(session.configVersion),
            "preload" to (session.preload ?: JsonNull),
            "mcp" to session.mcp.let { mcp ->
                given(
                    "type" to json(mcp.type),
                    "url" to json(mcp.url),
                    "headers" to JsonObject(mcp.headers.mapValues { JsonPrimitive(it.value) }),
                )
            },
            "assistive_prompt" to JsonPrimitive(session.experimental.assistivePrompt),
        ),
    )

    private suspend fun fileStep(call: String, with: JsonObject): JsonElement {
        val files = session.experimental.files
        val mount = with.text("mount_id") ?: FilesMount.DEFAULT_MOUNT
        return when (call) {
            "files.list" -> files.list(with.text("path"), mount, with.text("cursor"), with.whole("limit")).json
            "files.delete" -> files.delete(with.text("remote_path").orEmpty(), mount).json
            "files.download" -> remote(files.download(with.text("file_path").orEmpty(), mount))
            "files.upload" -> {
                val (path, type) = with.text("remote_path") to with.text("mimetype")
                val input = with.getValue("input").jsonObject
                val content = input.text("text")?.encodeToByteArray() ?: input.text("base64")?.let(Base64.getDecoder()::decode)
                remote(if (content != null) files.upload(content, path, type, mount) else files.upload(source(input), path, type, mount))
            }
            "file.text" -> given("text" to json(file.text()))
            "file.buffer" -> given("base64" to json(Base64.getEncoder().encodeToString(file.bytes())))
            "file.save" -> {
                val saved = file.save(folder.resolve("in").createDirectory())
                val all = folder.walk().filter { it.isRegularFile() }.map { JsonPrimitive(it.relativeTo(folder).toString()) }
                given("files" to JsonArray(all.toList()), "text" to json(saved.readText()))
            }
            else -> error("unknown call $call")
        }
    }

    private fun remote(file: RemoteFile): JsonElement {
        this.file = file
        return given(
            "mount_relative_path" to json(file.mountRelativePath),
            "sandbox_mount_prefix" to json(file.sandboxMountPrefix),
            "download_url" to json(file.downloadUrl),
            "expires_at" to json(file.expiresAt),
            "filename" to json(file.filename),
        )
    }

    private fun source(input: JsonObject): String = input.text("url")
        ?: input.text("missing_file")?.let { folder.resolve(it).toString() }
        ?: input.getValue("file").jsonObject.let { written ->
            folder.resolve(written.text("name").orEmpty()).also { it.writeText(written.text("text").orEmpty()) }.toString()
        }

    private fun ourTools() = (vector["custom_tools"] as? JsonArray).orEmpty().map { tool(it.jsonObject) }.toTypedArray()

    private fun ourToolkits() = (vector["custom_toolkits"] as? JsonArray).orEmpty().map { given ->
        val toolkit = given.jsonObject
        val tools = toolkit.getValue("tools").jsonArray.map { tool(it.jsonObject) }.toTypedArray()
        customToolkit(
            toolkit.text("slug").orEmpty(), toolkit.text("name").orEmpty(), toolkit.text("description").orEmpty(), *tools,
            preload = toolkit.flag("preload"),
        )
    }.toTypedArray()

    private fun tool(given: JsonObject) = customTool(
        slug = given.text("slug").orEmpty(),
        description = given.text("description").orEmpty(),
        inputSchema = given.getValue("input_schema").jsonObject,
        name = given.text("name"),
        outputSchema = given.inner("output_schema"),
        extendsToolkit = given.text("extends_toolkit"),
        preload = given.flag("preload"),
    ) { arguments -> behave(given.getValue("behaviour"), arguments) }

    private suspend fun ToolContext.behave(behaviour: JsonElement, arguments: JsonObject): JsonElement {
        if (behaviour is JsonPrimitive) {
            return when (behaviour.content) {
                "echo" -> arguments
                "nothing" -> JsonNull
                "context_user" -> given("user_id" to json(userId))
                else -> error("unknown behaviour $behaviour")
            }
        }
        val (what, value) = behaviour.jsonObject.entries.single()
        return when (what) {
            "return" -> value
            "fail" -> throw IllegalArgumentException(value.jsonPrimitive.content)
            "call" -> value.jsonObject.let { execute(it.text("slug").orEmpty(), it.inner("arguments")) }.let {
                given("data" to it.data, "error" to it.json["error"])
            }
            "proxy_execute" -> proxy(value.jsonObject, ::proxyExecute).let {
                given("status" to json(it.status), "data" to it.data)
            }
            else -> error("unknown behaviour $what")
        }
    }

    private fun modifiers() = vector.getValue("modifiers").jsonArray.map { modifier(it.jsonObject) }

    private fun modifier(given: JsonObject): Modifier {
        val value = given.getValue("behaviour").jsonObject.values.single()
        val (tools, toolkits) = given.texts("tools").orEmpty() to given.texts("toolkits").orEmpty()
        return when (given.text("type")) {
            "before_execute" -> beforeExecute(tools, toolkits) { it.arguments.with(value.jsonObject) }
            "after_execute" -> afterExecute(tools, toolkits) { it.result.copy(data = it.result.data.with(value.jsonObject)) }
            "before_file_upload" -> beforeFileUpload(tools, toolkits) { value.jsonPrimitive.contentOrNull }
            else -> schemaModifier(tools, toolkits) { it.copy(description = value.jsonPrimitive.content) }
        }
    }

    override fun close() {
        client?.close()
    }
}

private typealias Proxy = suspend (String, String, String, JsonElement?, List<ProxyParameter>?) -> ProxyResult

private suspend fun proxy(with: JsonObject, call: Proxy): ProxyResult = call(
    with.text("toolkit").orEmpty(),
    with.text("endpoint").orEmpty(),
    with.text("method").orEmpty(),
    with["body"],
    (with["parameters"] as? JsonArray)?.map { given ->
        val parameter = given.jsonObject
        val (name, value) = parameter.text("name").orEmpty() to (parameter["value"] ?: JsonNull)
        when (parameter.text("in") ?: parameter.text("type")) {
            "query" -> ProxyParameter.query(name, value)
            else -> ProxyParameter.header(name, value)
        }
    },
)
