package dev.composio

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Path

/** The folders and programs that build.sh names. */
object Places {
    val root: Path = Path.of(property("composio.root")).toRealPath()
    val mock: String get() = property("composio.mock")
    val vectors: Path = root.resolve("tests/vectors")

    fun server(name: String): Path {
        val script = Path.of(property("composio.servers")).resolve("node_modules/@modelcontextprotocol/server-$name/dist/index.js")
        check(script.toFile().exists()) { "$script is missing: run tests/mcp-servers/install.sh first" }
        return script
    }

    fun read(path: String): JsonElement = Json.parseToJsonElement(root.resolve(path).toFile().readText())

    private fun property(name: String): String =
        checkNotNull(System.getProperty(name)?.takeIf(String::isNotEmpty)) { "run build.sh test, which sets $name" }
}

/** A mock backend. */
class Mock(private val address: String) {
    val url = "http://$address"
    private val http: HttpClient = HttpClient.newHttpClient()

    /** Calls one of the mock's own endpoints. */
    fun control(path: String, body: JsonElement? = null): JsonElement {
        val request = HttpRequest.newBuilder(URI("$url/__mock/$path"))
        if (body != null) request.POST(BodyPublishers.ofString(body.toString()))
        return Json.parseToJsonElement(http.send(request.build(), BodyHandlers.ofString()).body())
    }

    fun start(vector: String): JsonObject = control("runs", JsonObject(mapOf("vector" to json(vector)!!))) as JsonObject

    fun stat(name: String): Long = (control("stats") as JsonObject).getValue(name).jsonPrimitive.long

    companion object {
        /** One for all tests of this process; it ends with the process, when its standard input closes. */
        val shared: Mock by lazy {
            val command = listOf(Places.mock, "--vectors", Places.vectors.toString(), "--bench")
            val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            Mock(checkNotNull(process.inputReader().readLine()) { "the mock backend does not start" }.trim())
        }
    }
}
