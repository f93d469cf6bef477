package dev.composio

import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import java.nio.file.Files
import kotlin.io.path.createTempDirectory

/** The conformance vectors. */
class VectorTest {
    private val names = Mock.shared.control("vectors").jsonArray.map { it.jsonPrimitive.content }
    private val gaps = Places.read("tests/vectors/shared/gaps.json").jsonObject["kotlin"]?.jsonObject.orEmpty()

    @TestFactory
    fun vectors(): List<DynamicTest> = names.map { name -> DynamicTest.dynamicTest(name) { check(name) } }

    @Test
    fun `the gaps are vectors`() = assertEquals(emptySet<String>(), gaps.keys - names.toSet())

    private fun check(name: String) {
        val vector = Mock.shared.start(name)
        val environment = vector.inner("env").orEmpty().mapValues { it.value.jsonPrimitive.content }
        if (environment.isEmpty()) play(Mock.shared, vector) else playInChild(vector, environment)
        val ended = Mock.shared.control("runs/${vector.text("run")}").jsonObject
        val problems = ended.getValue("problems").jsonArray
        if (name in gaps) {
            assertTrue(problems.isNotEmpty(), "the gap is closed, remove it from gaps.json: ${gaps[name]}")
        } else {
            assertEquals(JsonArray(emptyList()), problems)
        }
    }

    /** A process cannot change its own environment, so another one plays these. */
    private fun playInChild(vector: JsonObject, environment: Map<String, String>) {
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val settings = listOf("composio.root", "jna.library.path").map { "-D$it=${System.getProperty(it)}" }
        val command = listOf("java", "-cp", classes) + settings + listOf("dev.composio.VectorTestKt", Mock.shared.url)
        val builder = ProcessBuilder(command).redirectErrorStream(true)
        builder.environment() += environment
        val child = builder.start()
        child.outputWriter().use { it.write(vector.toString()) }
        val output = child.inputReader().readText()
        assertEquals(0, child.waitFor(), output)
    }
}

private fun play(mock: Mock, vector: JsonObject): Unit = runBlocking {
    val folder = createTempDirectory("vector")
    Player(vector, folder).use { player ->
        vector.getValue("steps").jsonArray.forEachIndexed { index, step ->
            mock.control("runs/${vector.text("run")}/steps/$index", player.report(step.jsonObject))
        }
    }
    Files.walk(folder).sorted(Comparator.reverseOrder()).forEach(Files::delete)
}

/** Plays the vector on the standard input against the mock at the URL. */
fun main(arguments: Array<String>) {
    val vector = Json.parseToJsonElement(System.`in`.reader().readText()).jsonObject
    play(Mock(arguments.single().removePrefix("http://")), vector)
}
