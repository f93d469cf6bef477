package dev.composio

import dev.composio.ffi.NativeProvider
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull

/** How an AI provider writes tools, tool calls and results. */
public enum class Provider(private val wire: String) {
    /** OpenAI chat completions. */
    OPENAI("openai"),

    /** OpenAI Responses. */
    OPENAI_RESPONSES("openai_responses"),

    /** Anthropic messages. */
    ANTHROPIC("anthropic"),

    /** Google Gemini. */
    GOOGLE("google"),
    ;

    internal val native: NativeProvider by lazy { native { NativeProvider(wire) } }

    internal fun formatTools(tools: List<Tool>): JsonArray =
        parseArray(native { native.formatTools(JsonArray(tools.map { it.json }).text()) })

    internal fun toolCalls(reply: JsonElement): List<JsonObject> =
        parseArray(native { native.toolCalls(reply.text()) }).filterIsInstance<JsonObject>()

    internal fun formatResults(calls: List<JsonObject>, results: List<ToolCallResult>): JsonArray =
        parseArray(native { native.formatResults(JsonArray(calls).text(), results.map { it.json.text() }) })
}

/** A tool call as a provider's reply has it. */
internal fun JsonObject.toCall(): Call = Call(
    slug = textAt("slug").orEmpty(),
    arguments = this["arguments"].takeUnless { it is JsonNull },
    problem = textAt("problem"),
)

private fun JsonObject.textAt(name: String): String? = (this[name] as? JsonPrimitive)?.contentOrNull
