package dev.composio

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** Many calls and sessions, and what is left of them. */
class StressTest {
    @Test
    fun `half of a thousand calls cancelled`() = runBlocking(Dispatchers.Default) {
        hosted().use { composio ->
            val session = composio.create("stress")
            val stuck = composio.use("trs_stuck")
            coroutineScope {
                val cancelled = List(500) { async { stuck.execute("NEVER_ENDS") } }
                val answered = List(500) { async { session.execute("GITHUB_CREATE_ISSUE") } }
                cancelled.forEach { it.cancelAndJoin() }
                assertTrue(cancelled.all { it.isCancelled })
                assertTrue(answered.awaitAll().all { it.error == null })
            }
            assertTrue(session.execute("GITHUB_CREATE_ISSUE").successful)
        }
    }

    @Test
    fun `ten thousand sessions leave nothing behind`() = runBlocking {
        hosted().use { composio ->
            suspend fun round(count: Int) = repeat(count) { composio.create("stress").close() }
            round(2_000)
            val (files, threads, heap) = held()
            round(10_000)
            // JNA frees its buffers on a thread of its own, some time after a collection has found them.
            val deadline = System.nanoTime() + 30_000_000_000
            var now = held()
            while (now.heap - heap > HEAP_GROWTH && System.nanoTime() < deadline) now = held()
            assertTrue(now.files <= files + 8, "files: $files, then ${now.files}")
            assertTrue(now.threads <= threads + 4, "threads: $threads, then ${now.threads}")
            assertTrue(now.heap - heap <= HEAP_GROWTH, "bytes of heap: $heap, then ${now.heap}")
            assertTrue(composio.create("stress").use { it.execute("GITHUB_CREATE_ISSUE") }.successful)
        }
    }

    private data class Held(val files: Int, val threads: Int, val heap: Long)

    /** Open files, threads, and the bytes that are used of the heap after a collection. */
    private fun held(): Held {
        System.gc()
        val heap = Runtime.getRuntime().run { totalMemory() - freeMemory() }
        val status = File("/proc/self/status").readLines().associate { it.substringBefore(':') to it.substringAfter(':').trim() }
        val files = File("/proc/self/fd").list().orEmpty().size
        return Held(files, status.getValue("Threads").toInt(), heap)
    }

    private companion object {
        const val HEAP_GROWTH = 2_000_000L
    }
}
