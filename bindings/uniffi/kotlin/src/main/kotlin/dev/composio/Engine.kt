package dev.composio

import dev.composio.ffi.NativeLocalCall
import dev.composio.ffi.NativeLocalOutcome
import dev.composio.ffi.NativeRun
import dev.composio.ffi.NativeSession
import dev.composio.ffi.NativeToolCall
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonPrimitive
import java.util.concurrent.ConcurrentHashMap

/** One call of a tool. */
internal data class Call(
    val slug: String,
    val arguments: JsonElement? = null,
    val account: String? = null,
    val inputResponses: JsonObject? = null,
    val requestState: String? = null,
    val problem: String? = null,
) {
    fun lower() = NativeToolCall(slug, arguments?.text(), account, inputResponses?.text(), requestState, problem)
}

internal fun call(slug: String, arguments: JsonObject?) = Call(slug, arguments)

/** What a session does with tools. */
internal class Engine(val native: NativeSession, val provider: Provider, tools: List<CustomTool>) {
    val userId: String = native { native.userId() }

    private val functions: Map<String, CustomTool>

    private val toolkits = ConcurrentHashMap<String, String>()

    init {
        val registered = registered(null)
        functions = registered.map { it.slug }.zip(tools).toMap()
        registered.forEach { toolkits[it.slug] = it.toolkit ?: "custom" }
    }

    fun registered(toolkit: String?): List<RegisteredCustomTool> =
        parseArray(native { native.customTools(toolkit) }).filterIsInstance<JsonObject>().map(::RegisteredCustomTool)

    suspend fun execute(call: Call): ExecuteResult {
        val remote = nativeCall { native.execute(call.lower(), null) }
        return ExecuteResult(if (remote != null) parseObject(remote) else run(listOf(call), byModel = false).single())
    }

    suspend fun proxyExecute(
        toolkit: String,
        endpoint: String,
        method: String,
        body: JsonElement?,
        parameters: List<ProxyParameter>?,
    ): ProxyResult {
        val options = given(
            "toolkit" to json(toolkit),
            "endpoint" to json(endpoint),
            "method" to json(method),
            "body" to body,
            "parameters" to parameters?.let { all -> JsonArray(all.map { it.json }) },
        )
        return ProxyResult(parseObject(nativeCall { native.proxyExecute(options.text(), null) }))
    }

    /** Runs the custom tools here while the backend does its part. */
    private suspend fun run(calls: List<Call>, byModel: Boolean, modifiers: List<Modifier> = emptyList()): List<JsonObject> =
        native { native.run(calls.map(Call::lower), byModel) }.use { run ->
            if (modifiers.any { it is Modifier.BeforeFileUpload }) judgeUploads(run, modifiers)
            val locals = native { run.localCalls() }
            val outcomes = if (locals.isEmpty()) {
                nativeCall { run.remote(null) }
                emptyList()
            } else {
                together(run, locals)
            }
            native { run.finish(outcomes) }.map(::parseObject)
        }

    private suspend fun judgeUploads(run: NativeRun, modifiers: List<Modifier>) {
        val pending = nativeCall { run.uploads(null) } ?: return
        val answers = parseArray(pending).filterIsInstance<JsonObject>().map { upload ->
            val field = { name: String -> upload.getValue(name).jsonPrimitive.content }
            val source = modifiers.judge(FileUpload(field("path"), field("tool"), field("toolkit")))
            JsonObject(mapOf("id" to upload.getValue("id"), "path" to JsonPrimitive(source)))
        }
        native { run.answerUploads(JsonArray(answers).text()) }
    }

    private suspend fun together(run: NativeRun, locals: List<NativeLocalCall>): List<NativeLocalOutcome> = coroutineScope {
        // Sent before the tools run, which may keep this thread.
        val remote = async(start = CoroutineStart.UNDISPATCHED) { nativeCall { run.remote(null) } }
        val outcomes = locals.map { async { outcome(it) } }.awaitAll()
        remote.await()
        outcomes
    }

