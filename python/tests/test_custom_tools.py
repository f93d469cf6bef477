"""Custom tools: what a definition says, and how the function is called."""

from __future__ import annotations

import asyncio
import enum
import functools
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional, TypedDict

import pytest
from composio import AsyncComposio, Composio, CustomTool, ExperimentalToolkit, SessionContext
from composio.custom_tools import ExperimentalAPI
from composio.exceptions import ValidationError
from conftest import Mock
from pydantic import BaseModel, Field

experimental = ExperimentalAPI()


class Priority(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Address(TypedDict, total=False):
    city: str
    zip: Annotated[str, "Five digits."]


class Line(BaseModel):
    sku: str
    count: int = 1


class Order(BaseModel):
    number: int = Field(description="The order's number.", ge=1)
    lines: list[Line] = []


def properties(tool: CustomTool) -> dict[str, Any]:
    found: dict[str, Any] = tool.input_schema["properties"]
    return found


def test_defaults_come_from_the_function() -> None:
    @experimental.tool
    def find_order(number: int) -> None:
        """Finds an order.

        Whatever its state.
        """

    assert (find_order.slug, find_order.name) == ("FIND_ORDER", "Find Order")
    assert find_order.description == "Finds an order.\n\nWhatever its state."
    assert (find_order.extends_toolkit, find_order.preload, find_order.output_schema) == (None, None, None)
    assert find_order.input_schema == {
        "type": "object",
        "properties": {"number": {"type": "integer"}},
        "additionalProperties": False,
        "required": ["number"],
    }


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (list, {"type": "array"}),
        (dict, {"type": "object"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "items": False},
        ),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Priority, {"enum": ["low", "high"], "type": "string"}),
        (Annotated[int, "How many."], {"type": "integer", "description": "How many."}),
        (Annotated[int, Field(description="How many.")], {"type": "integer", "description": "How many."}),
        (Annotated[int, {"minimum": 1}], {"type": "integer", "minimum": 1}),
        (
            Address,
            {
                "type": "object",
                "properties": {"city": {"type": "string"}, "zip": {"type": "string", "description": "Five digits."}},
            },
        ),
        (Line, Line.model_json_schema()),
    ],
)
def test_annotations_become_schemas(annotation: Any, schema: dict[str, Any]) -> None:
    def run(value, other: str = "x"):  # type: ignore[no-untyped-def]
        """Runs."""

    run.__annotations__ = {"value": annotation, "other": "str"}
    tool = experimental.tool(run)
    assert properties(tool) == {"value": schema, "other": {"type": "string", "default": "x"}}
    assert tool.input_schema["required"] == ["value"]


def test_a_model_is_the_whole_input() -> None:
    @experimental.tool(output_params=Line)
    def place(order: Order, ctx: SessionContext) -> None:
        """Places an order."""

    assert place.input_params is Order
    assert properties(place) == Order.model_json_schema()["properties"]
    assert place.input_schema["$defs"] == Order.model_json_schema()["$defs"]
    assert place.output_schema == Line.model_json_schema()


def test_a_models_definitions_move_to_the_top() -> None:
    @experimental.tool
    def place(order: Order, note: str) -> None:
        """Places an order."""

    assert set(properties(place)) == {"order", "note"}
    assert set(place.input_schema["$defs"]) == {"Line"}


