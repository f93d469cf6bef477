"""MCP's own Python package against `composio serve` and `composio mcp`: in the newest revision and in one before it.

python tests/server/mcp_client.py path/to/composio
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from serving import serving


def rest(url: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """A new session."""
    request = urllib.request.Request(
        f"{url}/api/v3.1/tool_router/session",
        data=json.dumps(body).encode(),
        headers={"x-api-key": key, "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


@contextlib.asynccontextmanager
async def connect(session: dict[str, Any], key: str, mode: str, **options: Any) -> AsyncIterator[Client]:
    """A client of a session. `auto` takes the newest revision, `legacy` one before it."""
    async with (
        httpx2.AsyncClient(headers={"x-api-key": key}) as http,
        Client(streamable_http_client(session["mcp"]["url"], http_client=http), mode=mode, **options) as client,
    ):
        yield client


def text(result: Any) -> str:
    """The first text of a result."""
    return result.content[0].text


async def approve(_context: Any, _params: Any) -> ElicitResult:
    """A user who allows everything."""
    return ElicitResult(action="accept", content={"decision": "approve"})


async def check_tools(session: dict[str, Any], key: str, mode: str) -> None:
    """Lists and calls tools, and is refused one."""
    async with connect(session, key, mode) as client:
        assert (client.protocol_version >= "2026-07-28") == (mode == "auto"), client.protocol_version
        assert "COMPOSIO_SEARCH_TOOLS" in (client.instructions or "")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"COMPOSIO_SEARCH_TOOLS", "COMPOSIO_MULTI_EXECUTE_TOOL", "TIME_NOW"} <= tools.keys(), sorted(tools)
        assert "FILES_READ" not in tools
        annotations = tools["TIME_NOW"].annotations
        assert annotations and annotations.read_only_hint
        now = await client.call_tool("TIME_NOW", {"timezone": "Asia/Tokyo"})
        assert now.structured_content and now.structured_content["timezone"] == "Asia/Tokyo", now
        found = await client.call_tool("COMPOSIO_SEARCH_TOOLS", {"queries": [{"use_case": "the time in Tokyo"}]})
        assert "TIME_NOW" in text(found), found
        calls = [{"tool_slug": "TIME_NOW", "arguments": {"timezone": zone}} for zone in ("Asia/Tokyo", "Europe/Paris")]
        both = await client.call_tool("COMPOSIO_MULTI_EXECUTE_TOOL", {"tools": calls})
        assert "Europe/Paris" in text(both), both
        refused = await client.call_tool("FILES_LIST", {})
        assert refused.is_error and "toolkits" in text(refused), refused
        wrong = await client.call_tool("TIME_NOW", {"timezone": 7})
        assert wrong.is_error and "timezone" in text(wrong), wrong
        try:
            await client.call_tool("TIME_NWO", {})
        except MCPError as error:
            assert "TIME_N" in str(error), error
        else:
            raise AssertionError("a tool that is not there was called")
        many = await asyncio.gather(*(client.call_tool("TIME_NOW", {}) for _ in range(40)))
        assert not any(result.is_error for result in many)


async def check_every_tool(session: dict[str, Any], key: str, mode: str) -> None:
    """Calls tools that say what they return; the package checks that they do."""
    async with connect(session, key, mode) as client:
        for name, arguments in (
            ("FILES_WRITE", {"path": "a.txt", "content": "hello"}),
            ("FILES_READ", {"path": "a.txt"}),
            ("FILES_LIST", {}),
            ("SQLITE_EXECUTE", {"path": "a.db", "sql": "create table if not exists t (n integer)"}),
            ("SQLITE_QUERY", {"path": "a.db", "sql": "select 1 as n"}),
            ("TIME_NOW", {}),
        ):
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, result)
            assert result.structured_content is not None, (name, result)


async def check_approval(session: dict[str, Any], key: str, mode: str) -> None:
    """The user is asked, or the model is told that nobody can be."""
    async with connect(session, key, mode, elicitation_callback=approve) as client:
        asked = await client.call_tool("TIME_NOW", {"timezone": "Asia/Tokyo"})
        assert asked.structured_content and asked.structured_content["timezone"] == "Asia/Tokyo", asked
    async with connect(session, key, mode) as client:
        waits = await client.call_tool("TIME_NOW", {})
        assert waits.is_error and "approval" in text(waits), waits


async def check_stdio(program: str, mode: str) -> None:
    """The client starts the program itself."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--data", folder, "mcp", "--user", "ada", "--toolkits", "time", "--all-tools"]
        async with Client(StdioServerParameters(command=program, args=arguments, cwd=folder), mode=mode) as client:
            assert "TIME_NOW" in {tool.name for tool in (await client.list_tools()).tools}
            now = await client.call_tool("TIME_NOW", {"timezone": "Asia/Tokyo"})
            assert now.structured_content and now.structured_content["timezone"] == "Asia/Tokyo", now


def main() -> None:
    """Runs the checks against a server of their own."""
    with serving(sys.argv[1]) as (url, key):
        preload = {"tools": "all"}
        plain = rest(url, key, {"user_id": "ada", "toolkits": ["time"], "preload": preload})
        every = rest(url, key, {"user_id": "ada", "preload": preload})
        approval = {"tags": {"require_approval": ["readOnlyHint"]}}
        asking = rest(url, key, {"user_id": "ada", "toolkits": ["time"], "preload": preload, **approval})
        for mode in ("auto", "legacy"):
            asyncio.run(check_tools(plain, key, mode))
            asyncio.run(check_every_tool(every, key, mode))
            asyncio.run(check_approval(asking, key, mode))
            asyncio.run(check_stdio(sys.argv[1], mode))
        try:
            urllib.request.urlopen(plain["mcp"]["url"])
        except urllib.error.HTTPError as error:
            assert error.code == 401, error
        else:
            raise AssertionError("the endpoint is open to everyone")
    print("The protocol's own package works against the server.")


if __name__ == "__main__":
    main()
