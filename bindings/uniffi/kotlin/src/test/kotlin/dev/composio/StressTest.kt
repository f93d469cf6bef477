package dev.composio

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** Many calls and sessions, and what is left of them. */
class StressTest {
    @Test
    fun `half of a thousand calls cancelled`() = runBlocking(Dispatchers.Default) {
        hosted().use { composio ->
            val session = composio.create("stress")
            val calls = coroutineScope {
                val go = CompletableDeferred<Unit>()
                val calls = List(1000) { async { go.await(); session.execute("GITHUB_CREATE_ISSUE", JsonObject(emptyMap())) } }
                go.complete(Unit)
                calls.filterIndexed { index, _ -> index % 2 == 1 }.forEach { it.cancel() }
                calls.forEach { it.join() }
                calls
            }
            assertTrue(calls.filterIndexed { index, _ -> index % 2 == 0 }.all { it.await().error == null })
            assertTrue(session.execute("GITHUB_CREATE_ISSUE", JsonObject(emptyMap())).successful)
        }
    }

    @Test
    fun `ten thousand sessions leave nothing behind`() = runBlocking {
        hosted().use { composio ->
            suspend fun round(count: Int) = repeat(count) { composio.create("stress").close() }
            round(2_000)
            val (files, threads, memory) = held()
            round(10_000)
            val (filesNow, threadsNow, memoryNow) = held()
            assertTrue(filesNow <= files + 8, "files: $files, then $filesNow")
            assertTrue(threadsNow <= threads + 4, "threads: $threads, then $threadsNow")
            assertTrue(memoryNow - memory < 16_000_000, "bytes of heap: $memory, then $memoryNow")
            assertEquals("stress", composio.create("stress").use { it.userId })
        }
    }

    /** Open files, threads, and the bytes that are used of the heap. */
    private fun held(): Triple<Int, Int, Long> {
        // What a first collection enqueues a second one frees.
        repeat(2) {
            System.gc()
            System.runFinalization()
        }
        val heap = Runtime.getRuntime().run { totalMemory() - freeMemory() }
        val status = File("/proc/self/status").readLines().associate { it.substringBefore(':') to it.substringAfter(':').trim() }
        val files = File("/proc/self/fd").list().orEmpty().size
        return Triple(files, status.getValue("Threads").toInt(), heap)
    }
}
