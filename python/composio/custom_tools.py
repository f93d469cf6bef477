"""Custom tools: functions of this process that a session offers next to the backend's tools."""

from __future__ import annotations

import sys

from composio import _native
from composio.exceptions import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol, TypeAlias, overload

    from composio.models import SessionExecuteResponse, SessionProxyExecuteResponse

    Function: TypeAlias = Callable[..., Any]
    Bind: TypeAlias = Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]
    Decorator: TypeAlias = Callable[[Function], "CustomTool"]
else:
    Protocol = object


class SessionContext(Protocol):
    """What a custom tool may do in its session. An `async def` tool gets the same with methods to await."""

    @property
    def user_id(self) -> str:
        """Whom the session acts for."""

    def execute(self, tool_slug: str, arguments: dict[str, Any]) -> SessionExecuteResponse:
        """Runs another tool: a sibling here, any other at the backend."""

    def proxy_execute(
        self,
        *,
        toolkit: str,
        endpoint: str,
        method: str,
        body: Any = None,
        parameters: list[dict[str, Any]] | None = None,
    ) -> SessionProxyExecuteResponse:
        """Calls a toolkit's API with the user's credentials."""


class CustomTool:
    """A custom tool; made by `composio.experimental.tool()`.

    Attributes:
        slug: The slug as given; a session calls the tool by a final slug that starts with `LOCAL_`.
        name: The name for people.
        description: What it does, for a model.
        input_schema: The JSON Schema of the arguments.
        input_params: The pydantic model of the arguments, if there is one.
        output_schema: The JSON Schema of the result, if there is one.
        extends_toolkit: The toolkit that the tool joins.
        preload: Whether it is listed directly, not only found by search.
        execute: The function.
    """

    def __init__(
        self, function: Function, definition: dict[str, Any], model: type[Any] | None, bind: Bind, context: str | None
    ) -> None:
        self.slug: str = definition["slug"]
        self.name: str = definition["name"]
        self.description: str = definition["description"]
        self.input_schema: dict[str, Any] = definition["input_schema"]
        self.input_params = model
        self.output_schema: dict[str, Any] | None = definition.get("output_schema")
        self.extends_toolkit: str | None = definition.get("extends_toolkit")
        self.preload: bool | None = definition.get("preload")
        self.execute = function
        self.definition = definition
        self._bind = bind
        self._context = context

    @property
    def is_async(self) -> bool:
        """Whether the function is an `async def`."""
        import inspect

        return inspect.iscoroutinefunction(self.execute) or inspect.iscoroutinefunction(
            getattr(self.execute, "__call__", None)  # noqa: B004
        )

    def invoke(self, arguments: dict[str, Any], context: object) -> Any:
        """Calls the function with a model's arguments; for an `async def` the answer is to be awaited.

        Raises:
            ValidationError: The arguments do not fit the input model.
        """
        try:
            positional, named = self._bind(arguments)
        except (TypeError, ValueError) as error:
            raise ValidationError(f"Invalid arguments for {self.slug}: {error}") from error
        if self._context == "":
            positional = (*positional, context)
        elif self._context is not None:
            named = {**named, self._context: context}
        return self.execute(*positional, **named)

    def __repr__(self) -> str:
        return f"CustomTool({self.slug})"


