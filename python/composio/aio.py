"""The client for asyncio: the same names and arguments as the blocking one, to be awaited.

Cancelling a task stops its request. Each event loop may have clients of its own, and a client may be used from several.
"""

from __future__ import annotations

from composio._aio_accounts import AsyncAuthConfigs, AsyncConnectedAccounts, AsyncConnectionRequest
from composio._engine import Engine
from composio._loop import Loop
from composio.client import bundle, connect, default_provider, split_options
from composio.custom_tools import ExperimentalAPI
from composio.files import DEFAULT_MOUNT, RemoteFileBase
from composio.models import (
    FileDeleteResponse,
    FileListResponse,
    SessionConfigHistory,
    SessionDeleteResponse,
    SessionExecuteResponse,
    SessionProxyExecuteResponse,
    SessionSearchResponse,
    Tool,
    Toolkit,
    ToolkitConnectionsDetails,
    ToolkitList,
    ToolSchemaReport,
)
from composio.modifiers import approve_upload
from composio.resources import given, tools_query
from composio.session import SessionBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from os import PathLike
    from typing import Any, Literal, TypeAlias, TypeVar, overload

    from typing_extensions import Self, Unpack

    from composio import _native
    from composio.custom_tools import CustomTool, ExperimentalToolkit
    from composio.models import Record, ToolCallResult
    from composio.modifiers import Modifier
    from composio.provider import BaseProvider
    from composio.types import ClientOptions, CreateOptions, FileInput, ProxyParameter, UpdateOptions

    T = TypeVar("T")
    _list: TypeAlias = list

_loop = Loop()


def _wait(call: _native.Call[T]) -> Awaitable[T]:
    return _loop.call(call)


class AsyncRemoteFile(RemoteFileBase):
    """A file of a session's mount; see `composio.files.RemoteFile`."""

    async def buffer(self) -> bytes:
        """The content, at most 100 MiB."""
        return await _wait(self._source().file_content(self.download_url))

    async def text(self) -> str:
        """The content as UTF-8 text."""
        return (await self.buffer()).decode()

    async def save(self, path: str | PathLike[str] | None = None) -> str:
        """Saves the file and gives the absolute path."""
        return await _wait(self._source().save_file(self.download_url, self.mount_relative_path, path))


