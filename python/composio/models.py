"""What calls answer with: objects over the decoded reply, unknown fields included."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from typing_extensions import Self


class Model:
    """A reply's object. Fields are attributes, and items for names that are not identifiers.

    A declared field that the reply left out is None. A field of a later contract is there under its own name. Assigning
    a field changes the object that `to_dict()` gives.

    >>> tool = Tool({"slug": "HI", "toolkit": {"slug": "demo"}, "later_field": 1})
    >>> tool.toolkit.slug, tool["later_field"], tool.description
    ('demo', 1, None)
    >>> tool == Tool(tool.to_dict())
    True
    """

    __slots__ = ("_data",)

    _models: ClassVar[dict[str, type[Model]]] = {}
    """The fields that hold a model, or a list of them."""

    def __init__(self, data: dict[str, Any]) -> None:
        object.__setattr__(self, "_data", data)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            data = self._data
            if name in data:
                return self._view(name, data[name])
            if not name.startswith("_") and any(
                name in getattr(base, "__annotations__", ()) for base in type(self).__mro__
            ):
                return None
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(data)}")

    def _view(self, name: str, value: Any) -> Any:
        model = self._models.get(name)
        if model is None:
            return value
        if isinstance(value, list):
            return [model(item) if isinstance(item, dict) else item for item in value]
        return model(value) if isinstance(value, dict) else value

    def __setattr__(self, name: str, value: Any) -> None:
        self._data[name] = value.to_dict() if isinstance(value, Model) else value

    def __getitem__(self, name: str) -> Any:
        return self._view(name, self._data[name])

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={self[name]!r}" for name in self._data)
        return f"{type(self).__name__}({fields})"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._data]

    def __copy__(self) -> Self:
        return type(self)(dict(self._data))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (self._data,)

    def to_dict(self) -> dict[str, Any]:
        """The reply's object as it came, not a copy."""
        return self._data

    if TYPE_CHECKING:
        _data: dict[str, Any]


class Record(Model):
    """An object whose nested objects are reached by attribute too, such as a session's configuration.

    >>> Record({"toolkits": {"enabled": ["github"]}}).toolkits.enabled
    ['github']
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def _view(self, name: str, value: Any) -> Any:
        return Record(value) if isinstance(value, dict) else value


class ToolToolkit(Model):
    """The toolkit of a tool."""

    __slots__ = ()
    slug: str
    name: str
    logo: str


class Tool(Model):
    """A tool as the backend lists it. `input_parameters` and `output_parameters` are JSON Schemas."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"toolkit": ToolToolkit}
    slug: str
    name: str
    description: str
    toolkit: ToolToolkit
    input_parameters: dict[str, Any]
    output_parameters: dict[str, Any] | None
    tags: list[str]
    version: str
    available_versions: list[str]
    is_deprecated: bool
    no_auth: bool
    scopes: list[str]


class SessionExecuteResponse(Model):
    """What a tool answered. A failed tool is an answer too: `error` says why."""

    __slots__ = ()
    data: dict[str, Any]
    error: str | None
    log_id: str
    result_type: str

    @property
    def successful(self) -> bool:
        """Whether the tool did its work."""
        return self.error is None and self._data.get("result_type") in (None, "completed")


class SessionProxyExecuteResponse(Model):
    """What the proxied API answered. `status` is its HTTP status."""

    __slots__ = ()
    status: int
    data: Any
    headers: dict[str, str]
    binary_data: dict[str, Any] | None


class SearchResult(Model):
    """The tools for one use case, best first."""

    __slots__ = ()
    index: int
    use_case: str
    primary_tool_slugs: list[str]
    related_tool_slugs: list[str]
    toolkits: list[str]
    execution_guidance: str | None
    error: str | None


class SessionSearchResponse(Model):
    """The tools that were found, and their schemas by slug."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"results": SearchResult}
    success: bool
    error: str | None
    results: list[SearchResult]
    tool_schemas: dict[str, dict[str, Any]]
    toolkit_connection_statuses: list[dict[str, Any]]
    next_steps_guidance: list[str]
    session: dict[str, Any]
    time_info: dict[str, Any] | None


class SchemaChange(Model):
    """A place where a provider does not take a tool's schema as it is.

    `path` is a JSON pointer into the schema that the provider gets, `change` is `dropped` or `rewritten`.
    """

    __slots__ = ()
    path: str
    keyword: str
    change: str
    reason: str


class ToolSchemaReport(Model):
    """How a provider takes a tool: by which `name`, whether a model is held to its schema, and what became of that."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"changes": SchemaChange}
    slug: str
    name: str
    strict: bool
    not_strict: str | None
    changes: list[SchemaChange]


class ToolkitConnectionAuthConfig(Model):
    """The auth config of a connection; `mode` is its auth scheme."""

    __slots__ = ()
    id: str
    mode: str
    is_composio_managed: bool


class ToolkitConnectedAccount(Model):
    """The connected account of a connection."""

    __slots__ = ()
    id: str
    status: str


