"""User code around tools: it changes a schema before the model sees it, arguments before a tool runs, results after.

>>> @schema_modifier(tools=["GITHUB_CREATE_ISSUE"])
... def shorten(tool, toolkit, schema):
...     schema.description = schema.description.split(".")[0]
...     return schema
>>> shorten
Modifier(schema, tools=['GITHUB_CREATE_ISSUE'])
"""

from __future__ import annotations

from composio.exceptions import FileUploadAbortedError, InvalidModifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Literal, TypeAlias, overload

    from composio.types import FileInput

    ModifierFn: TypeAlias = Callable[..., Any]
    Kind: TypeAlias = Literal["before_execute", "after_execute", "schema", "before_file_upload"]


class Modifier:
    """A function and the tools and toolkits it is for; it is for all of them where neither is named."""

    def __init__(self, function: ModifierFn, kind: Kind, tools: Iterable[str], toolkits: Iterable[str]) -> None:
        self.modifier = function
        self.type: Kind = kind
        self.tools = list(tools)
        self.toolkits = list(toolkits)
        self._tools = {slug.upper() for slug in self.tools}
        self._toolkits = {slug.upper() for slug in self.toolkits}

    def applies_to(self, tool: str, toolkit: str) -> bool:
        """Whether the modifier is for this tool."""
        if not self._tools and not self._toolkits:
            return True
        tool = tool.upper()
        return tool in self._tools or toolkit.upper() in self._toolkits

    def __repr__(self) -> str:
        scope = [f"{name}={value!r}" for name in ("tools", "toolkits") if (value := getattr(self, name))]
        return f"Modifier({', '.join([self.type, *scope])})"


def select(modifiers: Sequence[Modifier] | None, kind: Kind, tool: str, toolkit: str) -> list[ModifierFn]:
    """The functions of one kind that are for a tool, in the order given."""
    for modifier in modifiers or ():
        if not isinstance(modifier, Modifier):
            raise InvalidModifier(
                f"expected a modifier, got {type(modifier).__name__}; decorate the function with before_execute, "
                "after_execute, schema_modifier or before_file_upload"
            )
    return [m.modifier for m in modifiers or () if m.type == kind and m.applies_to(tool, toolkit)]


def _decorate(
    function: ModifierFn | None, kind: Kind, tools: Iterable[str] | None, toolkits: Iterable[str] | None
) -> Modifier | Callable[[ModifierFn], Modifier]:
    if function is not None:
        return Modifier(function, kind, tools or (), toolkits or ())
    return lambda function: Modifier(function, kind, tools or (), toolkits or ())


if TYPE_CHECKING:

    @overload
    def before_execute(modifier: ModifierFn) -> Modifier: ...
    @overload
    def before_execute(
        *, tools: Iterable[str] | None = None, toolkits: Iterable[str] | None = None
    ) -> Callable[[ModifierFn], Modifier]: ...


def before_execute(
    modifier: ModifierFn | None = None,
    *,
    tools: Iterable[str] | None = None,
    toolkits: Iterable[str] | None = None,
) -> Modifier | Callable[[ModifierFn], Modifier]:
    """Decorates `(tool, toolkit, params) -> params`, called before a tool runs; `params["arguments"]` is a dict."""
    return _decorate(modifier, "before_execute", tools, toolkits)


if TYPE_CHECKING:

    @overload
    def after_execute(modifier: ModifierFn) -> Modifier: ...
    @overload
    def after_execute(
        *, tools: Iterable[str] | None = None, toolkits: Iterable[str] | None = None
    ) -> Callable[[ModifierFn], Modifier]: ...


def after_execute(
    modifier: ModifierFn | None = None,
    *,
    tools: Iterable[str] | None = None,
    toolkits: Iterable[str] | None = None,
) -> Modifier | Callable[[ModifierFn], Modifier]:
    """Decorates `(tool, toolkit, response) -> response`; the response has `data`, `error` and `successful`."""
    return _decorate(modifier, "after_execute", tools, toolkits)


if TYPE_CHECKING:

    @overload
    def schema_modifier(modifier: ModifierFn) -> Modifier: ...
    @overload
    def schema_modifier(
        *, tools: Iterable[str] | None = None, toolkits: Iterable[str] | None = None
    ) -> Callable[[ModifierFn], Modifier]: ...


def schema_modifier(
    modifier: ModifierFn | None = None,
    *,
    tools: Iterable[str] | None = None,
    toolkits: Iterable[str] | None = None,
) -> Modifier | Callable[[ModifierFn], Modifier]:
    """Decorates `(tool, toolkit, schema) -> schema`; the schema is a `composio.models.Tool`."""
    return _decorate(modifier, "schema", tools, toolkits)


if TYPE_CHECKING:

    @overload
    def before_file_upload(modifier: ModifierFn) -> Modifier: ...
    @overload
    def before_file_upload(
        *, tools: Iterable[str] | None = None, toolkits: Iterable[str] | None = None
    ) -> Callable[[ModifierFn], Modifier]: ...


def before_file_upload(
    modifier: ModifierFn | None = None,
    *,
    tools: Iterable[str] | None = None,
    toolkits: Iterable[str] | None = None,
) -> Modifier | Callable[[ModifierFn], Modifier]:
    """Decorates `(context) -> path | False`, called before a file is read for upload; False refuses it.

    `context` has `path`, `source` (`"path"` or `"url"`), `tool` and `toolkit` (empty for an upload to a session's
    mount). The older form `(path, tool, toolkit)` works too. What is neither a path nor False leaves the path as it is.
    """
    return _decorate(modifier, "before_file_upload", tools, toolkits)


def upload_hooks(modifiers: Sequence[Modifier] | None, tool: str, toolkit: str) -> list[Callable[[str], Any]]:
    """The `before_file_upload` modifiers for a tool, each as a function of the path alone."""
    import inspect

    def ask(function: ModifierFn, path: str) -> Any:
        if len(inspect.signature(function).parameters) == 3:
            return function(path, tool, toolkit)
        source = "url" if path.lower().startswith(("https://", "http://")) else "path"
        return function({"path": path, "source": source, "tool": tool, "toolkit": toolkit})

    from functools import partial

    return [partial(ask, function) for function in select(modifiers, "before_file_upload", tool, toolkit)]


def judged(path: str, answer: Any) -> str | None:
    """The path to upload after a modifier's answer; None where it refused."""
    import os

    if answer is False:
        return None
    return os.fspath(answer) if isinstance(answer, (str, os.PathLike)) else path


def approve_upload(input: FileInput, modifiers: Sequence[Modifier] | None) -> FileInput:
    """What to upload, after the `before_file_upload` modifiers; bytes are no file and need no approval.

    Raises:
        FileUploadAbortedError: A modifier refused the file.
    """
    if isinstance(input, (bytes, bytearray)):
        return input
    import os

    path = os.fspath(input)
    for hook in upload_hooks(modifiers, "", ""):
        approved = judged(path, hook(path))
        if approved is None:
            raise FileUploadAbortedError(f"{input}: a before_file_upload modifier refused the upload")
        path = approved
    return path