def refused(reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def check(function: Callable[..., Any]) -> Callable[..., Any]:
        with pytest.raises(ValidationError, match=reason):
            experimental.tool(function)
        return function

    return check


def test_what_cannot_be_a_tool_is_refused() -> None:
    @refused("write a docstring")
    def silent(number: int) -> None: ...

    @refused("the parameter number needs a type annotation")
    def untyped(number) -> None:  # type: ignore[no-untyped-def]
        """Untyped."""

    @refused("the parameter numbers must be one that can be given by name")
    def many(*numbers: int) -> None:
        """Many."""

    @refused("has no JSON Schema")
    def odd(number: complex) -> None:
        """Odd."""

    @refused("the annotation 'Missing' of number cannot be resolved")
    def unresolved(number: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Unresolved."""

    with pytest.raises(ValidationError, match="a custom tool is a function, got int"):
        experimental.tool(7)  # type: ignore[call-overload]
    with pytest.raises(ValidationError, match="custom_tools: expected a CustomTool, got function"):
        Composio(api_key="k").create("user", experimental={"custom_tools": [silent]})  # type: ignore[arg-type]


@experimental.tool
def add(a: int, b: float = 0.5) -> dict[str, Any]:
    """Adds."""
    return {"sum": a + b, "types": [type(a).__name__, type(b).__name__]}


@experimental.tool
def sort(priority: Priority, address: Address, lines: list[Line], tags: set[str] | None = None) -> list[Any]:
    """Sorts."""
    return [priority.name, address["city"], [line.count for line in lines], sorted(tags or ())]


@experimental.tool
async def place(order: Order, ctx: Any) -> dict[str, Any]:
    """Places an order."""
    await asyncio.sleep(0)
    sums = await asyncio.gather(*(ctx.execute("ADD", {"a": line.count}) for line in order.lines))
    return {"user": ctx.user_id, "number": order.number, "sums": [answer.data["sum"] for answer in sums]}


@experimental.tool(input_schema={"properties": {"n": {"type": "integer"}}, "required": ["n"]})
def plain(arguments: dict[str, Any], context: SessionContext) -> Any:
    """Takes a dict."""
    return {"sum": context.execute("add", {"a": arguments["n"]}).data["sum"], "user": context.user_id}


@experimental.tool
def fail(message: str = "") -> None:
    """Fails."""
    raise LookupError(message)


@experimental.tool
def odd() -> Any:
    """Returns what has no JSON form."""
    return {"value": object()}


@experimental.tool
def nothing() -> None:
    """Returns nothing."""


class Callable_:
    async def __call__(self, ctx: Any) -> str:
        """Is a callable object."""
        return f"called for {ctx.user_id}"


called = experimental.tool(slug="CALLED", description="Is a callable object.")(Callable_())
partial = experimental.tool(slug="PARTIAL", description="Is a partial function.")(functools.partial(add.execute, b=2.0))
TOOLS = [add, sort, place, plain, fail, odd, nothing, called, partial]

CASES: list[tuple[str, dict[str, Any], Any, str | None]] = [
    ("ADD", {"a": 1}, {"sum": 1.5, "types": ["int", "float"]}, None),
    ("add", {"a": 1, "b": 2}, {"sum": 3.0, "types": ["int", "float"]}, None),
    (
        "SORT",
        {"priority": "high", "address": {"city": "Ulm"}, "lines": [{"sku": "x"}], "tags": ["b", "a"]},
        ["HIGH", "Ulm", [1], ["a", "b"]],
        None,
    ),
    (
        "PLACE",
        {"number": "7", "lines": [{"sku": "a"}, {"sku": "b", "count": 2}]},
        {"user": "user_1", "number": 7, "sums": [1.5, 2.5]},
        None,
    ),
    ("PLAIN", {"n": 1}, {"sum": 1.5, "user": "user_1"}, None),
    ("NOTHING", {}, {}, None),
    ("CALLED", {}, "called for user_1", None),
    ("PARTIAL", {"a": 1}, {"sum": 3.0, "types": ["int", "float"]}, None),
    ("ADD", {"a": "one"}, {}, "Invalid arguments for LOCAL_ADD"),
    ("ADD", {}, {}, "Invalid arguments for LOCAL_ADD"),
    ("ADD", {"a": 1, "user_id": "x"}, {}, "Invalid arguments for LOCAL_ADD"),
    ("PLACE", {"number": 0}, {}, "greater than or equal to 1"),
    ("FAIL", {"message": "no such thing"}, {}, "no such thing"),
    ("FAIL", {}, {}, "LookupError"),
    ("ODD", {}, {}, "has no JSON form"),
]


@pytest.mark.parametrize("in_loop", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[3] or 'ok'}")
def test_a_blocking_session_runs_it(mock: Mock, case: Any, in_loop: bool) -> None:
    slug, arguments, data, error = case

    def run() -> Any:
        with Composio(api_key="k", base_url=mock.url) as composio:
            return composio.create("user_1", experimental={"custom_tools": TOOLS}).execute(slug, arguments)

    async def run_in_loop() -> Any:
        # A notebook has a running loop in the thread that calls.
        return run()

    result = asyncio.run(run_in_loop()) if in_loop else run()
    assert (result.data, result.log_id, result.successful) == (data, "", error is None)
    assert (error or "") in (result.error or "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[3] or 'ok'}")
def test_an_asyncio_session_runs_it(mock: Mock, case: Any) -> None:
    slug, arguments, data, error = case

    async def main() -> Any:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user_1", experimental={"custom_tools": TOOLS})
            return await session.execute(slug, arguments)

    result = asyncio.run(main())
    assert (result.data, result.log_id, result.successful) == (data, "", error is None)
    assert (error or "") in (result.error or "")


def batch(count: int) -> dict[str, Any]:
    return {"tools": [{"tool_slug": "MEET", "arguments": {}} for _ in range(count)]}


def test_custom_tools_of_one_run_meet_in_threads(mock: Mock) -> None:
    barrier = threading.Barrier(3, timeout=10)

    @experimental.tool
    def meet() -> int:
        """Waits until all are there."""
        return barrier.wait()

    async def main() -> Any:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user_1", experimental={"custom_tools": [meet]})
            return await session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", batch(3))

    with Composio(api_key="k", base_url=mock.url) as composio:
        session = composio.create("user_1", experimental={"custom_tools": [meet]})
        results = [session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", batch(3)), asyncio.run(main())]
    for result in results:
        assert sorted(item["response"]["data"] for item in result.data["results"]) == [0, 1, 2]


def test_custom_tools_of_one_run_meet_in_the_loop(mock: Mock) -> None:
    async def main() -> Any:
        waiting: list[asyncio.Future[None]] = []

        @experimental.tool
        async def meet() -> bool:
            """Waits until all are there."""
            waiting.append(asyncio.get_running_loop().create_future())
            if len(waiting) == 3:
                for future in waiting:
                    future.set_result(None)
            await asyncio.wait_for(waiting[-1], 10)
            return True

        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user_1", experimental={"custom_tools": [meet]})
            return await session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", batch(3))

    assert [item["response"]["data"] for item in asyncio.run(main()).data["results"]] == [True] * 3


def test_a_tool_that_cancels_itself_fails_alone(mock: Mock) -> None:
    @experimental.tool
    async def meet(give_up: bool = False) -> bool:
        """Gives up where it is told to."""
        if give_up:
            raise asyncio.CancelledError
        return True

    async def main() -> Any:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user_1", experimental={"custom_tools": [meet]})
            calls = [{"tool_slug": "MEET", "arguments": {"give_up": give_up}} for give_up in (True, False)]
            return await session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", {"tools": calls})

    if sys.version_info < (3, 11):
        # It cannot tell who cancelled, and so everything stops.
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
        return
    results = asyncio.run(main()).data["results"]
    assert [item["response"]["successful"] for item in results] == [False, True]


def test_a_toolkit_lists_its_tools_by_final_slug(mock: Mock) -> None:
    desk = experimental.Toolkit(slug="DESK", name="Desk", description="Notes.")
    assert experimental.Toolkit is ExperimentalToolkit

    @desk.tool(slug="NOTE")
    def write(text: str) -> dict[str, str]:
        """Writes a note."""
        return {"wrote": text}

    with Composio(api_key="k", base_url=mock.url) as composio:
        session = composio.create("user_1", experimental={"custom_tools": [add], "custom_toolkits": [desk]})
        assert [(tool.slug, tool.toolkit) for tool in session.custom_tools()] == [
            ("LOCAL_ADD", None),
            ("LOCAL_DESK_NOTE", "DESK"),
        ]
        assert [tool.slug for tool in session.custom_tools(toolkit="desk")] == ["LOCAL_DESK_NOTE"]
        (toolkit,) = session.custom_toolkits()
        assert (toolkit.slug, [tool.slug for tool in toolkit.tools]) == ("DESK", ["LOCAL_DESK_NOTE"])
        assert session.execute("LOCAL_DESK_NOTE", {"text": "hi"}).data == {"wrote": "hi"}
