"""Sessions: the tools, accounts and files that an agent may use for one user."""

from __future__ import annotations

from composio._io import drive
from composio.accounts import ConnectionRequest
from composio.files import ToolRouterSessionFilesMount
from composio.models import (
    Record,
    RegisteredCustomTool,
    RegisteredCustomToolkit,
    SessionConfigHistory,
    SessionDeleteResponse,
    SessionExecuteResponse,
    SessionProxyExecuteResponse,
    SessionSearchResponse,
    ToolkitConnectionsDetails,
    ToolRouterMCPServerConfig,
    ToolSchemaReport,
)
from composio.resources import given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from typing_extensions import Unpack

    from composio import _native
    from composio._engine import Engine
    from composio.models import ToolCallResult
    from composio.modifiers import Modifier
    from composio.types import ProxyParameter, UpdateOptions


class SessionBase:
    """What a session knows without asking the backend."""

    def __init__(self, engine: Engine, client: _native.Client) -> None:
        self._engine = engine
        self._native = engine.native
        self._client = client
        if warning := self._native.mcp_warning:
            import logging

            logging.getLogger("composio").warning(warning)

    @property
    def session_id(self) -> str:
        """The session's id; `composio.use(session_id)` takes the session up again."""
        return self._native.id

    @property
    def user_id(self) -> str:
        """Whom the session acts for."""
        return self._native.user_id

    @property
    def config(self) -> Record:
        """The effective configuration as of the last create, use or update."""
        return Record(self._native.config)

    @property
    def config_version(self) -> int:
        """The version of `config`, from 1."""
        return self._native.config_version

    @property
    def warnings(self) -> list[Record]:
        """What the last create, use or update warned of, each with `code` and `message`."""
        return [Record(warning) for warning in self._native.warnings]

    @property
    def preload(self) -> Record | None:
        """Which tools are listed directly."""
        preload = self._native.preload
        return None if preload is None else Record(preload)

    @property
    def mcp(self) -> ToolRouterMCPServerConfig:
        """Where an MCP client reaches the session, and with which headers."""
        return ToolRouterMCPServerConfig(self._native.mcp)

    def custom_tools(self, *, toolkit: str | None = None) -> list[RegisteredCustomTool]:
        """The session's custom tools with their final slugs, or those of one toolkit."""
        return [RegisteredCustomTool(tool) for tool in self._native.custom_tools(toolkit)]

    def custom_toolkits(self) -> list[RegisteredCustomToolkit]:
        """The session's custom toolkits with their tools."""
        return [RegisteredCustomToolkit(toolkit) for toolkit in self._native.custom_toolkits()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session_id!r}, user_id={self.user_id!r})"


class ToolRouterSessionExperimental:
    """What is still experimental about a session."""

    def __init__(self, native: _native.Session) -> None:
        self.files = ToolRouterSessionFilesMount(native)
        self.assistive_prompt = native.assistive_prompt


