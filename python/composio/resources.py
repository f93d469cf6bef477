"""Toolkits and tools of the backend, outside of a session."""

from __future__ import annotations

from composio.models import Tool, Toolkit, ToolkitList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias, overload

    from composio import _native

    _list: TypeAlias = list


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def tools_query(
    tools: Sequence[str] | None, search: str | None, toolkits: Sequence[str] | None, limit: int | None
) -> dict[str, Any]:
    """The contract's parameters for a page of tools."""

    def join(slugs: Sequence[str] | None) -> str | None:
        return None if slugs is None else ",".join([slugs] if isinstance(slugs, str) else slugs)

    return given(tool_slugs=join(tools), toolkit_slug=join(toolkits), query=search, limit=limit)


class Toolkits:
    """The catalogue of toolkits."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def list(
        self,
        *,
        category: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        sort_by: str | None = None,
        managed_by: str | None = None,
        search: str | None = None,
    ) -> ToolkitList:
        """A page of toolkits."""
        query = given(
            category=category, cursor=cursor, limit=limit, sort_by=sort_by, managed_by=managed_by, search=search
        )
        return ToolkitList(self._client.toolkits(query).wait())

    if TYPE_CHECKING:

        @overload
        def get(self, slug: str) -> Toolkit: ...
        @overload
        def get(self, slug: None = None, *, query: Mapping[str, Any] | None = None) -> _list[Toolkit]: ...

    def get(self, slug: str | None = None, *, query: Mapping[str, Any] | None = None) -> Toolkit | _list[Toolkit]:
        """One toolkit; without a slug the first page that fits `query`, the API's parameters."""
        if slug is not None:
            return Toolkit(self._client.toolkit(slug).wait())
        return ToolkitList(self._client.toolkits(dict(query or {})).wait()).items


class Tools:
    """The catalogue of tools."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    def get_raw_composio_tool_by_slug(self, slug: str) -> Tool:
        """One tool."""
        return Tool(self._client.tool(slug).wait())

    def get_raw_composio_tools(
        self,
        tools: Sequence[str] | None = None,
        search: str | None = None,
        toolkits: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Tool]:
        """Tools by slug, by words, or by toolkit; at most `limit`."""
        reply = self._client.tools(tools_query(tools, search, toolkits, limit)).wait()
        return [Tool(tool) for tool in reply["items"]]
