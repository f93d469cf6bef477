"""JSON Schemas of annotated parameters, and the way back from JSON to the annotated types.

>>> from typing import Annotated, Literal
>>> describe(Annotated[list[int] | None, "what to add"])[0]
{'anyOf': [{'type': 'array', 'items': {'type': 'integer'}}, {'type': 'null'}], 'description': 'what to add'}
>>> describe(Literal["asc", "desc"])[0]
{'enum': ['asc', 'desc'], 'type': 'string'}
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from composio.exceptions import ValidationError

Convert: TypeAlias = Callable[[Any], Any]
"""From decoded JSON, already checked against the schema, to the annotated type."""

_PLAIN: dict[Any, dict[str, Any]] = {
    Any: {},
    object: {},
    bool: {"type": "boolean"},
    dict: {"type": "object"},
    float: {"type": "number"},
    int: {"type": "integer"},
    list: {"type": "array"},
    str: {"type": "string"},
    type(None): {"type": "null"},
    None: {"type": "null"},
}


def _same(value: Any) -> Any:
    return value


def _plain(annotation: Any) -> dict[str, Any] | None:
    try:
        return _PLAIN.get(annotation)
    except TypeError:  # Annotated with something unhashable.
        return None


def is_pydantic_model(annotation: Any) -> bool:
    """Whether it is a pydantic model class, told by its methods so that pydantic is not imported here."""
    return isinstance(annotation, type) and hasattr(annotation, "model_json_schema")


def describe(annotation: Any) -> tuple[dict[str, Any], Convert]:
    """The schema of an annotation, and the conversion to it.

    Raises:
        ValidationError: The annotation has no JSON Schema.
    """
    if is_pydantic_model(annotation):
        return annotation.model_json_schema(), annotation.model_validate
    if (plain := _plain(annotation)) is not None:
        return dict(plain), annotation if annotation in (float, int) else _same
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enumerate([member.value for member in annotation]), annotation
    if typing.is_typeddict(annotation):
        return _describe_typed_dict(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _describe_annotated(*arguments)
    if origin is typing.Literal:
        return _enumerate(list(arguments)), _same
    if origin in (typing.Union, types.UnionType):
        return _describe_union(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments[0] is str:
        schema, convert = describe(arguments[1])
        return {"type": "object", "additionalProperties": schema}, lambda value: {
            k: convert(v) for k, v in value.items()
        }
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        parts = [describe(argument) for argument in arguments]
        schema = {"type": "array", "prefixItems": [part for part, _ in parts], "minItems": len(parts), "items": False}
        return schema, lambda value: tuple(convert(item) for (_, convert), item in zip(parts, value, strict=True))
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        schema, convert = describe(arguments[0])
        unique = {"uniqueItems": True} if issubclass(origin, (set, frozenset)) else {}
        build: Callable[[Any], Any] = origin if origin in (tuple, set, frozenset) else list
        return {"type": "array", "items": schema, **unique}, lambda value: build(map(convert, value))
    raise ValidationError(
        f"{annotation!r} has no JSON Schema; use str, int, float, bool, list, dict, Literal, Enum, Optional, a "
        "TypedDict, a pydantic model, or pass input_schema"
    )


def _enumerate(values: list[Any]) -> dict[str, Any]:
    types_ = {_PLAIN[type(value)]["type"] for value in values if type(value) in _PLAIN}
    return {"enum": values, "type": types_.pop()} if len(types_) == 1 else {"enum": values}


def _describe_annotated(annotation: Any, *notes: Any) -> tuple[dict[str, Any], Convert]:
    schema, convert = describe(annotation)
    for note in notes:
        if isinstance(note, str):
            schema["description"] = note
        elif isinstance(note, Mapping):
            schema.update(note)
        elif isinstance(description := getattr(note, "description", None), str):
            schema["description"] = description
    return schema, convert


def _describe_union(arguments: tuple[Any, ...]) -> tuple[dict[str, Any], Convert]:
    parts = [(argument, *describe(argument)) for argument in arguments]
    some = [convert for argument, _, convert in parts if argument is not type(None)]
    schema = {"anyOf": [schema for _, schema, _ in parts]}
    if len(some) != 1:
        return schema, _same
    (convert,) = some
    return schema, lambda value: None if value is None else convert(value)


def _describe_typed_dict(annotation: Any) -> tuple[dict[str, Any], Convert]:
    fields = {name: _unwrap(hint) for name, hint in typing.get_type_hints(annotation, include_extras=True).items()}
    parts = {name: describe(hint) for name, hint in fields.items()}
    schema: dict[str, Any] = {"type": "object", "properties": {name: part for name, (part, _) in parts.items()}}
    if required := sorted(annotation.__required_keys__):
        schema["required"] = required
    return schema, lambda value: {k: parts[k][1](v) if k in parts else v for k, v in value.items()}


def _unwrap(hint: Any) -> Any:
    """The type within `Required[...]` or `NotRequired[...]`."""
    name = getattr(typing.get_origin(hint), "_name", None)
    return typing.get_args(hint)[0] if name in ("Required", "NotRequired", "ReadOnly") else hint


def _lift_definitions(schema: Any, definitions: dict[str, Any]) -> None:
    """Moves the definitions of models within a schema to where their references point: its root."""
    if isinstance(schema, dict):
        definitions.update(schema.pop("$defs", {}))
        for part in schema.values():
            _lift_definitions(part, definitions)
    elif isinstance(schema, list):
        for part in schema:
            _lift_definitions(part, definitions)


def describe_parameters(parameters: Mapping[str, tuple[Any, Any]], required: object) -> tuple[dict[str, Any], Convert]:
    """The schema of an object with these parameters: annotation and default of each, `required` where there is none."""
    parts = {name: describe(annotation) for name, (annotation, _) in parameters.items()}
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for name, (schema, _) in parts.items():
        _lift_definitions(schema, definitions)
        default = parameters[name][1]
        if default is not required and isinstance(default, (str, int, float, bool, list, dict)):
            schema["default"] = default.value if isinstance(default, enum.Enum) else default
        properties[name] = schema
    result: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if must := [name for name, (_, default) in parameters.items() if default is required]:
        result["required"] = must
    if definitions:
        result["$defs"] = definitions
    return result, lambda value: {name: parts[name][1](item) for name, item in value.items()}
