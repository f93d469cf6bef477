"""The shapes of arguments, for type checkers: dicts with these keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from composio.custom_tools import CustomTool, ExperimentalToolkit

ToolRouterTag: TypeAlias = Literal[
    "readOnlyHint", "createHint", "updateHint", "destructiveHint", "idempotentHint", "openWorldHint"
]
FileInput: TypeAlias = "str | PathLike[str] | bytes | bytearray"


class ToolRouterToolkitsEnableConfig(TypedDict, total=False):
    """Only these toolkits; an empty list allows none."""

    enable: Sequence[str]
    require_approval: Sequence[str]


class ToolRouterToolkitsDisableConfig(TypedDict, total=False):
    """All toolkits but these."""

    disable: Sequence[str]
    require_approval: Sequence[str]


class ToolRouterTagsEnableDisableConfig(TypedDict, total=False):
    """Tools by tag."""

    enable: Sequence[ToolRouterTag] | None
    disable: Sequence[ToolRouterTag] | None
    require_approval: Sequence[ToolRouterTag] | None


ToolRouterConfigTags: TypeAlias = "Sequence[ToolRouterTag] | ToolRouterTagsEnableDisableConfig"


class ToolRouterToolsConfig(TypedDict, total=False):
    """Which of one toolkit's tools: by slug, or by tag."""

    enable: Sequence[str]
    disable: Sequence[str]
    tags: ToolRouterConfigTags
    require_approval: Sequence[str]


class ToolRouterSandboxConfig(TypedDict, total=False):
    """The sandbox for code. `auto_offload_threshold` is in characters."""

    enable: bool
    enable_proxy_execution: bool
    auto_offload_threshold: int
    sandbox_size: Literal["standard", "medium", "large", "xlarge"]


class ToolRouterManageConnectionsConfig(TypedDict, total=False):
    """Whether and how the model may connect accounts."""

    enable: bool
    callback_url: str
    wait_for_connections: bool


class ToolRouterMultiAccountConfig(TypedDict, total=False):
    """Several connected accounts of one toolkit, 2 to 10."""

    enable: bool
    max_accounts_per_toolkit: int
    require_explicit_selection: bool


class ToolRouterPreloadConfig(TypedDict, total=False):
    """Tools that are listed directly: slugs, or all."""

    tools: Sequence[str] | Literal["all"]


class ToolRouterProxyExecuteConfig(TypedDict):
    """Whether raw API calls are allowed."""

    enable: bool


class ToolRouterAssistivePromptConfig(TypedDict, total=False):
    """What the assistive prompt should know: the user's IANA time zone."""

    user_timezone: str


class ToolRouterExperimentalConfig(TypedDict, total=False):
    """What is still experimental."""

    assistive_prompt: ToolRouterAssistivePromptConfig
    custom_tools: Sequence[CustomTool]
    custom_toolkits: Sequence[ExperimentalToolkit]
    no_elicitation_support_fallback: Literal["deny", "allow"]


class SessionSettings(TypedDict, total=False):
    """What a session may do.

    A list stands for `{"enable": [...]}`, a bool for `{"enable": b}`, one account for a list of one.
    """

    toolkits: Sequence[str] | ToolRouterToolkitsEnableConfig | ToolRouterToolkitsDisableConfig | None
    tools: Mapping[str, Sequence[str] | ToolRouterToolsConfig] | None
    tags: ToolRouterConfigTags | None
    manage_connections: bool | ToolRouterManageConnectionsConfig | None
    auth_configs: Mapping[str, str] | None
    connected_accounts: Mapping[str, str | Sequence[str]] | None
    sandbox: ToolRouterSandboxConfig | None
    workbench: ToolRouterSandboxConfig | None
    multi_account: ToolRouterMultiAccountConfig | None
    proxy_execute: bool | ToolRouterProxyExecuteConfig | None
    hooks: Any
    preload: ToolRouterPreloadConfig | None
    experimental: ToolRouterExperimentalConfig | None
    instant: Any


class CreateOptions(SessionSettings, total=False):
    """The arguments of `create`. With `mcp`, a session on a foreign MCP server is an error."""

    session_preset: Literal["direct_tools"] | None
    mcp: bool


class UpdateOptions(SessionSettings, total=False):
    """The arguments of `update`: what is left out stays, None clears."""

    search: Any
    execute: Any
    expected_config_version: int | None


class ProxyParameter(TypedDict, total=False):
    """A query parameter or header; `in` or `type` says which, by default `header`."""

    name: str
    value: object
    type: Literal["query", "header"]


class ClientOptions(TypedDict, total=False):
    """How to reach the backend. `config` is the embedded router's: a file, or what such a file says."""

    api_key: str | None
    base_url: str | None
    backend: Literal["embedded", "http"] | None
    timeout: float | None
    max_retries: int | None
    default_headers: Mapping[str, str] | None
    config: str | PathLike[str] | Mapping[str, Any] | None
    sensitive_file_upload_protection: bool
    file_upload_path_deny_segments: Sequence[str] | None
    file_upload_dirs: Sequence[str | PathLike[str]] | Literal[False] | None
    file_download_dir: str | PathLike[str] | None
    dangerously_allow_auto_upload_download_files: bool


class AccountChanges(TypedDict, total=False):
    """What is changed of a connected account; what is left out stays."""

    alias: str | None
    connection: Mapping[str, Any]
    experimental: Mapping[str, Any]
