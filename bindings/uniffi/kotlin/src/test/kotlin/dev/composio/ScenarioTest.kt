package dev.composio

import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path

/** The scenario that every language plays; see tests/scenario/README.md. */
class ScenarioTest {
    private val script = Places.read("tests/scenario/scenario.json").jsonObject

    @Test
    fun `ends as in every language`(@TempDir folder: Path) = runBlocking {
        val outcome = LinkedHashMap<String, JsonElement>()
        for (provider in listOf(Provider.OPENAI, Provider.ANTHROPIC)) {
            val name = provider.name.lowercase()
            embedded(folder.resolve(name), everything = true, provider).use { composio ->
                composio.create(script.text("user_id").orEmpty()) { customTools(meeting()) }.use { session ->
                    if (provider == Provider.OPENAI) outcome += first(session)
                    val reply = script.getValue("replies").jsonObject.getValue(name)
                    outcome[name] = readContents(session.handleToolCalls(reply))
                }
            }
        }
        assertEquals(Places.read("tests/scenario/expected.json"), JsonObject(outcome))
    }

    private fun meeting(): CustomTool {
        val given = script.getValue("custom_tool").jsonObject
        val calls = given.getValue("calls").jsonObject
        return customTool(
            given.text("slug").orEmpty(), given.text("description").orEmpty(), given.getValue("input_schema").jsonObject,
            given.text("name"),
        ) { arguments ->
            val start = arguments.getValue("start")
            val input = calls.getValue("fixed").jsonObject + (calls.text("argument").orEmpty() to start)
            val converted = execute(calls.text("slug").orEmpty(), JsonObject(input))
            given("berlin" to start, "tokyo" to converted.data.jsonObject["time"])
        }
    }

    private suspend fun first(session: Session): Map<String, JsonElement> {
        val items = given("tools" to script.getValue("multi_execute"))
        val unknown = assertThrows(ComposioException.NotFound::class.java) {
            runBlocking { session.execute(script.text("unknown_tool").orEmpty()) }
        }
        return mapOf(
            "toolkits" to JsonArray(session.toolkits().items.map { it.slug }.sorted().map(::JsonPrimitive)),
            "found" to JsonPrimitive(session.search(script.text("search").orEmpty()).results.first().primaryToolSlugs.first()),
            "built_in" to executed(session, "built_in"),
            "mcp" to executed(session, "mcp"),
            "custom" to shown(session.execute("MEETING", script.getValue("custom_arguments").jsonObject)),
            "multi_execute" to withoutLogIds(session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", items).json),
            "unknown_tool" to given("kind" to json(unknown.kind), "message" to json("${unknown.message} (${unknown.suggestedFix})")),
        )
    }

    private suspend fun executed(session: Session, name: String): JsonElement {
        val call = script.getValue(name).jsonObject
        return shown(session.execute(call.text("slug").orEmpty(), call.inner("arguments")))
    }

    private fun shown(result: ExecuteResult) =
        JsonObject(mapOf("data" to result.data, "error" to JsonPrimitive(result.error)))

    private fun withoutLogIds(value: JsonElement): JsonElement = when (value) {
        is JsonObject -> JsonObject((value - "log_id").mapValues { withoutLogIds(it.value) })
        is JsonArray -> JsonArray(value.map(::withoutLogIds))
        is JsonPrimitive -> value
    }

    private fun readContents(messages: JsonElement): JsonElement = when (messages) {
        is JsonArray -> JsonArray(messages.map(::readContents))
        is JsonObject -> JsonObject(
            messages.mapValues { (name, value) ->
                if (name == "content" && value is JsonPrimitive) Json.parseToJsonElement(value.content) else readContents(value)
            },
        )
        is JsonPrimitive -> messages
    }
}