    private suspend fun outcome(local: NativeLocalCall): NativeLocalOutcome = try {
        val tool = functions[local.slug] ?: throw validation("${local.slug} has no function in this process")
        val data = tool.run(ToolContext(this), parseObject(local.arguments)).text()
        // A result that is no JSON is this tool's failure alone.
        parse(data)
        NativeLocalOutcome(local.id, data, null)
    } catch (error: ComposioException.ToolInputRequired) {
        // The caller can answer; a model cannot.
        throw error
    } catch (error: CancellationException) {
        // Of the whole call, or thrown by the tool itself, such as by a timeout of its own: then it is its failure.
        currentCoroutineContext().ensureActive()
        NativeLocalOutcome(local.id, null, reason(error))
    } catch (error: Exception) {
        NativeLocalOutcome(local.id, null, reason(error))
    }

    /** Runs the tool calls of a model at once, each between its modifiers. */
    suspend fun callTools(calls: List<Call>, modifiers: List<Modifier>): List<ToolCallResult> {
        val prepared = calls.map { it.copy(arguments = before(it, modifiers)) }
        return calls.zip(run(prepared, byModel = true, modifiers)) { call, result -> after(call, ToolCallResult(result), modifiers) }
    }

    private suspend fun before(call: Call, modifiers: List<Modifier>): JsonElement? {
        val toolkit = toolkitOf(call.slug)
        return modifiers.filterIsInstance<Modifier.BeforeExecute>().filter { it.appliesTo(call.slug, toolkit) }
            .fold(call.arguments) { arguments, modifier ->
                val given = arguments as? JsonObject ?: JsonObject(emptyMap())
                modifier.change(ToolCallRequest(call.slug, toolkit, given))
            }
    }

    private suspend fun after(call: Call, result: ToolCallResult, modifiers: List<Modifier>): ToolCallResult {
        val toolkit = toolkitOf(call.slug)
        return modifiers.filterIsInstance<Modifier.AfterExecute>().filter { it.appliesTo(call.slug, toolkit) }
            .fold(result) { changed, modifier -> modifier.change(ToolCallResponse(call.slug, toolkit, changed)) }
    }

    // A slug starts with its toolkit's; the list of tools says exactly, where it has been read.
    private fun toolkitOf(slug: String): String = toolkits[slug] ?: slug.substringBefore('_').lowercase()

    /** The session's tools, as the provider wraps them. */
    suspend fun tools(modifiers: List<Modifier>): JsonArray {
        if (modifiers.isEmpty()) return parseArray(nativeCall { native.wrappedTools(provider.native, null) })
        val listed = parseArray(nativeCall { native.tools(null) }).filterIsInstance<JsonObject>().map(::Tool)
        listed.forEach { toolkits[it.slug] = it.toolkit.slug }
        val schemas = modifiers.filterIsInstance<Modifier.Schema>()
        return provider.formatTools(
            listed.map { tool ->
                val chosen = schemas.filter { it.appliesTo(tool.slug, tool.toolkit.slug) }
                chosen.fold(tool) { changed, modifier -> modifier.change(changed) }
            },
        )
    }

    suspend fun schemaReport(): List<ToolSchemaReport> =
        parseArray(nativeCall { native.schemaReport(provider.native, null) }).filterIsInstance<JsonObject>().map(::ToolSchemaReport)

    suspend fun handleToolCalls(reply: JsonElement, modifiers: List<Modifier>): JsonArray {
        val calls = provider.toolCalls(reply)
        return provider.formatResults(calls, callTools(calls.map(JsonObject::toCall), modifiers))
    }
}

private fun reason(error: Exception): String = when (error) {
    is ComposioException -> error.described()
    else -> error.message?.takeIf(String::isNotEmpty) ?: error::class.simpleName ?: "the tool failed"
}
