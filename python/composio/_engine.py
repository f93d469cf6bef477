"""What a session does with tools: once for blocking and asyncio sessions."""

from __future__ import annotations

from composio._io import Blocking, drive
from composio.exceptions import InvalidModifier, ToolInputRequiredError, UsageError
from composio.models import SessionExecuteResponse, SessionProxyExecuteResponse, Tool, ToolCallResult, ToolSchemaReport
from composio.modifiers import judged, select, upload_hooks
from composio.provider import AgenticProvider, FormatProvider, require_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from composio import _native
    from composio._io import IO, Finished
    from composio.custom_tools import CustomTool
    from composio.modifiers import Modifier
    from composio.provider import BaseProvider


class Engine:
    """A native session, the custom tools behind its final slugs, and a way to wait."""

    def __init__(
        self, native: _native.Session, provider: BaseProvider, io: IO, functions: dict[str, CustomTool]
    ) -> None:
        self.native = native
        self.provider = provider
        self.io = io
        self._functions = functions
        self._toolkits: dict[str, str] = {}

    @classmethod
    def bind(cls, native: _native.Session, provider: BaseProvider, io: IO, tools: Sequence[CustomTool]) -> Engine:
        """An engine whose custom tools are those of the set that the native session was made with, in its order."""
        registered = native.custom_tools()
        functions = {entry["slug"]: tool for entry, tool in zip(registered, tools, strict=True)}
        engine = cls(native, provider, io, functions)
        engine._toolkits = {entry["slug"]: entry.get("toolkit") or "custom" for entry in registered}
        return engine

    def on(self, io: IO) -> Engine:
        """The same session, waited for in another way."""
        engine = Engine(self.native, self.provider, io, self._functions)
        engine._toolkits = self._toolkits
        return engine

    async def execute(self, slug: str, **fields: Any) -> SessionExecuteResponse:
        """Runs one tool by name."""
        call = {"slug": slug, **fields}
        remote = self.native.execute(call)
        if remote is not None:
            return SessionExecuteResponse(await self.io.call(remote))
        (result,) = await self._run([call], tool_call=False)
        return SessionExecuteResponse(result)

    async def proxy_execute(self, **options: Any) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API."""
        options = {name: value for name, value in options.items() if value is not None}
        return SessionProxyExecuteResponse(await self.io.call(self.native.proxy_execute(options)))

    async def _run(
        self, calls: list[dict[str, Any]], *, tool_call: bool, modifiers: Sequence[Modifier] | None = None
    ) -> list[dict[str, Any]]:
        run = self.native.run(calls, tool_call)
        await self._judge_uploads(run, modifiers)
        remote = run.remote()
        jobs = [_Job(self, *local) for local in run.local_calls]
        finished: list[Finished] = []
        if jobs:
            finished = await self.io.together(remote, jobs)
        elif remote is not None:
            await self.io.call(remote)
        for _, _, error in finished:
            # The caller can answer; a model cannot.
            if isinstance(error, ToolInputRequiredError):
                raise error
        return run.finish([(number, value, _reason(error)) for number, value, error in finished])

    async def call_tools(
        self, calls: Sequence[dict[str, Any]], modifiers: Sequence[Modifier] | None = None
    ) -> list[ToolCallResult]:
        """Runs the tool calls of a model at once, each between its modifiers."""
        prepared = []
        for call in calls:
            params: Any = {"arguments": call["arguments"]}
            params = await self._modify(modifiers, "before_execute", call["slug"], params)
            if not isinstance(params, dict):
                raise InvalidModifier(f"before_execute for {call['slug']} must return the parameters, not {params!r}")
            prepared.append({**call, **params})
        results: list[Any] = await self._run(prepared, tool_call=True, modifiers=modifiers)
        for index, call in enumerate(calls):
            results[index] = await self._modify(modifiers, "after_execute", call["slug"], results[index])
        return [result if isinstance(result, ToolCallResult) else ToolCallResult(result) for result in results]

    async def _judge_uploads(self, run: _native.Run, modifiers: Sequence[Modifier] | None) -> None:
        if not any(modifier.type == "before_file_upload" for modifier in modifiers or ()):
            return
        pending = run.uploads()
        if pending is None:
            return
        answers = []
        for upload in await self.io.call(pending):
            path: str | None = upload["path"]
            for hook in upload_hooks(modifiers, upload["tool"], upload["toolkit"]):
                if path is None:
                    break
                answer = hook(path)
                path = judged(path, await answer if hasattr(answer, "__await__") else answer)
            answers.append({"id": upload["id"], "path": path})
        run.answer_uploads(answers)

    async def _modify(self, modifiers: Sequence[Modifier] | None, kind: Any, slug: str, value: Any) -> Any:
        if not modifiers:
            return value
        toolkit = self._toolkit(slug)
        for modifier in select(modifiers, kind, slug, toolkit):
            value = modifier(slug, toolkit, value)
            if hasattr(value, "__await__"):
                value = await value
        return value

    def _toolkit(self, slug: str) -> str:
        # A slug starts with its toolkit's; the list of tools says exactly, where it has been read.
        return self._toolkits.get(slug) or slug.partition("_")[0].lower()

    async def tools(self, modifiers: Sequence[Modifier] | None) -> Any:
        """The session's tools, as the provider wraps them."""
        if not modifiers and isinstance(self.provider, FormatProvider) and (native := self.provider.native):
            return await self.io.call(self.native.wrapped_tools(native))
        listed = [Tool(tool) for tool in await self.io.call(self.native.tools())]
        self._toolkits.update({tool.slug: tool.toolkit.slug for tool in listed})
        tools = [await self._modify(modifiers, "schema", tool.slug, tool) for tool in listed]
        if isinstance(self.provider, AgenticProvider):
            return self.provider.wrap_tools(tools, self._execute_function(modifiers))
        return self.provider.wrap_tools(tools)  # type: ignore[attr-defined]

    async def schema_report(self) -> list[ToolSchemaReport]:
        """What the provider does not take of the tools' schemas as they are."""
        provider = require_format(self.provider)
        reports = await self.io.call(self.native.schema_report(provider.format))
        return [ToolSchemaReport(report) for report in reports]

    def _execute_function(self, modifiers: Sequence[Modifier] | None) -> Callable[[str, dict[str, Any]], Any]:
        async def awaited(slug: str, arguments: dict[str, Any]) -> dict[str, Any]:
            (result,) = await self.call_tools([{"slug": slug, "arguments": arguments}], modifiers)
            return result.to_dict()

        if not isinstance(self.io, Blocking):
            return awaited
        return lambda slug, arguments: drive(awaited(slug, arguments))

    async def handle_tool_calls(self, reply: object, modifiers: Sequence[Modifier] | None) -> list[dict[str, Any]]:
        """Runs the tool calls of a model's reply; gives the messages for the model."""
        provider = require_format(self.provider)
        calls = provider.tool_calls(reply)
        return provider.format_results(calls, await self.call_tools(calls, modifiers))


