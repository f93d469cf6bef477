"""Python objects to JSON and back."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import types
import uuid
from typing import Any

import pydantic
import pytest
from composio import _native
from composio.exceptions import HTTPError, ValidationError
from composio.models import Tool
from hypothesis import given
from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=50)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and from True, and 0.0 from -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


@given(values)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    assert same(_native.decode(_native.encode(value)), value)


@given(values)
def test_both_ways_agree_with_the_standard_library(value: Any) -> None:
    assert same(json.loads(_native.encode(value)), value)
    assert same(_native.decode(json.dumps(value)), value)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**64, 10**400, -(10**400), 5e-324, 1.7976931348623157e308])
def test_numbers_are_exact(number: float) -> None:
    assert same(_native.decode(_native.encode({"n": number})), {"n": number})


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(str):
    pass


@dataclasses.dataclass
class Point:
    x: int
    tags: tuple[str, ...]


class Order(pydantic.BaseModel):
    number: int
    placed: datetime.date


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, "a"), [1, "a"]),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Word("w"), "w"),
        (Point(1, ("t",)), {"x": 1, "tags": ["t"]}),
        (Order(number=7, placed=datetime.date(2026, 1, 2)), {"number": 7, "placed": "2026-01-02"}),
        (Tool({"slug": "HI"}), {"slug": "HI"}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), "2026-01-02T00:00:00+00:00"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("1E+2"), 100.0),
    ],
)
def test_carriers_of_data_are_unpacked(value: Any, plain: Any) -> None:
    assert _native.decode(_native.encode([value])) == [plain]


def cycle() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [1, float("nan")]}, r"value\.a\[1\]: is NaN or infinite"),
        ([float("-inf")], r"value\[0\]: is NaN or infinite"),
        ([decimal.Decimal("NaN")], r"is NaN or infinite"),
        ({"a": "\ud800"}, r"value\.a: holds a lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({"a": {1: 2}}, r"value\.a: has a key of type int"),
        ({1, 2}, "is of type set, which has no JSON form"),
        (b"bytes", "is of type bytes"),
        (Order, "has no JSON form"),
        (cycle(), "contains itself"),
    ],
)
def test_what_has_no_json_form_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        _native.encode(value)


def test_an_integer_beyond_pythons_own_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="more digits than Python converts"):
        _native.encode(10**5000)


def test_an_error_of_the_value_itself_is_raised_as_it_is() -> None:
    class Broken:
        def to_dict(self) -> dict[str, Any]:
            raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        _native.encode({"a": Broken()})


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "1 2", "[" * 1000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(HTTPError, match="cannot be read as JSON"):
        _native.decode(text)
