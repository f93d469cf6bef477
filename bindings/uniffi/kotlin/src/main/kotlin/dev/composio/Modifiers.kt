package dev.composio

import kotlinx.serialization.json.JsonObject

/** User code around tools, and the tools and toolkits it is for: all of them where neither is named. */
public sealed class Modifier(tools: Collection<String>, toolkits: Collection<String>) {
    private val tools = tools.mapTo(HashSet()) { it.uppercase() }
    private val toolkits = toolkits.mapTo(HashSet()) { it.uppercase() }

    internal fun appliesTo(tool: String, toolkit: String): Boolean =
        (tools.isEmpty() && toolkits.isEmpty()) || tool.uppercase() in tools || toolkit.uppercase() in toolkits

    internal class BeforeExecute(
        tools: Collection<String>,
        toolkits: Collection<String>,
        val change: suspend (ToolCallRequest) -> JsonObject,
    ) : Modifier(tools, toolkits)

    internal class AfterExecute(
        tools: Collection<String>,
        toolkits: Collection<String>,
        val change: suspend (ToolCallResponse) -> ToolCallResult,
    ) : Modifier(tools, toolkits)

    internal class Schema(
        tools: Collection<String>,
        toolkits: Collection<String>,
        val change: suspend (Tool) -> Tool,
    ) : Modifier(tools, toolkits)

    internal class BeforeFileUpload(
        tools: Collection<String>,
        toolkits: Collection<String>,
        val change: suspend (FileUpload) -> String?,
    ) : Modifier(tools, toolkits)
}

/** A file that is to be uploaded. */
public class FileUpload internal constructor(
    /** The path or URL. */
    public val source: String,
    /** The tool that the file is for; empty for an upload to a session's mount. */
    public val tool: String,
    /** Its toolkit; empty for an upload to a session's mount. */
    public val toolkit: String,
)

/** The path or URL to upload after the modifiers; null where one refused. */
internal suspend fun List<Modifier>.judge(upload: FileUpload): String? =
    filterIsInstance<Modifier.BeforeFileUpload>().filter { it.appliesTo(upload.tool, upload.toolkit) }
        .fold<_, String?>(upload.source) { source, modifier ->
            source?.let { modifier.change(FileUpload(it, upload.tool, upload.toolkit)) }
        }

/** A tool call before it runs. */
public class ToolCallRequest internal constructor(
    /** The tool. */
    public val tool: String,
    /** Its toolkit. */
    public val toolkit: String,
    /** Its arguments. */
    public val arguments: JsonObject,
)

/** A tool call after it ran. */
public class ToolCallResponse internal constructor(
    /** The tool. */
    public val tool: String,
    /** Its toolkit. */
    public val toolkit: String,
    /** What it came to. */
    public val result: ToolCallResult,
)

/** Gives the arguments that a tool runs with. */
public fun beforeExecute(
    tools: Collection<String> = emptyList(),
    toolkits: Collection<String> = emptyList(),
    change: suspend (ToolCallRequest) -> JsonObject,
): Modifier = Modifier.BeforeExecute(tools, toolkits, change)

/** Gives the result that the model sees. */
public fun afterExecute(
    tools: Collection<String> = emptyList(),
    toolkits: Collection<String> = emptyList(),
    change: suspend (ToolCallResponse) -> ToolCallResult,
): Modifier = Modifier.AfterExecute(tools, toolkits, change)

/** Gives the tool that the model sees; see [Tool.copy]. */
public fun schemaModifier(
    tools: Collection<String> = emptyList(),
    toolkits: Collection<String> = emptyList(),
    change: suspend (Tool) -> Tool,
): Modifier = Modifier.Schema(tools, toolkits, change)

/**
 * Gives the path or URL to upload instead; null refuses the upload. Around tools it is asked for each file that goes up by
 * itself; see [ComposioOptions.dangerouslyAllowAutoUploadDownloadFiles].
 */
public fun beforeFileUpload(
    tools: Collection<String> = emptyList(),
    toolkits: Collection<String> = emptyList(),
    change: suspend (FileUpload) -> String?,
): Modifier = Modifier.BeforeFileUpload(tools, toolkits, change)
