"""The client for blocking code; `composio.aio` has the one for asyncio."""

from __future__ import annotations

from composio import _native
from composio._engine import Engine
from composio._io import Blocking
from composio.accounts import AuthConfigs, ConnectedAccounts
from composio.custom_tools import CustomTool, ExperimentalAPI, ExperimentalToolkit
from composio.exceptions import ComposioDeprecationWarning, ValidationError
from composio.models import SessionDeleteResponse
from composio.provider import BaseProvider
from composio.resources import Toolkits, Tools
from composio.session import ToolRouterSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from typing_extensions import Self, Unpack

    from composio.types import ClientOptions, CreateOptions


def bundle(
    tools: Sequence[CustomTool] | None, toolkits: Sequence[ExperimentalToolkit] | None
) -> tuple[_native.ToolSet, list[CustomTool]]:
    """Custom tools as the native module takes them, and in the order in which a session lists them."""
    for what, items, kind in (("custom_tools", tools, CustomTool), ("custom_toolkits", toolkits, ExperimentalToolkit)):
        for item in items or ():
            if not isinstance(item, kind):
                raise ValidationError(f"{what}: expected a {kind.__name__}, got {type(item).__name__}")
    ordered = [*(tools or ()), *(tool for toolkit in toolkits or () for tool in toolkit.tools)]
    definitions = [tool.definition for tool in tools or ()]
    return _native.ToolSet(definitions, [toolkit.definition for toolkit in toolkits or ()]), ordered


def split_options(user_id: str, options: CreateOptions) -> tuple[dict[str, Any], _native.ToolSet, list[CustomTool]]:
    """The arguments of create without the custom tools, and those."""
    experimental: dict[str, Any] = dict(options.get("experimental") or {})
    native, ordered = bundle(experimental.pop("custom_tools", None), experimental.pop("custom_toolkits", None))
    return {"user_id": user_id, **options, "experimental": experimental or None}, native, ordered


UPLOAD_OPTIONS = (
    "sensitive_file_upload_protection",
    "file_upload_path_deny_segments",
    "file_upload_dirs",
    "file_download_dir",
    "dangerously_allow_auto_upload_download_files",
)


def connect(options: ClientOptions, *, blocking: bool) -> _native.Client:
    """A native client."""
    headers = list((options.get("default_headers") or {}).items())
    chosen: dict[str, Any] = {name: value for name, value in options.items() if name != "default_headers"}
    given = {name: chosen.pop(name) for name in UPLOAD_OPTIONS if name in chosen}
    uploads = {name: value for name, value in given.items() if value is not None}
    client = _native.Client(blocking=blocking, default_headers=headers, uploads=uploads or None, **chosen)
    if client.data_dir is not None:
        import logging

        logging.getLogger("composio").info("the embedded router answers; its data lies in %s", client.data_dir)
    return client


def default_provider() -> BaseProvider:
    """The provider of a client that was given none: OpenAI chat completions."""
    from composio_openai import OpenAIProvider

    return OpenAIProvider()


class ToolRouter:
    """Creates, takes up and deletes sessions; `composio.sessions`."""

    def __init__(self, client: _native.Client, provider: BaseProvider) -> None:
        self._client = client
        self._provider = provider

    def create(self, user_id: str, **options: Unpack[CreateOptions]) -> ToolRouterSession:
        """Creates a session for a user; see `composio.types.CreateOptions` for what it may do.

        Raises:
            ValidationError: An option is malformed; nothing was sent.
            MCPDestinationError: With `mcp=True`, where the MCP server is not the backend's own.
        """
        chosen, native, tools = split_options(user_id, options)
        return self._bind(self._client.create(chosen, native).wait(), tools)

    def use(
        self,
        session_id: str,
        *,
        custom_tools: Sequence[CustomTool] | None = None,
        custom_toolkits: Sequence[ExperimentalToolkit] | None = None,
        mcp: bool = False,
    ) -> ToolRouterSession:
        """Takes up a session that exists, with these custom tools.

        Raises:
            NotFoundError: There is no such session.
        """
        native, tools = bundle(custom_tools, custom_toolkits)
        return self._bind(self._client.use(session_id, native, mcp).wait(), tools)

    def delete(self, session_id: str) -> SessionDeleteResponse:
        """Deletes a session."""
        return SessionDeleteResponse(self._client.delete(session_id).wait())

    def _bind(self, native: _native.Session, tools: list[CustomTool]) -> ToolRouterSession:
        return ToolRouterSession(Engine.bind(native, self._provider, Blocking(), tools), self._client)


