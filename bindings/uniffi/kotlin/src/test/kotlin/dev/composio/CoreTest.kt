package dev.composio

import io.kotest.property.Arb
import io.kotest.property.arbitrary.boolean
import io.kotest.property.arbitrary.choice
import io.kotest.property.arbitrary.constant
import io.kotest.property.arbitrary.list
import io.kotest.property.arbitrary.long
import io.kotest.property.arbitrary.map
import io.kotest.property.arbitrary.numericDouble
import io.kotest.property.arbitrary.string
import io.kotest.property.checkAll
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.net.ConnectException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Path

/** Errors, exact JSON, custom tools and the embedded router. */
class CoreTest {
    @Serializable
    internal enum class Colour { RED, GREEN }

    @Serializable
    internal data class Lamp(@Description("Who ordered it.") val customer: String, val number: Long? = null, val colours: List<Colour> = emptyList())

    @Serializable
    internal data class Order(val lamps: Int)

    @Test
    fun `every kind of error has its class`() {
        assertEquals(dev.composio.ffi.errorKinds().toSet(), ComposioException.classes.keys)
        ComposioException.classes.forEach { (kind, make) ->
            val name = kind.split('_').joinToString("") { it.replaceFirstChar(Char::uppercase) }
            assertEquals(name, make(Fields(kind, "m"))::class.simpleName)
        }
    }

    @Test
    fun `wrong options are refused before anything is sent`() {
        assertThrows(ComposioException.ApiKeyNotProvided::class.java) { Composio { backend = BackendKind.HTTP } }
        assertThrows(ComposioException.Validation::class.java) { hosted { timeout = -1.0 } }
        assertThrows(ComposioException.Validation::class.java) { hosted { maxRetries = -1 } }
    }

    @Test
    fun `no secret is shown`() = runBlocking {
        val composio = hosted { apiKey = "ak_secret" }
        val session = composio.create("ada")
        assertFalse(listOf(composio, session, session.mcp).any { "ak_secret" in it.toString() })
        session.close()
        composio.close()
        composio.close()
        val closed = assertThrows(ComposioException.Closed::class.java) { runBlocking { composio.create("ada") } }
        assertFalse("ak_secret" in closed.toString())
    }

    @Test
    fun `a session is an endpoint for mcp clients of this machine`(@TempDir folder: Path): Unit = runBlocking {
        val ended = embedded(folder).use { composio ->
            val first = composio.create("ada") {
                toolkits("time")
                preload("TIME_NOW")
            }
            val second = composio.create("ada")
            assertNull(first.mcpWarning)
            val (status, body) = listTools(first.mcp, first.mcp.headers)
            assertEquals(200, status)
            assertTrue("TIME_NOW" in body, body)
            listOf(emptyMap(), second.mcp.headers).forEach { assertEquals(401, listTools(first.mcp, it).first) }
            first.mcp
        }
        assertThrows(ConnectException::class.java) { listTools(ended, ended.headers) }
    }

