"""AI providers: how tools are handed to a model and its tool calls are read.

The built-in ones are in `composio_openai`, `composio_anthropic` and `composio_google`. For another framework derive
from `NonAgenticProvider`, or from `AgenticProvider` where the framework runs the tools itself:

>>> class Names(NonAgenticProvider, name="names"):
...     def wrap_tool(self, tool):
...         return tool.slug
>>> from composio.models import Tool
>>> Names().wrap_tools([Tool({"slug": "HI"})])
['HI']
"""

from __future__ import annotations

from composio import _native
from composio.exceptions import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any, ClassVar, overload

    from composio.aio import AsyncToolRouterSession
    from composio.models import Tool, ToolCallResult
    from composio.session import ToolRouterSession


class BaseProvider:
    """What every provider has: a name."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, name: str | None = None) -> None:
        if name is not None:
            cls.name = name


class NonAgenticProvider(BaseProvider):
    """A provider whose tool calls the caller runs, each with `session.execute_tool_call`."""

    def wrap_tool(self, tool: Tool) -> Any:
        """The tool as the provider's API takes it."""
        raise NotImplementedError(f"{type(self).__name__} does not define wrap_tool")

    def wrap_tools(self, tools: Sequence[Tool]) -> Any:
        """The tools as the provider's API takes them."""
        return [self.wrap_tool(tool) for tool in tools]


class AgenticProvider(BaseProvider):
    """A provider whose framework runs the tools, by `execute_tool(slug, arguments)`.

    `execute_tool` gives a dict with `data`, `error` and `successful`; in a session of `AsyncComposio` it is awaited.
    """

    def wrap_tool(self, tool: Tool, execute_tool: Callable[[str, dict[str, Any]], Any]) -> Any:
        """The tool as the framework takes it."""
        raise NotImplementedError(f"{type(self).__name__} does not define wrap_tool")

    def wrap_tools(self, tools: Sequence[Tool], execute_tool: Callable[[str, dict[str, Any]], Any]) -> Any:
        """The tools as the framework takes them."""
        return [self.wrap_tool(tool, execute_tool) for tool in tools]


class FormatProvider(NonAgenticProvider):
    """A provider whose format the core knows. Replies may be the SDK's own objects or dicts."""

    def __init__(self) -> None:
        self._format = _native.Provider(self.name)

    def wrap_tool(self, tool: Tool) -> Any:
        """The tool as the provider's API takes it."""
        return self.wrap_tools([tool])[0]

    def wrap_tools(self, tools: Sequence[Tool]) -> list[Any]:
        """The tools as the provider's API takes them."""
        wrapped: list[Any] = self._format.format_tools([tool.to_dict() for tool in tools])
        return wrapped

    @property
    def format(self) -> _native.Provider:
        """How the core writes for it."""
        return self._format

    @property
    def native(self) -> _native.Provider | None:
        """The format, where no subclass wraps tools in its own way."""
        cls = type(self)
        own = cls.wrap_tool is not FormatProvider.wrap_tool or cls.wrap_tools is not FormatProvider.wrap_tools
        return None if own else self._format

    def tool_calls(self, response: object) -> list[dict[str, Any]]:
        """The tool calls in a model's reply, in order: `id`, `slug`, `arguments` and `problem` of each.

        Raises:
            ValidationError: The reply is not this provider's.
        """
        return self._format.tool_calls(response)

    def format_results(self, calls: list[dict[str, Any]], results: Sequence[object]) -> list[dict[str, Any]]:
        """The messages that give the results back to the model; `results` has one item a call."""
        return self._format.format_results(calls, list(results))

    if TYPE_CHECKING:

        @overload
        def handle_tool_calls(self, *, session: ToolRouterSession, response: object) -> list[ToolCallResult]: ...
        @overload
        def handle_tool_calls(
            self, *, session: AsyncToolRouterSession, response: object
        ) -> Awaitable[list[ToolCallResult]]: ...

    def handle_tool_calls(self, *, session: Any, response: object) -> Any:
        """Runs all tool calls of a model's reply at once; gives `data`, `error` and `successful` of each, in order.

        `session.handle_tool_calls` gives the messages for the model instead.
        """
        return session._call_tools(self.tool_calls(response))


def require_format(provider: BaseProvider) -> FormatProvider:
    """The provider, where the core can read its replies.

    Raises:
        UsageError: It is another one.
    """
    if isinstance(provider, FormatProvider):
        return provider
    raise UsageError(
        f"the provider {provider.name or type(provider).__name__} does not say how its replies name tool calls",
        suggested_fix="run each with session.execute_tool_call",
    )
