package dev.composio

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.intOrNull
import kotlinx.serialization.json.longOrNull

/** For `@Serializable` inputs and results: what the schema leaves out may be there. */
@PublishedApi
internal val lenient: Json = Json { ignoreUnknownKeys = true }

internal fun parse(text: String): JsonElement = Json.parseToJsonElement(text)

internal fun parseObject(text: String): JsonObject = parse(text) as? JsonObject ?: invalidReply("an object")

internal fun parseArray(text: String): JsonArray = parse(text) as? JsonArray ?: invalidReply("a list")

/** JSON text. Not by a serializer: `toString` writes every number as it was read. */
internal fun JsonElement.text(): String = toString()

internal fun invalidReply(expected: String): Nothing =
    throw ComposioException.InvalidReply(Fields("invalid_reply", "the reply cannot be read: expected $expected"))

/** The options that are not null, as an object. */
internal fun given(vararg options: Pair<String, JsonElement?>): JsonObject =
    JsonObject(options.mapNotNull { (name, value) -> value?.let { name to it } }.toMap())

internal fun json(value: String?): JsonElement? = value?.let(::JsonPrimitive)

internal fun json(value: Number?): JsonElement? = value?.let(::JsonPrimitive)

internal fun json(value: Boolean?): JsonElement? = value?.let(::JsonPrimitive)

internal fun json(values: Collection<String>?): JsonElement? = values?.let { list -> JsonArray(list.map(::JsonPrimitive)) }

/** An object that a call answered with. */
public abstract class Reply internal constructor(
    /** The whole object, fields of a later contract included; numbers keep their digits. */
    public val json: JsonObject,
) {
    internal fun string(name: String): String = optionalString(name).orEmpty()

    internal fun optionalString(name: String): String? = (json[name] as? JsonPrimitive)?.contentOrNull

    internal fun int(name: String): Int = (json[name] as? JsonPrimitive)?.intOrNull ?: 0

    internal fun long(name: String): Long = (json[name] as? JsonPrimitive)?.longOrNull ?: 0

    internal fun bool(name: String): Boolean = (json[name] as? JsonPrimitive)?.booleanOrNull ?: false

    internal fun element(name: String): JsonElement = json[name] ?: JsonNull

    internal fun child(name: String): JsonObject? = json[name] as? JsonObject

    internal fun strings(name: String): List<String> =
        (json[name] as? JsonArray).orEmpty().mapNotNull { (it as? JsonPrimitive)?.contentOrNull }

    internal fun <T> list(name: String, read: (JsonObject) -> T): List<T> =
        (json[name] as? JsonArray).orEmpty().mapNotNull { (it as? JsonObject)?.let(read) }

    override fun equals(other: Any?): Boolean =
        other is Reply && other::class == this::class && other.json == json

    override fun hashCode(): Int = json.hashCode()

    override fun toString(): String = "${this::class.simpleName}($json)"
}
