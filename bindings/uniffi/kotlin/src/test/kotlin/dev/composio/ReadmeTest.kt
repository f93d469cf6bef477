package dev.composio

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import java.io.ByteArrayOutputStream
import java.io.PrintStream

/** The Kotlin programs of the documentation run as they are written; build.sh makes a package of each. */
class ReadmeTest {
    private val programs = System.getProperty("composio.programs").split(' ').filter(String::isNotEmpty)

    @Test
    fun `every document has some`() {
        assertTrue(programs.size >= 4, "found $programs")
    }

    @TestFactory
    fun programs(): List<DynamicTest> = programs.map { program ->
        DynamicTest.dynamicTest(program) {
            val printed = printedBy { Class.forName("$program.ProgramKt").getMethod("main", Array<String>::class.java)(null, emptyArray<String>()) }
            assertTrue(printed.isNotBlank(), "it prints nothing")
        }
    }

    private fun printedBy(work: () -> Unit): String {
        val (standard, printed) = System.out to ByteArrayOutputStream()
        System.setOut(PrintStream(printed, true))
        try {
            work()
        } finally {
            System.setOut(standard)
        }
        return printed.toString()
    }
}
