package dev.composio

import dev.composio.ffi.NativeToolSet
import dev.composio.ffi.defineTool
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.serializer

/** What a custom tool may do in its session. */
public class ToolContext internal constructor(private val engine: Engine) {
    /** Whom the session acts for. */
    public val userId: String get() = engine.userId

    /** Runs another tool: a sibling here, any other at the backend. */
    public suspend fun execute(slug: String, arguments: JsonObject? = null): ExecuteResult =
        engine.execute(call(slug, arguments))

    /** Calls a toolkit's API with the user's credentials; see [Session.proxyExecute]. */
    public suspend fun proxyExecute(
        toolkit: String,
        endpoint: String,
        method: String,
        body: JsonElement? = null,
        parameters: List<ProxyParameter>? = null,
    ): ProxyResult = engine.proxyExecute(toolkit, endpoint, method, body, parameters)
}

/** A custom tool: a function of this process that a session offers next to the backend's tools. Made by [customTool]. */
public class CustomTool internal constructor(
    internal val definition: JsonObject,
    internal val run: suspend ToolContext.(JsonObject) -> JsonElement,
) {
    /** The slug as given; a session calls the tool by a final slug that starts with `LOCAL_`. */
    public val slug: String get() = (definition["slug"] as? JsonPrimitive)?.content.orEmpty()

    /** The JSON Schema of the arguments. */
    public val inputSchema: JsonElement get() = definition["input_schema"] ?: JsonNull

    override fun toString(): String = "CustomTool($slug)"
}

/** A toolkit of custom tools. */
public class CustomToolkit internal constructor(internal val definition: JsonObject, internal val tools: List<CustomTool>) {
    /** The toolkit's slug. */
    public val slug: String get() = (definition["slug"] as? JsonPrimitive)?.content.orEmpty()

    override fun toString(): String = "CustomToolkit($slug)"
}

/**
 * A custom tool whose arguments fit a JSON Schema of type `object`; they are checked before [run] is called.
 *
 * What [run] returns becomes the result's `data`; what it throws makes the result a failure with that message. Tools of
 * one call run at the same time, in the caller's context: switch to `Dispatchers.IO` before you block.
 *
 * @param name the name for people, by default made from [slug]
 * @param extendsToolkit the toolkit that the tool joins
 * @param preload whether it is listed directly, not only found by search
 * @throws ComposioException.Validation if the definition is not usable
 */
public fun customTool(
    slug: String,
    description: String,
    inputSchema: JsonObject,
    name: String? = null,
    outputSchema: JsonObject? = null,
    extendsToolkit: String? = null,
    preload: Boolean? = null,
    run: suspend ToolContext.(JsonObject) -> JsonElement,
): CustomTool {
    val draft = given(
        "slug" to JsonPrimitive(slug),
        "name" to json(name),
        "description" to JsonPrimitive(description),
        "input_schema" to inputSchema,
        "output_schema" to outputSchema,
        "extends_toolkit" to json(extendsToolkit),
        "preload" to json(preload),
        "validate" to JsonPrimitive(true),
        "function_name" to JsonPrimitive(slug.lowercase()),
    )
    return CustomTool(parseObject(native { defineTool(draft.text()) }), run)
}

/**
 * A custom tool whose arguments are a `@Serializable` class, and whose result is one too. The schemas come from the
 * classes; annotate their properties with [Description].
 *
 * @throws ComposioException.Validation if a class has no JSON Schema; the message says why
 * @see customTool
 */
public inline fun <reified Input, reified Output> customTool(
    slug: String,
    description: String,
    name: String? = null,
    extendsToolkit: String? = null,
    preload: Boolean? = null,
    noinline run: suspend ToolContext.(Input) -> Output,
): CustomTool {
    val input = serializer<Input>()
    val output = serializer<Output>()
    return customTool(
        slug, description, schemaOf(input.descriptor), name, resultSchemaOf(output.descriptor), extendsToolkit, preload,
    ) { arguments -> encodeResult(output, run(decodeArguments(slug, input, arguments))) }
}

@PublishedApi
internal fun <T> decodeArguments(slug: String, input: kotlinx.serialization.KSerializer<T>, arguments: JsonObject): T = try {
    lenient.decodeFromJsonElement(input, arguments)
} catch (error: SerializationException) {
    throw validation("Invalid arguments for $slug: ${error.message}")
}

@PublishedApi
internal fun <T> encodeResult(output: kotlinx.serialization.KSerializer<T>, value: T): JsonElement =
    if (value == Unit) JsonNull else lenient.encodeToJsonElement(output, value)

/**
 * A toolkit of custom tools.
 *
 * @param preload whether its tools are listed directly, not only found by search
 */
public fun customToolkit(
    slug: String,
    name: String,
    description: String,
    vararg tools: CustomTool,
    preload: Boolean? = null,
): CustomToolkit {
    val definition = given(
        "slug" to JsonPrimitive(slug),
        "name" to JsonPrimitive(name),
        "description" to JsonPrimitive(description),
        "preload" to json(preload),
        "tools" to JsonArray(tools.map { it.definition }),
    )
    return CustomToolkit(definition, tools.toList())
}

/** The custom tools that a session is to have. */
@ComposioDsl
public class CustomTools internal constructor() {
    private val tools = mutableListOf<CustomTool>()
    private val toolkits = mutableListOf<CustomToolkit>()

    /** Adds tools. */
    public fun tools(vararg tools: CustomTool) {
        this.tools += tools
    }

    /** Adds toolkits. */
    public fun toolkits(vararg toolkits: CustomToolkit) {
        this.toolkits += toolkits
    }

    /** The tools in the order in which a session lists them. */
    internal fun ordered(): List<CustomTool> = tools + toolkits.flatMap { it.tools }

    internal fun build(): NativeToolSet = native {
        NativeToolSet(JsonArray(tools.map { it.definition }).text(), JsonArray(toolkits.map { it.definition }).text())
    }
}
