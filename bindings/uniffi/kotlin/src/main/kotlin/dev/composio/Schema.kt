package dev.composio

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.SerialInfo
import kotlinx.serialization.descriptors.PolymorphicKind
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.SerialKind
import kotlinx.serialization.descriptors.StructureKind
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** What a property or class of a custom tool's input means, for a model. */
@OptIn(ExperimentalSerializationApi::class)
@SerialInfo
@Target(AnnotationTarget.PROPERTY, AnnotationTarget.CLASS)
public annotation class Description(
    /** The text. */
    val text: String,
)

/** The JSON Schema of a `@Serializable` class that a tool takes. */
@PublishedApi
@OptIn(ExperimentalSerializationApi::class)
internal fun schemaOf(descriptor: SerialDescriptor): JsonObject {
    if (descriptor.kind != StructureKind.CLASS && descriptor.kind != StructureKind.OBJECT) {
        throw validation("a custom tool takes a @Serializable class, not ${descriptor.serialName}")
    }
    return SchemaWriter().schema(descriptor)
}

/** The JSON Schema of what a tool returns; none where it is no object, or any JSON. */
@PublishedApi
@OptIn(ExperimentalSerializationApi::class)
internal fun resultSchemaOf(descriptor: SerialDescriptor): JsonObject? =
    if (descriptor.kind == StructureKind.CLASS) SchemaWriter().schema(descriptor) else null

@OptIn(ExperimentalSerializationApi::class)
private class SchemaWriter {
    /** The classes around the one being written: one that contains itself would have no end. */
    private val open = mutableListOf<String>()

    fun schema(descriptor: SerialDescriptor): JsonObject {
        val plain = described(shape(descriptor), descriptor.annotations)
        return if (descriptor.isNullable) nullable(plain) else plain
    }

    private fun shape(descriptor: SerialDescriptor): JsonObject {
        if (descriptor.isInline) return schema(descriptor.getElementDescriptor(0))
        // A JSON value may be anything.
        if (descriptor.serialName.startsWith("kotlinx.serialization.json.")) return JsonObject(emptyMap())
        return when (descriptor.kind) {
            PrimitiveKind.BOOLEAN -> type("boolean")
            PrimitiveKind.BYTE, PrimitiveKind.SHORT, PrimitiveKind.INT, PrimitiveKind.LONG -> type("integer")
            PrimitiveKind.FLOAT, PrimitiveKind.DOUBLE -> type("number")
            PrimitiveKind.CHAR, PrimitiveKind.STRING -> type("string")
            SerialKind.ENUM -> enumeration(descriptor)
            StructureKind.LIST -> type("array", "items" to schema(descriptor.getElementDescriptor(0)))
            StructureKind.MAP -> type("object", "additionalProperties" to schema(descriptor.getElementDescriptor(1)))
            StructureKind.CLASS, StructureKind.OBJECT -> record(descriptor)
            SerialKind.CONTEXTUAL, is PolymorphicKind ->
                throw validation("${descriptor.serialName} has no JSON Schema of its own; give the tool one")
        }
    }

    private fun record(descriptor: SerialDescriptor): JsonObject {
        if (descriptor.serialName in open) throw validation("${descriptor.serialName} contains itself; give a JSON Schema")
        open += descriptor.serialName
        val names = (0 until descriptor.elementsCount).map(descriptor::getElementName)
        val properties = names.withIndex().associate { (index, name) ->
            name to described(schema(descriptor.getElementDescriptor(index)), descriptor.getElementAnnotations(index))
        }
        open.removeLast()
        val required = names.filterIndexed { index, _ -> !descriptor.isElementOptional(index) }.map(::JsonPrimitive)
        return type("object", "properties" to JsonObject(properties), "required" to JsonArray(required))
    }

    private fun enumeration(descriptor: SerialDescriptor): JsonObject {
        val names = (0 until descriptor.elementsCount).map { JsonPrimitive(descriptor.getElementName(it)) }
        return type("string", "enum" to JsonArray(names))
    }

    private fun nullable(schema: JsonObject): JsonObject =
        if (schema.isEmpty()) schema else JsonObject(mapOf("anyOf" to JsonArray(listOf(schema, type("null")))))

    private fun described(schema: JsonObject, annotations: List<Annotation>): JsonObject {
        val text = annotations.filterIsInstance<Description>().firstOrNull()?.text ?: return schema
        return JsonObject(schema + ("description" to JsonPrimitive(text)))
    }

    private fun type(name: String, vararg more: Pair<String, JsonElement>): JsonObject =
        JsonObject(mapOf<String, JsonElement>("type" to JsonPrimitive(name)) + more)
}
