package dev.composio.demo

import dev.composio.BackendKind
import dev.composio.Composio
import dev.composio.ComposioException
import dev.composio.Description
import dev.composio.customTool
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.add
import kotlinx.serialization.json.addJsonObject
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.createTempDirectory

@Serializable
private data class Meeting(@Description("When it begins in Berlin, such as 2026-03-01T14:30:00.") val start: String)

@Serializable
private data class Times(val berlin: String, val tokyo: String)

private val meeting = customTool<Meeting, Times>("MEETING", "Says when a meeting in Berlin begins in Tokyo.") { meeting ->
    val converted = execute(
        "TIME_CONVERT",
        buildJsonObject {
            put("time", meeting.start)
            put("from_timezone", "Europe/Berlin")
            put("to_timezone", "Asia/Tokyo")
        },
    )
    Times(meeting.start, converted.data.jsonObject.getValue("time").jsonPrimitive.content)
}

/** `[SERVERS]`: a short tour of the embedded router; with the folder of the MCP servers it starts one of them. */
fun main(arguments: Array<String>): Unit = runBlocking {
    val folder = createTempDirectory("composio-demo")
    try {
        tour(folder, arguments.firstOrNull()?.let { Path.of(it, EVERYTHING) }?.takeIf(Files::exists))
    } finally {
        Files.walk(folder).use { all -> all.sorted(Comparator.reverseOrder()).forEach(Files::delete) }
    }
}

private suspend fun tour(folder: Path, server: Path?) = Composio {
    backend = BackendKind.EMBEDDED
    config(
        buildJsonObject {
            putJsonObject("router") {
                put("data_dir", folder.toString())
                put("workspace", folder.resolve("work").toString())
            }
            putJsonArray("mcp") {
                if (server != null) {
                    addJsonObject {
                        put("slug", "everything")
                        put("command", "node")
                        putJsonArray("args") { add(server.toString()) }
                    }
                }
            }
        },
    )
}.use { composio ->
    println("A session on the embedded router: no account, no key.")
    composio.create("ada") { customTools(meeting) }.use { session ->
        println("  toolkits: ${session.toolkits().items.joinToString { it.slug }}")
        val found = session.search("convert a time from one time zone to another").results.first()
        println("\nSearching finds ${found.primaryToolSlugs.first()}.")

        println("\nA built-in, and a custom tool that is a @Serializable class and calls the built-in:")
        println("  TIME_NOW       ${session.execute("TIME_NOW").data}")
        println("  LOCAL_MEETING  ${session.execute("MEETING", buildJsonObject { put("start", "2026-03-01T14:30:00") }).data}")
        if (server != null) {
            val echo = session.execute("EVERYTHING_ECHO", buildJsonObject { put("message", "hello") })
            println("\nA tool of an MCP server:\n  EVERYTHING_ECHO ${echo.data}")
        }

        println("\nA model's reply with two tool calls becomes the messages that answer it:")
        session.handleToolCalls(reply).forEach { println("  $it") }

        println("\nA slug that is wrong is an error of its own class:")
        try {
            session.execute("TIME_NWO")
        } catch (error: ComposioException.NotFound) {
            println("  $error")
        }
    }
}

private val reply = buildJsonObject {
    putJsonArray("choices") {
        addJsonObject {
            putJsonObject("message") {
                put("role", "assistant")
                put(
                    "tool_calls",
                    buildJsonArray {
                        call("call_1", "LOCAL_MEETING", """{"start": "2026-03-03T10:00:00"}""")
                        call("call_2", "TIME_NOW", "{}")
                    },
                )
            }
        }
    }
}

private fun kotlinx.serialization.json.JsonArrayBuilder.call(id: String, name: String, arguments: String) = addJsonObject {
    put("id", id)
    put("type", "function")
    putJsonObject("function") {
        put("name", name)
        put("arguments", arguments)
    }
}

private const val EVERYTHING = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