class Composio:
    """A client. Threads may share it; a forked child goes on with connections of its own.

    With a key or base URL it speaks to a hosted backend; with neither the embedded router answers in this process.

    Args:
        provider: How tools are wrapped for the model; by default `composio_openai.OpenAIProvider`.
        api_key: By default `COMPOSIO_API_KEY`.
        base_url: By default `COMPOSIO_BASE_URL`, else the hosted service.
        backend: `"http"` or `"embedded"` to force one.
        timeout: Seconds that one attempt may take, by default 60.
        max_retries: How often a call that changes nothing is tried again, by default 2.
        default_headers: Headers that every call sends.
        config: The embedded router's: the path of a `composio.toml`, or the same as a mapping.
        sensitive_file_upload_protection: Whether files that commonly hold credentials are refused, by default True.
        file_upload_path_deny_segments: Further names of files and folders that are not uploaded.
        file_upload_dirs: Only files below these folders are uploaded; False for none. By default any, but
            `~/.composio/temp` alone for uploads that a tool's arguments lead to.
        dangerously_allow_auto_upload_download_files: Whether tools' files go to and fro by themselves. The model then
            gives a path or URL where a tool takes a file, and gets the path of each file that a tool returns. A model
            that was led astray can so send away any file that the two options above allow.
        file_download_dir: Where files that tools return are saved, by default `files` in `COMPOSIO_CACHE_DIR`, else in
            `~/.composio`.

    Raises:
        ApiKeyNotProvidedError: HTTP is asked for without a key.
        ValidationError: An option is malformed.

    >>> with Composio(api_key="key") as composio:
    ...     composio
    Composio(provider='openai')
    """

    def __init__(self, provider: BaseProvider | None = None, **options: Unpack[ClientOptions]) -> None:
        self._client = connect(options, blocking=True)
        self.provider = provider if provider is not None else default_provider()
        self.sessions = ToolRouter(self._client, self.provider)
        self.connected_accounts = ConnectedAccounts(self._client)
        self.auth_configs = AuthConfigs(self._client)
        self.toolkits = Toolkits(self._client)
        self.tools = Tools(self._client)
        self.experimental = ExperimentalAPI()

    @property
    def tool_router(self) -> ToolRouter:
        """The old name of `sessions`."""
        import warnings

        warnings.warn("tool_router is now called sessions", ComposioDeprecationWarning, stacklevel=2)
        return self.sessions

    def create(self, user_id: str, **options: Unpack[CreateOptions]) -> ToolRouterSession:
        """Creates a session; see `ToolRouter.create`."""
        return self.sessions.create(user_id, **options)

    def use(
        self,
        session_id: str,
        *,
        custom_tools: Sequence[CustomTool] | None = None,
        custom_toolkits: Sequence[ExperimentalToolkit] | None = None,
        mcp: bool = False,
    ) -> ToolRouterSession:
        """Takes up a session that exists; see `ToolRouter.use`."""
        return self.sessions.use(session_id, custom_tools=custom_tools, custom_toolkits=custom_toolkits, mcp=mcp)

    def delete(self, session_id: str) -> SessionDeleteResponse:
        """Deletes a session."""
        return self.sessions.delete(session_id)

    def close(self) -> None:
        """Closes connections, files and child processes; further calls fail. Leaving a `with` block does the same."""
        self._client.close().wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider.name!r})"
