"""The providers, with the objects of the real SDKs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from anthropic.types import Message, ToolParam
from composio import AsyncComposio, Composio, after_execute, before_execute, schema_modifier
from composio.custom_tools import ExperimentalAPI
from composio.exceptions import InvalidModifier, UsageError, ValidationError
from composio.models import Tool
from composio.provider import AgenticProvider, FormatProvider, NonAgenticProvider
from composio_anthropic import AnthropicProvider
from composio_google import GoogleProvider
from composio_openai import OpenAIProvider, OpenAIResponsesProvider
from conftest import Mock
from google.genai import types as google
from openai.types.chat import ChatCompletion, ChatCompletionFunctionToolParam
from openai.types.responses import FunctionToolParam, Response
from pydantic import TypeAdapter

CALLS = [("LOCAL_GREET", {"name": "Ada"}), ("GITHUB_CREATE_ISSUE", {"title": "x"})]


@ExperimentalAPI().tool(preload=True)
def greet(name: str) -> dict[str, str]:
    """Greets."""
    return {"greeting": f"hello {name}"}


def completion() -> ChatCompletion:
    functions = [{"name": slug, "arguments": json.dumps(arguments)} for slug, arguments in CALLS]
    calls = [{"id": f"c{i}", "type": "function", "function": function} for i, function in enumerate(functions)]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    reply = {"id": "r", "created": 0, "model": "m", "object": "chat.completion", "choices": [choice]}
    return ChatCompletion.model_validate(reply)


def response() -> Response:
    output = [
        {"type": "function_call", "call_id": f"c{i}", "name": slug, "arguments": json.dumps(arguments)}
        for i, (slug, arguments) in enumerate(CALLS)
    ]
    reply = {"id": "r", "created_at": 0, "model": "m", "object": "response", "output": output, "tools": []}
    return Response.model_validate(reply | {"parallel_tool_calls": True, "tool_choice": "auto"})


def message() -> Message:
    blocks: list[Any] = [{"type": "text", "text": "Let me see."}]
    blocks += [
        {"type": "tool_use", "id": f"c{i}", "name": slug, "input": arguments}
        for i, (slug, arguments) in enumerate(CALLS)
    ]
    reply = {"id": "r", "type": "message", "role": "assistant", "model": "m", "content": blocks}
    return Message.model_validate(reply | {"usage": {"input_tokens": 1, "output_tokens": 1}})


def content() -> google.GenerateContentResponse:
    parts = [{"function_call": {"id": f"c{i}", "name": slug, "args": args}} for i, (slug, args) in enumerate(CALLS)]
    return google.GenerateContentResponse.model_validate(
        {"candidates": [{"content": {"role": "model", "parts": parts}}]}
    )


def results_of(messages: Any) -> list[Any]:
    """The results in the messages for the model, whatever the provider."""
    found = []
    for item in messages:
        if "tool_call_id" in item:
            found.append((item["tool_call_id"], json.loads(item["content"])))
        elif "call_id" in item:
            found.append((item["call_id"], json.loads(item["output"])))
        elif "content" in item:
            found += [(block["tool_use_id"], json.loads(block["content"])) for block in item["content"]]
        else:
            answers = google.Content.model_validate(item).parts or []
            found += [(part.function_response.id, part.function_response.response) for part in answers]  # type: ignore[union-attr]
    return found


PROVIDERS: list[tuple[type[FormatProvider], Callable[[], Any], Any]] = [
    (OpenAIProvider, completion, ChatCompletionFunctionToolParam),
    (OpenAIResponsesProvider, response, FunctionToolParam),
    (AnthropicProvider, message, ToolParam),
    (GoogleProvider, content, google.FunctionDeclaration),
]


@pytest.mark.parametrize(("provider", "reply", "shape"), PROVIDERS)
def test_the_sdk_takes_the_tools_and_its_reply_is_handled(
    provider: type[FormatProvider], reply: Callable[[], Any], shape: Any, mock: Mock
) -> None:
    with Composio(provider(), api_key="k", base_url=mock.url) as composio:
        session = composio.create("user", experimental={"custom_tools": [greet]})
        tools = session.tools()
        assert len(tools) == 101
        TypeAdapter(list[shape]).validate_python(tools)
        given = reply()
        for answer in (given, given.model_dump(mode="json")):
            results = results_of(session.handle_tool_calls(answer))
            assert [number for number, _ in results] == ["c0", "c1"]
            assert results[0][1] == {"data": {"greeting": "hello Ada"}, "error": None, "successful": True}
            assert results[1][1]["successful"]
        first, second = composio.provider.handle_tool_calls(session=session, response=given)  # type: ignore[attr-defined]
        assert (first.data, first.error, first.successful) == ({"greeting": "hello Ada"}, None, True)
        assert second.successful
        with pytest.raises(ValidationError):
            session.handle_tool_calls({"unknown": True})


@pytest.mark.parametrize(("provider", "reply", "shape"), PROVIDERS)
def test_asyncio_sessions_handle_replies_too(
    provider: type[FormatProvider], reply: Callable[[], Any], shape: Any, mock: Mock
) -> None:
    async def main() -> None:
        async with AsyncComposio(provider(), api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user", experimental={"custom_tools": [greet]})
            results = results_of(await session.handle_tool_calls(reply()))
            assert [result["successful"] for _, result in results] == [True, True]
            first, _ = await provider().handle_tool_calls(session=session, response=reply())
            assert first.data == {"greeting": "hello Ada"}

    asyncio.run(main())


class Framework(AgenticProvider, name="framework"):
    """A framework that calls its tools by itself."""

    def wrap_tool(self, tool: Tool, execute_tool: Callable[[str, dict[str, Any]], Any]) -> Any:
        return tool.slug, lambda **arguments: execute_tool(tool.slug, arguments)


@before_execute(tools=["LOCAL_GREET"])
def shout(tool: str, toolkit: str, params: Any) -> Any:
    params["arguments"]["name"] = params["arguments"]["name"].upper()
    return params


@after_execute(toolkits=["custom"])
def sign(tool: str, toolkit: str, response: Any) -> Any:
    return {**response, "data": {**response["data"], "by": f"{tool} of {toolkit}"}}


@schema_modifier
def rename(tool: str, toolkit: str, schema: Tool) -> Tool:
    schema.slug = schema.slug.lower()
    return schema


def test_an_agentic_provider_gets_a_function_to_run_tools(mock: Mock) -> None:
    greeting = {"data": {"greeting": "hello ADA", "by": "LOCAL_GREET of custom"}, "error": None, "successful": True}
    with Composio(Framework(), api_key="k", base_url=mock.url) as composio:
        session = composio.create("user", experimental={"custom_tools": [greet]})
        tools = dict(session.tools([shout, sign]))
        assert tools["LOCAL_GREET"](name="Ada") == greeting
        with pytest.raises(UsageError, match="framework does not say"):
            session.handle_tool_calls(completion())

    async def main() -> None:
        async with AsyncComposio(Framework(), api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user", experimental={"custom_tools": [greet]})
            tools = dict(await session.tools([shout, sign]))
            assert await tools["LOCAL_GREET"](name="Ada") == greeting

    asyncio.run(main())


def test_a_provider_of_ones_own_wraps_what_modifiers_leave(mock: Mock) -> None:
    class Slugs(NonAgenticProvider, name="slugs"):
        def wrap_tools(self, tools: Sequence[Tool]) -> Any:
            return {tool.slug for tool in tools}

    with Composio(Slugs(), api_key="k", base_url=mock.url) as composio:
        session = composio.create("user", experimental={"custom_tools": [greet]})
        assert "local_greet" in session.tools([rename])
        assert repr(composio) == "Composio(provider='slugs')"


def test_an_asyncio_modifier_is_awaited_and_a_blocking_session_refuses_it(mock: Mock) -> None:
    @before_execute
    async def wait(tool: str, toolkit: str, params: Any) -> Any:
        await asyncio.sleep(0)
        return {"arguments": {"name": "Eve"}}

    async def main() -> Any:
        async with AsyncComposio(api_key="k", base_url=mock.url) as composio:
            session = await composio.create("user", experimental={"custom_tools": [greet]})
            return await session.execute_tool_call("GREET", {"name": "Ada"}, [wait])

    assert asyncio.run(main()).data == {"greeting": "hello Eve"}
    with Composio(api_key="k", base_url=mock.url) as composio:
        session = composio.create("user", experimental={"custom_tools": [greet]})
        with pytest.raises(UsageError, match="use AsyncComposio"):
            session.execute_tool_call("GREET", {"name": "Ada"}, [wait])
        with pytest.raises(InvalidModifier, match="expected a modifier, got builtin_function"):
            session.execute_tool_call("GREET", {"name": "Ada"}, [print])  # type: ignore[list-item]