def define(
    function: Function,
    *,
    slug: str | None = None,
    name: str | None = None,
    description: str | None = None,
    input_schema: Mapping[str, Any] | None = None,
    extends_toolkit: str | None = None,
    output_params: type[Any] | Mapping[str, Any] | None = None,
    preload: bool | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> CustomTool:
    """Makes a custom tool of a function. `namespace` is where the names in its annotations are looked up first."""
    import inspect

    if not callable(function):
        raise ValidationError(f"a custom tool is a function, got {type(function).__name__}")
    shape = _Shape(function, input_schema, namespace or {})
    draft = {
        "function_name": getattr(function, "__name__", ""),
        "slug": slug,
        "name": name,
        "description": description if description is not None else inspect.cleandoc(function.__doc__ or ""),
        "input_schema": shape.schema,
        "output_schema": _output_schema(output_params),
        "extends_toolkit": extends_toolkit,
        "preload": preload,
        # A pydantic model checks and coerces on its own, by richer rules than its schema can say.
        "validate": shape.model is None,
    }
    definition = _native.define_tool({key: value for key, value in draft.items() if value is not None})
    return CustomTool(function, definition, shape.model, shape.bind, shape.context)


def _output_schema(output_params: Any) -> Any:
    from composio._schema import describe

    if output_params is None or isinstance(output_params, dict):
        return output_params
    return describe(output_params)[0]


class _Shape:
    """How a function takes its input: one pydantic model, one dict of a given schema, or annotated parameters.

    Attributes:
        context: How it takes the session's context: not at all, as the second argument (""), or by this name.
    """

    model: type[Any] | None = None
    context: str | None = None

    def __init__(self, function: Function, schema: Mapping[str, Any] | None, namespace: Mapping[str, Any]) -> None:
        import inspect

        from composio._schema import describe_parameters, is_pydantic_model

        self._function = function
        self._namespace = namespace
        self.bind: Bind
        parameters = list(_signature(function).parameters.values())
        first = self._annotation(parameters[0]) if parameters and schema is None else None
        alone = all(p.annotation is p.empty or self._is_context(p) for p in parameters[1:])
        if schema is not None or (is_pydantic_model(first) and alone):
            if not 1 <= len(parameters) <= 2:
                raise self._refuse("takes the input and, if it wants one, the context: one or two parameters")
            self.context = "" if len(parameters) == 2 else None
            if schema is not None:
                self.schema = dict(schema)
                self.bind = lambda arguments: ((arguments,), {})
            else:
                self.model = model = first
                self.schema = model.model_json_schema()  # type: ignore[union-attr]
                self.bind = lambda arguments: ((model.model_validate(arguments),), {})  # type: ignore[union-attr]
            return
        inputs: dict[str, tuple[Any, Any]] = {}
        for parameter in parameters:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise self._refuse(f"the parameter {parameter.name} must be one that can be given by name")
            if self._is_context(parameter):
                self.context = parameter.name
            elif parameter.annotation is parameter.empty:
                raise self._refuse(f"the parameter {parameter.name} needs a type annotation")
            else:
                inputs[parameter.name] = (self._annotation(parameter), parameter.default)
        self.schema, convert = describe_parameters(inputs, inspect.Parameter.empty)
        self.bind = lambda arguments: ((), convert(arguments))

    def _is_context(self, parameter: inspect.Parameter) -> bool:
        named = parameter.name in ("ctx", "context")
        if parameter.annotation is parameter.empty:
            return named
        annotation = _text(parameter.annotation)
        name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        name = name.rpartition(".")[2]
        # Another annotation says that it is an input of that name.
        return name == "SessionContext" or (named and name == "Any")

    def _annotation(self, parameter: inspect.Parameter) -> Any:
        annotation = _text(parameter.annotation)
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, getattr(self._function, "__globals__", {}), dict(self._namespace))
        except Exception as error:
            raise self._refuse(
                f"the annotation {annotation!r} of {parameter.name} cannot be resolved ({error}); import what it names "
                "outside of `if TYPE_CHECKING`"
            ) from error

    def _refuse(self, reason: str) -> ValidationError:
        return ValidationError(f"custom tool {getattr(self._function, '__name__', self._function)}: {reason}")


def _signature(function: Function) -> inspect.Signature:
    """The signature, with annotations that do not resolve left as they are."""
    import inspect

    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def _text(annotation: Any) -> Any:
    """An annotation that is still to be resolved as text, any other as it is."""
    return getattr(annotation, "__forward_arg__", annotation)