class ToolRouterSession(SessionBase):
    """A session; made by `composio.create` or `composio.use`. Threads may share it.

    Every method raises the class of `composio.exceptions` that fits what went wrong.
    """

    def __init__(self, engine: Engine, client: _native.Client) -> None:
        super().__init__(engine, client)
        self.experimental = ToolRouterSessionExperimental(self._native)

    def tools(self, modifiers: Sequence[Modifier] | None = None) -> Any:
        """The session's tools, as the provider of the client wraps them; by default for OpenAI chat completions.

        Args:
            modifiers: `schema_modifier`s change what the model sees; `before_execute`, `after_execute` and
                `before_file_upload` apply where the provider's framework runs the tools.
        """
        return drive(self._engine.tools(modifiers))

    def schema_report(self) -> list[ToolSchemaReport]:
        """What the client's provider does not take of the tools' schemas as they are, and what `tools()` makes of it.

        Providers refuse parts of JSON Schema, and some names. `tools()` writes such a tool so that it is taken, and
        this says where: for each tool its `slug`, the `name` that the model knows it by, whether it is held to the
        schema (`strict`, of OpenAI) and `changes`, each with `path`, `keyword`, `change` (`dropped` or `rewritten`) and
        `reason`. What a tool is called with is checked against its own schema all the same.

        Raises:
            UsageError: The provider's format is not known here.
        """
        return drive(self._engine.schema_report())

    def execute(
        self,
        tool_slug: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        account: str | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> SessionExecuteResponse:
        """Runs a tool: a custom one in this process, any other at the backend. Never sent twice.

        Args:
            tool_slug: The tool; for a custom one its final slug or, where only one tool has it, its own.
            arguments: The tool's arguments.
            account: The connected account, an id or alias.
            input_responses: The user's answers to an earlier `ToolInputRequiredError`.
            request_state: That error's `request_state`.

        Returns:
            `data`, `error`, `log_id` and `result_type`. A tool that failed is a result, not an exception.

        Raises:
            ToolInputRequiredError: The tool waits for the user.
            ValidationError: The slug is ambiguous, or the arguments have no JSON form.
            FileError, SDKFileNotFoundError: A file that goes up by itself is not there or may not be uploaded; the tool
                has not run.
        """
        return drive(
            self._engine.execute(
                tool_slug,
                arguments=arguments,
                account=account,
                input_responses=input_responses,
                request_state=request_state,
            )
        )

    def execute_meta(
        self,
        slug: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> SessionExecuteResponse:
        """Runs a meta tool, such as `COMPOSIO_MANAGE_CONNECTIONS`, at the backend."""
        call = {
            "slug": slug,
            "arguments": arguments,
            "input_responses": input_responses,
            "request_state": request_state,
        }
        return SessionExecuteResponse(self._native.execute_meta(call).wait())

    def proxy_execute(
        self,
        *,
        toolkit: str,
        endpoint: str,
        method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"],
        body: Any = None,
        parameters: Sequence[ProxyParameter] | Sequence[dict[str, Any]] | None = None,
    ) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API with the user's credentials.

        Args:
            toolkit: Whose credentials and base URL are used.
            endpoint: A path below the base URL, or an absolute URL on the toolkit's hosts.
            method: The HTTP method.
            body: The JSON body.
            parameters: Query parameters and headers: `name`, `value`, and `in` or `type` (`query` or `header`).

        Returns:
            `status`, `data`, `headers` and `binary_data`.
        """
        return drive(
            self._engine.proxy_execute(
                toolkit=toolkit, endpoint=endpoint, method=method, body=body, parameters=parameters
            )
        )

    def handle_tool_calls(self, response: object, modifiers: Sequence[Modifier] | None = None) -> list[dict[str, Any]]:
        """Runs all tool calls of a model's reply at once and gives the messages to send back to the model.

        Args:
            response: The reply, as the provider's SDK gives it or as a dict.
            modifiers: `before_execute` and `after_execute` around each call, `before_file_upload` for each file that
                goes up by itself.

        Raises:
            ValidationError: The reply is not one of the client's provider.
            ToolInputRequiredError: A tool waits for the user.
        """
        return drive(self._engine.handle_tool_calls(response, modifiers))

    def execute_tool_call(
        self,
        slug: str,
        arguments: dict[str, Any] | None = None,
        modifiers: Sequence[Modifier] | None = None,
        *,
        input_responses: dict[str, Any] | None = None,
        request_state: str | None = None,
    ) -> ToolCallResult:
        """Runs a tool as a model's call: custom tools within a `COMPOSIO_MULTI_EXECUTE_TOOL` run in this process.

        `handle_tool_calls` does this for each call of a reply. Where it raised `ToolInputRequiredError`, this takes the
        user's answers, with the error's `request_state`; the error's `details["results"]` has what the other calls
        ended with.
        """
        answers = {"input_responses": input_responses, "request_state": request_state}
        return self._call_tools([{"slug": slug, "arguments": arguments or {}, **answers}], modifiers)[0]

    def _call_tools(
        self, calls: Sequence[dict[str, Any]], modifiers: Sequence[Modifier] | None = None
    ) -> list[ToolCallResult]:
        return drive(self._engine.call_tools(calls, modifiers))

    def search(self, *, query: str, model: str | None = None) -> SessionSearchResponse:
        """Finds tools by use case, 1 to 1,024 characters; `model` names the model that will use them."""
        return SessionSearchResponse(self._native.search(query, model).wait())

    def toolkits(
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
        return ToolkitConnectionsDetails(self._native.toolkits(options).wait())

    def authorize(
        self,
        toolkit: str,
        *,
        callback_url: str | None = None,
        alias: str | None = None,
        experimental: Mapping[str, Any] | None = None,
    ) -> ConnectionRequest:
        """Starts connecting an account: send the user to `redirect_url`, then `wait_for_connection`.

        Args:
            toolkit: The toolkit to connect.
            callback_url: Where the user's browser goes afterwards.
            alias: A name for the account.
            experimental: Further parameters of the API.
        """
        options = given(toolkit=toolkit, callback_url=callback_url, alias=alias, experimental=experimental)
        return ConnectionRequest(**self._native.authorize(options).wait(), client=self._client)

    def update(self, **options: Unpack[UpdateOptions]) -> Record:
        """Changes the configuration and gives the new one.

        What is left out stays; None clears what was stored. With `expected_config_version` the change applies only to
        that version.

        Raises:
            SessionConfigConflictError: The stored version is another one.
        """
        self._native.update(options).wait()
        return self.config

    def list_config_history(self, **query: Any) -> SessionConfigHistory:
        """A page of earlier configurations, newest first; `limit` (1 to 100) and `cursor`."""
        return SessionConfigHistory(self._native.config_history(given(**query)).wait())

    def delete(self) -> SessionDeleteResponse:
        """Deletes the session."""
        return SessionDeleteResponse(self._native.delete().wait())