class _Job:
    """A custom tool to run, with the arguments of one call."""

    def __init__(self, engine: Engine, number: int, slug: str, arguments: dict[str, Any]) -> None:
        self._engine = engine
        self._number = number
        self._tool = engine._functions[slug]
        self._arguments = arguments

    @property
    def is_async(self) -> bool:
        return self._tool.is_async

    def blocking(self) -> Finished:
        """Runs it on this thread; an `async def` in an event loop of its own."""
        try:
            if not self._tool.is_async:
                value = self._tool.invoke(self._arguments, Context(self._engine.on(Blocking())))
                # A wrapper that is no `async def` itself may give what one gave it.
                return self._number, _complete(value) if hasattr(value, "__await__") else value, None
            import asyncio

            from composio._loop import Threaded

            context = AsyncContext(self._engine.on(Threaded()))
            return self._number, asyncio.run(self._tool.invoke(self._arguments, context)), None
        except SystemExit as error:
            return self._number, None, UsageError(f"the tool called exit({error.code!r})")
        except Exception as error:
            return self._number, None, error

    async def awaited(self) -> Finished:
        """Runs it in the event loop; what is no `async def` in a thread."""
        import asyncio

        if not self._tool.is_async:
            return await asyncio.to_thread(self.blocking)
        try:
            return self._number, await self._tool.invoke(self._arguments, AsyncContext(self._engine)), None
        except asyncio.CancelledError:
            # Raised by the tool itself it is that tool's failure; its siblings go on. Python 3.10 cannot tell.
            task = asyncio.current_task()
            if task is None or getattr(task, "cancelling", lambda: 1)():
                raise
            return self._number, None, UsageError("the tool was cancelled")
        except Exception as error:
            return self._number, None, error


def _complete(awaitable: Any) -> Any:
    import asyncio

    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def _reason(error: Exception | None) -> str | None:
    return None if error is None else str(error) or type(error).__name__


class Context:
    """What a custom tool may do in its session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def user_id(self) -> str:
        """Whom the session acts for."""
        return self._engine.native.user_id

    def execute(self, tool_slug: str, arguments: dict[str, Any] | None = None) -> SessionExecuteResponse:
        """Runs another tool."""
        return drive(self._engine.execute(tool_slug, arguments=arguments))

    def proxy_execute(self, **options: Any) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API; see `ToolRouterSession.proxy_execute`."""
        return drive(self._engine.proxy_execute(**options))


class AsyncContext:
    """What an `async def` custom tool may do in its session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def user_id(self) -> str:
        """Whom the session acts for."""
        return self._engine.native.user_id

    async def execute(self, tool_slug: str, arguments: dict[str, Any] | None = None) -> SessionExecuteResponse:
        """Runs another tool."""
        return await self._engine.execute(tool_slug, arguments=arguments)

    async def proxy_execute(self, **options: Any) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API; see `ToolRouterSession.proxy_execute`."""
        return await self._engine.proxy_execute(**options)