class ToolkitConnection(Model):
    """Whether and how a toolkit is connected."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {
        "auth_config": ToolkitConnectionAuthConfig,
        "connected_account": ToolkitConnectedAccount,
    }
    is_active: bool
    auth_config: ToolkitConnectionAuthConfig | None
    connected_account: ToolkitConnectedAccount | None


class ToolkitConnectionState(Model):
    """A toolkit of the session. `connection` is None where none is needed."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"connection": ToolkitConnection}
    slug: str
    name: str
    logo: str | None
    is_no_auth: bool
    connection: ToolkitConnection | None


class ToolkitConnectionsDetails(Model):
    """A page of the session's toolkits. `next_cursor` is None on the last one."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": ToolkitConnectionState}
    items: list[ToolkitConnectionState]
    total_pages: int
    next_cursor: str | None


class ConnectedAccount(Record):
    """A connected account; `status` is `ACTIVE` once it can be used."""

    __slots__ = ()
    id: str
    status: str
    status_reason: str | None

    def __repr__(self) -> str:
        # The account's state may hold its credentials.
        return f"{type(self).__name__}(id={self.id!r}, status={self.status!r})"


class ConnectedAccountList(Model):
    """A page of connected accounts."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": ConnectedAccount}
    items: list[ConnectedAccount]
    next_cursor: str | None
    total_pages: int


class ConnectedAccountRefresh(Record):
    """A refreshed account; where only its user can connect it again, `redirect_url` is where they go."""

    __slots__ = ()
    id: str
    status: str
    redirect_url: str | None


class ConnectedAccountRevocation(Record):
    """An account that was revoked, and which of its tokens the provider revoked."""

    __slots__ = ()
    connected_account: Record
    revoked_tokens: list[str]


class CompletedAuth(Record):
    """An account that was connected."""

    __slots__ = ()
    connected_account_id: str
    toolkit_slug: str


class Done(Record):
    """That something was done."""

    __slots__ = ()
    success: bool


class AuthConfig(Record):
    """How the accounts of a toolkit are made."""

    __slots__ = ()
    id: str

    def __repr__(self) -> str:
        # The rest may hold a client's secret.
        return f"{type(self).__name__}(id={self.id!r})"


class AuthConfigList(Model):
    """A page of auth configs."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": AuthConfig}
    items: list[AuthConfig]
    next_cursor: str | None
    total_pages: int


class Toolkit(Record):
    """A toolkit of the catalog."""

    __slots__ = ()
    slug: str
    name: str
    no_auth: bool


class ToolkitList(Model):
    """A page of toolkits."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": Toolkit}
    items: list[Toolkit]
    next_cursor: str | None
    total_pages: int


class RegisteredCustomTool(Model):
    """A custom tool of a session, under its final slug."""

    __slots__ = ()
    slug: str
    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    toolkit: str | None


class RegisteredCustomToolkit(Model):
    """A custom toolkit of a session."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"tools": RegisteredCustomTool}
    slug: str
    name: str
    description: str
    tools: list[RegisteredCustomTool]


class SessionConfigVersion(Model):
    """One version of a session's configuration."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"config": Record}
    version: int
    config: Record
    is_current: bool
    created_at: str


class SessionConfigHistory(Model):
    """A page of configuration versions, newest first."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": SessionConfigVersion}
    items: list[SessionConfigVersion]
    next_cursor: str | None
    total_pages: int


class SessionDeleteResponse(Model):
    """The session that was deleted."""

    __slots__ = ()
    session_id: str
    deleted: bool


class FileItem(Model):
    """A file of the mount. `size` is in bytes, `last_modified` RFC 3339."""

    __slots__ = ()
    mount_relative_path: str
    sandbox_mount_prefix: str
    size: int
    last_modified: str


class FileListResponse(Model):
    """A page of files."""

    __slots__ = ()
    _models: ClassVar[dict[str, type[Model]]] = {"items": FileItem}
    items: list[FileItem]
    next_cursor: str | None


class FileDeleteResponse(Model):
    """The file that was deleted."""

    __slots__ = ()
    mount_relative_path: str
    sandbox_mount_prefix: str


class ToolRouterMCPServerConfig(Model):
    """Where the session is served over MCP. `headers` authenticate there, and a query may: keep both secret.

    >>> ToolRouterMCPServerConfig({"type": "http", "url": "https://host/mcp?token=t", "headers": {"x-api-key": "k"}})
    ToolRouterMCPServerConfig(type='http', url='https://host/mcp?***', headers={'x-api-key': '***'})
    """

    __slots__ = ()
    type: str
    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        masked = dict.fromkeys(self.headers, "***")
        address, query, _ = self.url.partition("?")
        url = f"{address}?***" if query else address
        return f"{type(self).__name__}(type={self.type!r}, url={url!r}, headers={masked!r})"


class ToolCallResult(Model):
    """What one tool call of a model's reply came to."""

    __slots__ = ()
    data: dict[str, Any]
    error: str | None
    successful: bool
