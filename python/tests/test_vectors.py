"""The conformance vectors, by the blocking and by the asyncio client."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from composio import AsyncComposio, Composio, after_execute, before_execute, before_file_upload, schema_modifier
from composio._io import drive
from composio.custom_tools import CustomTool, ExperimentalToolkit, define
from composio.exceptions import ComposioError
from composio.files import RemoteFileBase
from composio.models import Model
from composio_anthropic import AnthropicProvider
from composio_google import GoogleProvider
from composio_openai import OpenAIProvider, OpenAIResponsesProvider
from conftest import VECTORS, Mock

PROVIDERS = {cls.name: cls for cls in (OpenAIProvider, OpenAIResponsesProvider, AnthropicProvider, GoogleProvider)}
GAPS: dict[str, str] = json.loads((VECTORS / "shared" / "gaps.json").read_text()).get("python", {})
NAMES = [
    f"{path.stem}/{vector['name']}"
    for path in sorted(VECTORS.glob("*.json"))
    if not path.stem.endswith(".schema")
    for vector in json.loads(path.read_text())["vectors"]
]


def custom_tool(given: dict[str, Any]) -> CustomTool:
    function = behave(given["behaviour"])
    options = {key: given[key] for key in ("extends_toolkit", "preload") if key in given}
    return define(
        function,
        slug=given["slug"],
        name=given["name"],
        description=given["description"],
        input_schema=given["input_schema"],
        output_params=given.get("output_schema"),
        **options,
    )


def behave(behaviour: Any) -> Callable[[dict[str, Any], Any], Any]:
    def function(arguments: dict[str, Any], context: Any) -> Any:
        match behaviour:
            case "echo":
                return arguments
            case "nothing":
                return None
            case "context_user":
                return {"user_id": context.user_id}
            case {"fail": message}:
                raise RuntimeError(message)
            case {"return": value}:
                return value
            case {"call": call}:
                return context.execute(call["slug"], call["arguments"])
            case {"proxy_execute": options}:
                return context.proxy_execute(**options)
        raise NotImplementedError(behaviour)

    async def awaited(arguments: dict[str, Any], context: Any) -> Any:
        result = function(arguments, context)
        return await result if inspect.isawaitable(result) else result

    # Half of the tools are coroutines, so that both kinds run in both kinds of session.
    return awaited if isinstance(behaviour, dict) and ("call" in behaviour or "fail" in behaviour) else function


def custom_toolkit(given: dict[str, Any]) -> ExperimentalToolkit:
    toolkit = ExperimentalToolkit(
        slug=given["slug"], name=given["name"], description=given["description"], preload=given.get("preload")
    )
    toolkit._tools.extend(map(custom_tool, given["tools"]))
    return toolkit


def modifier(given: dict[str, Any]) -> Any:
    decorate = {"before_execute": before_execute, "after_execute": after_execute, "schema": schema_modifier}
    ((what, value),) = given["behaviour"].items()
    if what == "set_path":

        def judge(context: dict[str, str]) -> Any:
            return False if value is None else value

        return before_file_upload(tools=given.get("tools"), toolkits=given.get("toolkits"))(judge)

    def change(tool: str, toolkit: str, subject: Any) -> Any:
        match what:
            case "set_arguments":
                subject["arguments"] |= value
            case "set_data":
                subject["data"] |= value
            case "set_description":
                subject.description = value
        return subject

    return decorate[given["type"]](tools=given.get("tools"), toolkits=given.get("toolkits"))(change)


class Player:
    """Carries out the steps of one vector."""

    def __init__(self, vector: dict[str, Any], folder: Path, kind: type[Composio] | type[AsyncComposio]) -> None:
        self.vector = vector
        self.folder = folder
        self.kind = kind
        self.client: Any = None
        self.session: Any = None
        self.connection: Any = None
        self.file: Any = None

    async def step(self, call: str, options: dict[str, Any]) -> Any:
        if self.client is None:
            chosen = {name: value for name, value in self.vector["client"].items() if value is not None}
            provider = PROVIDERS[chosen.pop("provider", "openai")]()
            self.client = self.kind(provider, **chosen)
        if "modifiers" in options:
            options["modifiers"] = [modifier(given) for given in self.vector["modifiers"]]
        result = getattr(self, "do_" + call.replace(".", "_"))(**options)
        return await result if inspect.isawaitable(result) else result

    def do_client(self) -> None:
        return None

    async def do_create(self, user_id: str, **options: Any) -> Any:
        experimental = dict(options.pop("experimental", None) or {})
        experimental |= self.custom()
        if experimental:
            options["experimental"] = experimental
        self.session = await settle(self.client.create(user_id, **options))
        return self.state()

    async def do_use(self, session_id: str, **options: Any) -> Any:
        self.session = await settle(self.client.use(session_id, **self.custom(), **options))
        return self.state()

    def custom(self) -> dict[str, Any]:
        tools = [custom_tool(tool) for tool in self.vector.get("custom_tools", ())]
        toolkits = [custom_toolkit(toolkit) for toolkit in self.vector.get("custom_toolkits", ())]
        return {name: items for name, items in (("custom_tools", tools), ("custom_toolkits", toolkits)) if items}

    def state(self) -> dict[str, Any]:
        session = self.session
        return {
            "session_id": session.session_id,
            "config": session.config,
            "config_version": session.config_version,
            "preload": session.preload,
            "mcp": session.mcp,
            "assistive_prompt": session.experimental.assistive_prompt,
        }

    do_session_state = state

    def do_delete(self, session_id: str) -> Any:
        return self.client.delete(session_id)

    async def do_session_authorize(self, **options: Any) -> Any:
        self.connection = await settle(self.session.authorize(**options))
        return request(self.connection)

    def do_connection_wait(self, **options: Any) -> Any:
        return self.connection.wait_for_connection(**options)

    async def do_session_execute_tool_call(self, slug: str, arguments: Any, modifiers: Any = None) -> Any:
        if modifiers:
            # Modifiers go with the wrapped tools, and those are there once they have been listed.
            await settle(self.session.tools(modifiers))
        return await settle(self.session.execute_tool_call(slug, arguments, modifiers))

    def do_session_schema_report(self) -> Any:
        return self.session.schema_report()

    def do_session_handle_tool_calls(self, reply: Any) -> Any:
        return self.session.handle_tool_calls(reply)

    def do_files_list(self, **options: Any) -> Any:
        return self.session.experimental.files.list(**options)

    async def do_files_upload(self, input: dict[str, Any], **options: Any) -> Any:
        self.file = await settle(self.session.experimental.files.upload(self.source(input), **options))
        return self.file

    def source(self, given: dict[str, Any]) -> Any:
        match given:
            case {"text": text}:
                return text.encode()
            case {"base64": text}:
                return base64.b64decode(text)
            case {"file": {"name": name, "text": text}}:
                (self.folder / name).write_text(text)
                return self.folder / name
            case {"missing_file": name}:
                return str(self.folder / name)
            case {"url": url}:
                return url
        raise NotImplementedError(given)

    async def do_files_download(self, **options: Any) -> Any:
        self.file = await settle(self.session.experimental.files.download(**options))
        return self.file

    def do_files_delete(self, **options: Any) -> Any:
        return self.session.experimental.files.delete(**options)

    async def do_file_text(self) -> Any:
        return {"text": await settle(self.file.text())}

    async def do_file_buffer(self) -> Any:
        return {"base64": base64.b64encode(await settle(self.file.buffer())).decode()}

    async def do_file_save(self) -> Any:
        target = self.folder / "in"
        target.mkdir()
        saved = Path(await settle(self.file.save(target)))
        files = [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]
        return {"files": files, "text": saved.read_text()}

    async def connection_request(self, kind: str, options: dict[str, Any]) -> Any:
        self.connection = await settle(getattr(self.client.connected_accounts, kind)(**options))
        return request(self.connection)

    def do_connected_accounts_link(self, **options: Any) -> Any:
        return self.connection_request("link", options)

    def do_connected_accounts_initiate(self, **options: Any) -> Any:
        return self.connection_request("initiate", options)

    def managed(self, resource: Any, call: str) -> Any:
        """A call of connected accounts or auth configs; its id goes by position."""
        return lambda **options: getattr(resource, call)(
            *[options.pop(key) for key in ("id",) if key in options], **options
        )

    def do_toolkits_get(self, slug: str) -> Any:
        return self.client.toolkits.get(slug)

    def do_toolkits_list(self, **query: Any) -> Any:
        return self.client.toolkits.list(**query)

    def do_tools_get(self, slug: str) -> Any:
        return self.client.tools.get_raw_composio_tool_by_slug(slug)

    async def do_tools_list(self, toolkit: str | None = None, **query: Any) -> Any:
        toolkits = None if toolkit is None else [toolkit]
        tools = self.client.tools.get_raw_composio_tools(toolkits=toolkits, **query)
        return {"items": await settle(tools)}

    def __getattr__(self, name: str) -> Any:
        for resource in ("connected_accounts", "auth_configs"):
            if name.startswith(f"do_{resource}_"):
                return self.managed(getattr(self.client, resource), name.removeprefix(f"do_{resource}_"))
        if not name.startswith("do_session_"):
            raise AttributeError(name)
        return getattr(self.session, name.removeprefix("do_session_"))


def request(connection: Any) -> Any:
    return {name: getattr(connection, name) for name in ("id", "status", "redirect_url")}


async def settle(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def plain(value: Any) -> Any:
    """A result as JSON."""
    if isinstance(value, Model):
        return plain(value.to_dict())
    if isinstance(value, RemoteFileBase):
        names = ("expires_at", "mount_relative_path", "sandbox_mount_prefix", "download_url", "filename")
        return {name: getattr(value, name) for name in names}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def described(error: ComposioError) -> dict[str, Any]:
    names = ("kind", "message", "status", "code", "slug", "suggested_fix", "request_id", "retryable", "details")
    return {name: getattr(error, name) for name in names}


async def play(player: Player, mock: Mock, run: str) -> None:
    for index, step in enumerate(player.vector["steps"]):
        try:
            outcome = {"result": plain(await player.step(step["call"], step.get("with", {})))}
        except ComposioError as error:
            outcome = {"error": described(error)}
        mock.control(f"runs/{run}/steps/{index}", outcome)
    if player.client is not None:
        await settle(player.client.close())


def run_coroutine(kind: object, coroutine: Coroutine[Any, Any, None]) -> None:
    if kind is Composio:
        drive(coroutine)
    else:
        asyncio.run(coroutine)


@pytest.mark.parametrize("kind", [Composio, AsyncComposio])
@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str, kind: Any, mock: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = mock.control("runs", {"vector": name})
    for variable, value in vector.get("env", {}).items():
        monkeypatch.setenv(variable, value)
    run_coroutine(kind, play(Player(vector, tmp_path, kind), mock, vector["run"]))
    problems = mock.control(f"runs/{vector['run']}")["problems"]
    if name in GAPS:
        assert problems, f"the gap is closed, remove it from gaps.json: {GAPS[name]}"
    else:
        assert not problems, "\n".join(problems)


def test_the_gaps_are_vectors() -> None:
    assert set(GAPS) <= set(NAMES)