class ExperimentalToolkit:
    """A toolkit of custom tools; `composio.experimental.Toolkit` is the same.

    >>> orders = ExperimentalToolkit(slug="ORDERS", name="Orders", description="The shop's orders.")
    >>> @orders.tool()
    ... def find_order(number: int) -> dict[str, object]:
    ...     '''Finds an order.'''
    ...     return {"number": number}
    >>> orders.tools
    (CustomTool(FIND_ORDER),)
    """

    def __init__(self, *, slug: str, name: str, description: str, preload: bool | None = None) -> None:
        self.slug = slug
        self.name = name
        self.description = description
        self.preload = preload
        self._tools: list[CustomTool] = []

    @property
    def tools(self) -> tuple[CustomTool, ...]:
        """The tools so far."""
        return tuple(self._tools)

    @property
    def definition(self) -> dict[str, Any]:
        """The toolkit as the native module takes it."""
        definition = {
            "slug": self.slug,
            "name": self.name,
            "description": self.description,
            "preload": self.preload,
            "tools": [tool.definition for tool in self._tools],
        }
        return {key: value for key, value in definition.items() if value is not None}

    if TYPE_CHECKING:

        @overload
        def tool(self, fn: Function, /) -> CustomTool: ...
        @overload
        def tool(
            self,
            /,
            *,
            slug: str | None = None,
            name: str | None = None,
            description: str | None = None,
            input_schema: Mapping[str, Any] | None = None,
            output_params: type[Any] | Mapping[str, Any] | None = None,
            preload: bool | None = None,
        ) -> Decorator: ...

    def tool(
        self,
        fn: Function | None = None,
        /,
        *,
        slug: str | None = None,
        name: str | None = None,
        description: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_params: type[Any] | Mapping[str, Any] | None = None,
        preload: bool | None = None,
    ) -> CustomTool | Decorator:
        """Decorates a function as a tool of this toolkit; see `ExperimentalAPI.tool`."""
        namespace = sys._getframe(1).f_locals

        def decorate(function: Function) -> CustomTool:
            tool = define(
                function,
                slug=slug,
                name=name,
                description=description,
                input_schema=input_schema,
                output_params=output_params,
                preload=preload,
                namespace=namespace,
            )
            self._tools.append(tool)
            return tool

        return decorate if fn is None else decorate(fn)


class ExperimentalAPI:
    """What is still experimental: custom tools and toolkits."""

    Toolkit = ExperimentalToolkit

    if TYPE_CHECKING:

        @overload
        def tool(self, fn: Function, /) -> CustomTool: ...
        @overload
        def tool(
            self,
            /,
            *,
            slug: str | None = None,
            name: str | None = None,
            description: str | None = None,
            input_schema: Mapping[str, Any] | None = None,
            extends_toolkit: str | None = None,
            output_params: type[Any] | Mapping[str, Any] | None = None,
            preload: bool | None = None,
        ) -> Decorator: ...

    def tool(
        self,
        fn: Function | None = None,
        /,
        *,
        slug: str | None = None,
        name: str | None = None,
        description: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
        extends_toolkit: str | None = None,
        output_params: type[Any] | Mapping[str, Any] | None = None,
        preload: bool | None = None,
    ) -> CustomTool | Decorator:
        """Decorates a function as a custom tool.

        The function takes a pydantic model, annotated parameters, or a dict of the given `input_schema`; then, if it
        wants one, a `SessionContext`. It may be an `async def`. What it returns becomes the result's `data`; what it
        raises makes the result a failure with that message.

        Args:
            fn: The function, where the decorator is used without parentheses.
            slug: By default the function's name in upper case.
            name: By default the function's name in title case.
            description: By default the docstring.
            input_schema: A JSON Schema of type `object`, instead of annotations.
            extends_toolkit: The toolkit that the tool joins.
            output_params: A pydantic model or JSON Schema of the result.
            preload: Whether it is listed directly, not only found by search.

        Raises:
            ValidationError: The definition is not usable; the message says why.

        >>> @ExperimentalAPI().tool(preload=True)
        ... def add(a: int, b: int = 1) -> int:
        ...     '''Adds two numbers.'''
        ...     return a + b
        >>> add.slug, add.name, add.input_schema["required"]
        ('ADD', 'Add', ['a'])
        >>> add.execute(1)
        2
        """
        namespace = sys._getframe(1).f_locals

        def decorate(function: Function) -> CustomTool:
            return define(
                function,
                slug=slug,
                name=name,
                description=description,
                input_schema=input_schema,
                extends_toolkit=extends_toolkit,
                output_params=output_params,
                preload=preload,
                namespace=namespace,
            )

        return decorate if fn is None else decorate(fn)