    private fun listTools(server: McpServer, headers: Map<String, String>): Pair<Int, String> {
        val version = mapOf("io.modelcontextprotocol/protocolVersion" to JsonPrimitive("2026-07-28"))
        val client = mapOf("io.modelcontextprotocol/clientCapabilities" to JsonObject(emptyMap()))
        val parameters = JsonObject(mapOf("_meta" to JsonObject(version + client)))
        val body = mapOf("jsonrpc" to "2.0", "method" to "tools/list").mapValues { JsonPrimitive(it.value) }
        val request = HttpRequest.newBuilder(URI(server.url))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/list")
            .POST(HttpRequest.BodyPublishers.ofString(JsonObject(body + ("id" to JsonPrimitive(1)) + ("params" to parameters)).toString()))
        headers.forEach(request::header)
        val reply = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString())
        return reply.statusCode() to reply.body()
    }

    @Test
    fun `a coroutine without a dispatcher may block`(): Unit = runBlocking {
        withContext(Dispatchers.Unconfined) {
            hosted().use { composio ->
                composio.create("ada").use { session ->
                    assertNotEquals("composio", Thread.currentThread().name)
                    assertTrue(runBlocking { session.execute("GITHUB_CREATE_ISSUE") }.successful)
                }
            }
        }
    }

    @Test
    fun `json keeps its digits through a custom tool`(@TempDir folder: Path): Unit = runBlocking {
        val schema = JsonObject(mapOf("type" to JsonPrimitive("object")))
        val echo = customTool("ECHO", "Gives back what it takes.", schema) { it }
        val exact = """{"a":12345678901234567890123,"b":0.10,"c":-0.0,"d":1e3,"e":null,"f":"\u0000 \"ü\"","g":[]}"""
        embedded(folder).use { composio ->
            composio.create("ada") { customTools(echo) }.use { session ->
                val given = Json.parseToJsonElement(exact).jsonObject
                assertEquals(given.toString(), session.execute("ECHO", given).data.toString())
                checkAll(200, values(2)) { value ->
                    val arguments = JsonObject(mapOf("value" to value))
                    assertEquals(arguments.toString(), session.execute("ECHO", arguments).data.toString())
                }
            }
        }
    }

    private fun values(depth: Int): Arb<JsonElement> {
        val leaves = listOf<Arb<JsonElement>>(
            Arb.constant(JsonNull),
            Arb.boolean().map(::JsonPrimitive),
            Arb.long().map(::JsonPrimitive),
            Arb.numericDouble().map(::JsonPrimitive),
            Arb.string().map(::JsonPrimitive),
        )
        val inner = if (depth == 0) emptyList() else listOf<Arb<JsonElement>>(Arb.list(values(depth - 1), 0..4).map(::JsonArray))
        return Arb.choice(leaves + inner)
    }

    @Test
    fun `a serializable class is a schema`() {
        val tool = customTool<Lamp, Order>("LAMPS", "Counts lamps.") { Order(it.colours.size) }
        val properties = tool.inputSchema.jsonObject.getValue("properties").jsonObject
        assertEquals("""{"type":"string","description":"Who ordered it."}""", properties["customer"].toString())
        assertEquals("""{"type":"array","items":{"type":"string","enum":["RED","GREEN"]}}""", properties["colours"].toString())
        assertEquals("""["customer"]""", tool.inputSchema.jsonObject["required"].toString())
        assertThrows(ComposioException.Validation::class.java) { customTool<String, Order>("X", "No object.") { Order(1) } }
    }

    @Test
    fun `a tool's failure is its own, and tools of one call run together`(@TempDir folder: Path) = runBlocking {
        val met = CompletableDeferred<Unit>()
        val first = customTool<Lamp, Order>("FIRST", "Waits for the other.") { withTimeout(60_000) { met.await() }; Order(1) }
        val second = customTool<Lamp, Order>("SECOND", "Lets the other go on.") { met.complete(Unit); error("the lamp is broken") }
        val late = customTool<Lamp, Order>("LATE", "Takes too long.") { withTimeout(1) { CompletableDeferred<Order>().await() } }
        embedded(folder).use { composio ->
            val session = composio.create("ada") { customTools(first, second, late) }
            val items = listOf("FIRST", "SECOND", "LATE").map { slug ->
                given("tool_slug" to json("LOCAL_$slug"), "arguments" to given("customer" to json("Ada")))
            }
            val results = session.executeToolCall("COMPOSIO_MULTI_EXECUTE_TOOL", given("tools" to JsonArray(items)))
            val text = results.data.toString()
            assertTrue("\"lamps\":1" in text && "the lamp is broken" in text && "Timed out" in text, text)
            val wrong = session.execute("FIRST", given("customer" to json(1)))
            assertTrue("customer" in wrong.error.orEmpty())
        }
    }

    @Test
    fun `the built-ins and the file mount`(@TempDir folder: Path) = runBlocking {
        embedded(folder).use { composio ->
            assertTrue(composio.dataDir.orEmpty().startsWith(folder.toString()))
            val session = composio.create("ada") { toolkits { disable("http") } }
            assertEquals(setOf("files", "sqlite", "time"), session.toolkits().items.map { it.slug }.toSet())
            val written = session.experimental.files.upload("hello".encodeToByteArray(), remotePath = "in/a.txt")
            assertEquals("hello", written.text())
            val read = session.execute("FILES_READ", given("path" to json("in/a.txt")))
            assertEquals("hello", (read.data as JsonObject).text("content"))
            assertNull(read.error)
            val refused = beforeFileUpload { null }
            assertThrows(ComposioException.UploadNotAllowed::class.java) {
                runBlocking { session.experimental.files.upload("/etc/hosts", modifiers = listOf(refused)) }
            }
            val asked = composio.create("ada") { toolkits { requireApproval("time") } }
            assertThrows(ComposioException.ToolInputRequired::class.java) { runBlocking { asked.execute("TIME_NOW") } }
            Unit
        }
    }

    @Test
    fun `cancelling ends a tool that is running`(@TempDir folder: Path) = runBlocking {
        val started = CompletableDeferred<Unit>()
        val endless = customTool<Lamp, Order>("ENDLESS", "Never ends.") { started.complete(Unit); CompletableDeferred<Order>().await() }
        embedded(folder).use { composio ->
            val session = composio.create("ada") { customTools(endless) }
            val running = async { session.execute("ENDLESS", given("customer" to json("Ada"))) }
            started.await()
            running.cancel()
            running.join()
            assertTrue(running.isCancelled)
        }
    }
}

private fun hosted(change: ComposioOptions.() -> Unit): Composio = Composio {
    apiKey = "k"
    baseUrl = Mock.shared.url
    change()
}
