"""The package `langchain-mcp-adapters` lists a session's tools and calls one. MCP_URL and MCP_HEADERS say where."""

import asyncio
import json
import os

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main() -> None:
    """Lists and calls."""
    headers = json.loads(os.environ["MCP_HEADERS"])
    where = {"transport": "streamable_http", "url": os.environ["MCP_URL"], "headers": headers}
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"composio": where}).get_tools()}
    content = await tools["TIME_NOW"].ainvoke({"timezone": "Asia/Tokyo"})
    assert json.loads(content[0]["text"])["timezone"] == "Asia/Tokyo", content


asyncio.run(main())
