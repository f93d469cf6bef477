package dev.composio.bench

import dev.composio.Composio
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray

/** `URL COUNT`: prints the median of so many executes, one after another, in microseconds. */
fun main(arguments: Array<String>): Unit = runBlocking {
    val (url, count) = arguments
    val input = buildJsonObject {
        put("title", "It is broken")
        putJsonArray("labels") { add("bug") }
    }
    Composio {
        apiKey = "k"
        baseUrl = url
    }.use { composio ->
        val session = composio.create("bench")
        suspend fun measure(): Long {
            val start = System.nanoTime()
            session.execute("GITHUB_CREATE_ISSUE", input)
            return System.nanoTime() - start
        }
        // The compiler of the virtual machine needs some thousand calls before it is done.
        repeat(WARM_UP) { measure() }
        val times = List(count.toInt()) { measure() }.sorted()
        println(times[times.size / 2] / 1e3)
    }
}

private const val WARM_UP = 5000