class AsyncFilesMount:
    """The files that a session's sandbox sees too; see `composio.files.ToolRouterSessionFilesMount`."""

    def __init__(self, session: _native.Session) -> None:
        self._session = session

    async def list(
        self,
        *,
        path: str | None = None,
        mount_id: str = DEFAULT_MOUNT,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> FileListResponse:
        """A page of files."""
        options = {"path": path, "cursor": cursor, "limit": limit}
        return FileListResponse(await _wait(self._session.list_files(mount_id, options)))

    async def upload(
        self,
        input: FileInput,
        *,
        remote_path: str | None = None,
        mimetype: str | None = None,
        mount_id: str = DEFAULT_MOUNT,
        modifiers: Sequence[Modifier] | None = None,
    ) -> AsyncRemoteFile:
        """Uploads a file by its path or public URL, or bytes under `remote_path`; at most 100 MiB."""
        input = approve_upload(input, modifiers)
        reply = await _wait(self._session.upload_file(mount_id, input, remote_path, mimetype))
        return AsyncRemoteFile.from_api_response(reply, self._session)

    async def download(self, file_path: str, *, mount_id: str = DEFAULT_MOUNT) -> AsyncRemoteFile:
        """A file of the mount."""
        reply = await _wait(self._session.download_file(mount_id, file_path))
        return AsyncRemoteFile.from_api_response(reply, self._session)

    async def delete(self, remote_path: str, *, mount_id: str = DEFAULT_MOUNT) -> FileDeleteResponse:
        """Removes a file."""
        return FileDeleteResponse(await _wait(self._session.delete_file(mount_id, remote_path)))


class AsyncToolkits:
    """The catalogue of toolkits; see `composio.resources.Toolkits`."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    async def list(
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
        return ToolkitList(await _wait(self._client.toolkits(query)))

    if TYPE_CHECKING:

        @overload
        async def get(self, slug: str) -> Toolkit: ...
        @overload
        async def get(self, slug: None = None, *, query: Mapping[str, Any] | None = None) -> _list[Toolkit]: ...

    async def get(self, slug: str | None = None, *, query: Mapping[str, Any] | None = None) -> Toolkit | _list[Toolkit]:
        """One toolkit; without a slug the first page that fits `query`, the API's parameters."""
        if slug is not None:
            return Toolkit(await _wait(self._client.toolkit(slug)))
        return ToolkitList(await _wait(self._client.toolkits(dict(query or {})))).items


class AsyncTools:
    """The catalogue of tools; see `composio.resources.Tools`."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client

    async def get_raw_composio_tool_by_slug(self, slug: str) -> Tool:
        """One tool."""
        return Tool(await _wait(self._client.tool(slug)))

    async def get_raw_composio_tools(
        self,
        tools: Sequence[str] | None = None,
        search: str | None = None,
        toolkits: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Tool]:
        """Tools by slug, by words, or by toolkit; at most `limit`."""
        reply = await _wait(self._client.tools(tools_query(tools, search, toolkits, limit)))
        return [Tool(tool) for tool in reply["items"]]


class AsyncSessionExperimental:
    """What is still experimental about a session."""

    def __init__(self, native: _native.Session) -> None:
        self.files = AsyncFilesMount(native)
        self.assistive_prompt = native.assistive_prompt


class AsyncToolRouterSession(SessionBase):
    """A session; made by `AsyncComposio`. Each method does what `composio.session.ToolRouterSession`'s does."""

    def __init__(self, engine: Engine, client: _native.Client) -> None:
        super().__init__(engine, client)
        self.experimental = AsyncSessionExperimental(self._native)

    async def tools(self, modifiers: Sequence[Modifier] | None = None) -> Any:
        """The session's tools, as the provider of the client wraps them."""
        return await self._engine.tools(modifiers)

    async def schema_report(self) -> list[ToolSchemaReport]:
        """What the provider does not take of the tools' schemas as they are, and what `tools()` makes of it."""
        return await self._engine.schema_report()

    async def execute(
        self,
        tool_slug: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        account: str | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> SessionExecuteResponse:
        """Runs a tool: a custom one in this process, any other at the backend. Never sent twice."""
        return await self._engine.execute(
            tool_slug,
            arguments=arguments,
            account=account,
            input_responses=input_responses,
            request_state=request_state,
        )

    async def execute_meta(
        self,
        slug: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> SessionExecuteResponse:
        """Runs a meta tool at the backend."""
        call = {
            "slug": slug,
            "arguments": arguments,
            "input_responses": input_responses,
            "request_state": request_state,
        }
        return SessionExecuteResponse(await _wait(self._native.execute_meta(call)))

    async def proxy_execute(
        self,
        *,
        toolkit: str,
        endpoint: str,
        method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"],
        body: Any = None,
        parameters: Sequence[ProxyParameter] | Sequence[dict[str, Any]] | None = None,
    ) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API with the user's credentials."""
        return await self._engine.proxy_execute(
            toolkit=toolkit, endpoint=endpoint, method=method, body=body, parameters=parameters
        )

    async def handle_tool_calls(
        self, response: object, modifiers: Sequence[Modifier] | None = None
    ) -> list[dict[str, Any]]:
        """Runs all tool calls of a model's reply at once and gives the messages to send back to the model."""
        return await self._engine.handle_tool_calls(response, modifiers)

    async def execute_tool_call(
        self,
        slug: str,
        arguments: dict[str, Any] | None = None,
        modifiers: Sequence[Modifier] | None = None,
        *,
        input_responses: dict[str, Any] | None = None,
        request_state: str | None = None,
    ) -> ToolCallResult:
        """Runs a tool as a model's call."""
        answers = {"input_responses": input_responses, "request_state": request_state}
        return (await self._call_tools([{"slug": slug, "arguments": arguments or {}, **answers}], modifiers))[0]

    async def _call_tools(
        self, calls: Sequence[dict[str, Any]], modifiers: Sequence[Modifier] | None = None
    ) -> list[ToolCallResult]:
        return await self._engine.call_tools(calls, modifiers)

    async def search(self, *, query: str, model: str | None = None) -> SessionSearchResponse:
        """Finds tools by use case."""
        return SessionSearchResponse(await _wait(self._native.search(query, model)))

    async def toolkits(
        self,
        *,
        toolkits: Sequence[str] | None = None,
        next_cursor: str | None = None,
        limit: int | None = None,
        is_connected: bool | None = None,
        search: str | None = None,
    ) -> ToolkitConnectionsDetails:
        """A page of the session's toolkits, and whether they are connected."""
        options = given(
            toolkits=toolkits, next_cursor=next_cursor, limit=limit, is_connected=is_connected, search=search
        )
        return ToolkitConnectionsDetails(await _wait(self._native.toolkits(options)))

    async def authorize(
        self,
        toolkit: str,
        *,
        callback_url: str | None = None,
        alias: str | None = None,
        experimental: Mapping[str, Any] | None = None,
    ) -> AsyncConnectionRequest:
        """Starts connecting an account."""
        options = given(toolkit=toolkit, callback_url=callback_url, alias=alias, experimental=experimental)
        return AsyncConnectionRequest(**await _wait(self._native.authorize(options)), client=self._client)

    async def update(self, **options: Unpack[UpdateOptions]) -> Record:
        """Changes the configuration and gives the new one."""
        await _wait(self._native.update(options))
        return self.config

    async def list_config_history(self, **query: Any) -> SessionConfigHistory:
        """A page of earlier configurations, newest first."""
        return SessionConfigHistory(await _wait(self._native.config_history(given(**query))))

    async def delete(self) -> SessionDeleteResponse:
        """Deletes the session."""
        return SessionDeleteResponse(await _wait(self._native.delete()))


class AsyncToolRouter:
    """Creates, takes up and deletes sessions; see `composio.client.ToolRouter`."""

    def __init__(self, client: _native.Client, provider: BaseProvider) -> None:
        self._client = client
        self._provider = provider

    async def create(self, user_id: str, **options: Unpack[CreateOptions]) -> AsyncToolRouterSession:
        """Creates a session for a user."""
        chosen, native, tools = split_options(user_id, options)
        return self._bind(await _wait(self._client.create(chosen, native)), tools)

    async def use(
        self,
        session_id: str,
        *,
        custom_tools: Sequence[CustomTool] | None = None,
        custom_toolkits: Sequence[ExperimentalToolkit] | None = None,
        mcp: bool = False,
    ) -> AsyncToolRouterSession:
        """Takes up a session that exists, with these custom tools."""
        native, tools = bundle(custom_tools, custom_toolkits)
        return self._bind(await _wait(self._client.use(session_id, native, mcp)), tools)

    async def delete(self, session_id: str) -> SessionDeleteResponse:
        """Deletes a session."""
        return SessionDeleteResponse(await _wait(self._client.delete(session_id)))

    def _bind(self, native: _native.Session, tools: list[CustomTool]) -> AsyncToolRouterSession:
        return AsyncToolRouterSession(Engine.bind(native, self._provider, _loop, tools), self._client)


class AsyncComposio:
    """A client for asyncio; takes what `Composio` takes.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncComposio(api_key="key") as composio:
    ...         return composio
    >>> asyncio.run(main())
    AsyncComposio(provider='openai')
    """

    def __init__(self, provider: BaseProvider | None = None, **options: Unpack[ClientOptions]) -> None:
        self._client = connect(options, blocking=False)
        self.provider = provider if provider is not None else default_provider()
        self.sessions = AsyncToolRouter(self._client, self.provider)
        self.connected_accounts = AsyncConnectedAccounts(self._client)
        self.auth_configs = AsyncAuthConfigs(self._client)
        self.toolkits = AsyncToolkits(self._client)
        self.tools = AsyncTools(self._client)
        self.experimental = ExperimentalAPI()

    async def create(self, user_id: str, **options: Unpack[CreateOptions]) -> AsyncToolRouterSession:
        """Creates a session."""
        return await self.sessions.create(user_id, **options)

    async def use(
        self,
        session_id: str,
        *,
        custom_tools: Sequence[CustomTool] | None = None,
        custom_toolkits: Sequence[ExperimentalToolkit] | None = None,
        mcp: bool = False,
    ) -> AsyncToolRouterSession:
        """Takes up a session that exists."""
        return await self.sessions.use(session_id, custom_tools=custom_tools, custom_toolkits=custom_toolkits, mcp=mcp)

    async def delete(self, session_id: str) -> SessionDeleteResponse:
        """Deletes a session."""
        return await self.sessions.delete(session_id)

    async def close(self) -> None:
        """Closes connections, files and child processes; further calls fail."""
        await _wait(self._client.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider.name!r})"
