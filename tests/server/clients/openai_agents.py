"""The package `openai-agents` lists a session's tools and calls one. MCP_URL and MCP_HEADERS say where."""

import asyncio
import json
import os

from agents.mcp import MCPServerStreamableHttp


async def main() -> None:
    """Lists and calls."""
    where = {"url": os.environ["MCP_URL"], "headers": json.loads(os.environ["MCP_HEADERS"])}
    async with MCPServerStreamableHttp(params=where, client_session_timeout_seconds=60) as server:
        assert "TIME_NOW" in {tool.name for tool in await server.list_tools()}
        result = await server.call_tool("TIME_NOW", {"timezone": "Asia/Tokyo"})
        assert not result.isError and json.loads(result.content[0].text)["timezone"] == "Asia/Tokyo", result


asyncio.run(main())
