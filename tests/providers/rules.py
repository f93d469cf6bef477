"""What providers take of a tool, as they document it or their APIs' errors say. Written apart from the compiler."""

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

GEMINI = {
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "properties",
    "additionalProperties",
    "required",
}
STRICT = {
    "type",
    "title",
    "description",
    "enum",
    "anyOf",
    "items",
    "properties",
    "required",
    "additionalProperties",
    "pattern",
    "format",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
}
# Keywords with schemas in them, by where those are.
ONE = [
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "not",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
]
NAMED = ["properties", "patternProperties", "dependentSchemas"]
LISTED = ["anyOf", "oneOf", "allOf", "prefixItems"]
# A model reads all of it with every request.
LARGEST = 32 * 1024 + 512
DEEPEST = 10


def schemas(schema: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Every schema within a schema: where it is, and within how many objects."""
    if not isinstance(schema, dict):
        return
    yield path, schema, depth
    for keyword, value in schema.items():
        if keyword in ONE:
            yield from schemas(value, f"{path}/{keyword}", depth + (keyword == "additionalProperties"))
        elif keyword in NAMED:
            for name, inner in value.items():
                yield from schemas(inner, f"{path}/{keyword}/{name}", depth + 1)
        elif keyword in LISTED:
            for index, inner in enumerate(value):
                yield from schemas(inner, f"{path}/{keyword}/{index}", depth)


def types(schema: dict[str, Any]) -> list[str]:
    """The types that a schema names."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else named


def problems(provider: str, name: str, schema: dict[str, Any], strict: bool) -> Iterator[str]:
    """What a provider would refuse."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        yield "the name"
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        yield "the arguments are no object"
    for keyword in ("anyOf", "oneOf", "allOf", "enum", "not"):
        if keyword in schema:
            yield f"{keyword} for the arguments as a whole"
    Draft202012Validator.check_schema(schema)
    if len(json.dumps(schema, separators=(",", ":"))) > LARGEST and max(d for _, _, d in schemas(schema)) > 1:
        yield "its size"
    for path, inner, depth in schemas(schema):
        if depth > DEEPEST:
            yield f"{path}: its depth"
        for keyword in ("$ref", "$defs", "definitions", "allOf", "nullable", "discriminator", "xml"):
            if keyword in inner:
                yield f"{path}: {keyword}"
        required = inner.get("required", [])
        if len(set(required)) != len(required):
            yield f"{path}: required names something twice"
        if provider != "anthropic" and "array" in types(inner) and not isinstance(inner.get("items"), dict):
            yield f"{path}: an array without items"
        if provider == "google":
            yield from (f"{path}: {keyword}" for keyword in inner.keys() - GEMINI)
            if not set(required) <= inner.get("properties", {}).keys():
                yield f"{path}: required names no property"
            if not all((isinstance(v, str) and v) or isinstance(v, int | float) for v in inner.get("enum", ["x"])):
                yield f"{path}: enum"
        if strict:
            yield from (f"{path}: strict with {keyword}" for keyword in inner.keys() - STRICT)
            if not types(inner) and "anyOf" not in inner:
                yield f"{path}: strict without a type"
            if "object" in types(inner) and (
                inner.get("additionalProperties") is not False or set(required) != inner["properties"].keys()
            ):
                yield f"{path}: strict, and open"
    if provider == "anthropic":
        for argument in schema["properties"]:
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", argument):
                yield f"the argument {argument}"
