"""The scenario that every language plays; see `tests/scenario/README.md`."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest
from composio import Composio, SessionContext
from composio.custom_tools import define
from composio.exceptions import ComposioError
from composio_anthropic import AnthropicProvider
from composio_openai import OpenAIProvider
from test_embedded import config, node

FOLDER = pathlib.Path(__file__).parents[2] / "tests/scenario"


def server() -> dict[str, Any]:
    url = os.environ.get("SCENARIO_MCP_URL")
    return {"slug": "everything", "url": url} if url else node("everything", "stdio")


def play(given: dict[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    own = given["custom_tool"]
    call = own["calls"]

    def meeting(arguments: dict[str, Any], context: SessionContext) -> dict[str, Any]:
        result = context.execute(call["slug"], {call["argument"]: arguments["start"], **call["fixed"]})
        return {"berlin": arguments["start"], "tokyo": result.data["time"]}

    tool = define(
        meeting,
        slug=own["slug"],
        name=own["name"],
        description=own["description"],
        input_schema=own["input_schema"],
    )
    outcome: dict[str, Any] = {}
    providers = {"openai": OpenAIProvider(), "anthropic": AnthropicProvider()}
    for name, provider in providers.items():
        with Composio(provider, backend="embedded", config=config(folder, server())) as composio:
            session = composio.create(user_id=given["user_id"], experimental={"custom_tools": [tool]})
            messages = session.handle_tool_calls(given["replies"][name])
            outcome[name] = [unfold(message) for message in messages]
            if name != "openai":
                continue
            outcome["toolkits"] = sorted(toolkit.slug for toolkit in session.toolkits().items)
            outcome["found"] = session.search(query=given["search"]).results[0].primary_tool_slugs[0]
            for what in ("built_in", "mcp"):
                result = session.execute(given[what]["slug"], arguments=given[what]["arguments"])
                outcome[what] = {"data": result.data, "error": result.error}
            result = session.execute(own["slug"], arguments=given["custom_arguments"])
            outcome["custom"] = {"data": result.data, "error": result.error}
            mixed = session.execute_tool_call("COMPOSIO_MULTI_EXECUTE_TOOL", {"tools": given["multi_execute"]})
            outcome["multi_execute"] = without_log_ids(mixed.to_dict())
            with pytest.raises(ComposioError) as refused:
                session.execute(given["unknown_tool"])
            outcome["unknown_tool"] = {"kind": refused.value.kind, "message": str(refused.value)}
    return outcome


def unfold(message: dict[str, Any]) -> dict[str, Any]:
    """The message with the JSON text of its results read."""
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": json.loads(content)}
    return {**message, "content": [{**part, "content": json.loads(part["content"])} for part in content]}


def without_log_ids(result: dict[str, Any]) -> dict[str, Any]:
    for item in result["data"]["results"]:
        item["response"].pop("log_id", None)
    return result


def test_the_scenario(tmp_path: pathlib.Path) -> None:
    given = json.loads((FOLDER / "scenario.json").read_text())
    assert play(given, tmp_path) == json.loads((FOLDER / "expected.json").read_text())
