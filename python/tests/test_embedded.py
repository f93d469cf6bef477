"""The embedded router from Python, with the real MCP servers that `tests/mcp-servers/install.sh` installs."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from composio import AsyncComposio, Composio
from composio.exceptions import ComposioError, NotFoundError, PermissionDeniedError, ToolInputRequiredError

ROOT = pathlib.Path(__file__).parents[2]
SERVERS = pathlib.Path(os.environ.get("MCP_SERVERS", ROOT / ".mcp-servers"))


def installed(path: str) -> str:
    file = SERVERS / path
    assert file.exists(), f"{file} is missing: run tests/mcp-servers/install.sh first"
    return str(file)


def node(server: str, *arguments: str) -> dict[str, Any]:
    script = installed(f"node_modules/@modelcontextprotocol/server-{server}/dist/index.js")
    return {"slug": server, "command": "node", "args": [script, *arguments]}


def config(folder: pathlib.Path, *servers: dict[str, Any]) -> dict[str, Any]:
    return {"router": {"data_dir": str(folder), "workspace": str(folder / "work")}, "mcp": list(servers)}


def children() -> set[int]:
    """The processes below this one."""
    with subprocess.Popen(["ps", "-eo", "pid,ppid"], stdout=subprocess.PIPE, text=True) as ps:
        assert ps.stdout is not None
        rows = [line.split() for line in ps.stdout.readlines()[1:]]
    parents = {int(pid): int(ppid) for pid, ppid in rows if int(pid) != ps.pid}
    below = {os.getpid()}
    for _ in parents:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        if not more:
            break
        below |= more
    return below - {os.getpid()}


@pytest.fixture
def composio(tmp_path: pathlib.Path) -> Any:
    with Composio(backend="embedded", config=config(tmp_path)) as client:
        yield client


def test_the_built_ins(composio: Composio) -> None:
    session = composio.create(user_id="ada")
    assert {toolkit.slug for toolkit in session.toolkits().items} == {"files", "sqlite", "http", "time"}
    assert session.execute("FILES_WRITE", arguments={"path": "a/b.txt", "content": "hello"}).error is None
    assert session.execute("FILES_READ", arguments={"path": "a/b.txt"}).data["content"] == "hello"
    escaped = session.execute("FILES_READ", arguments={"path": "../router.db"})
    assert escaped.result_type == "failed"
    assert escaped.error


def test_custom_tools_are_found_and_mixed(composio: Composio) -> None:
    @composio.experimental.tool()
    def count_lamps(customer: str) -> dict[str, Any]:
        """Counts the lamps that a customer has ordered."""
        return {"customer": customer, "lamps": 5}

    session = composio.create(user_id="ada", experimental={"custom_tools": [count_lamps]})
    found = session.search(query="how many lamps has the customer ordered")
    assert found.results[0].primary_tool_slugs[0] == "LOCAL_COUNT_LAMPS"
    calls = [("LOCAL_COUNT_LAMPS", {"customer": "Ada"}), ("TIME_NOW", {})]
    items = [{"tool_slug": slug, "arguments": arguments} for slug, arguments in calls]
    function = {"name": "COMPOSIO_MULTI_EXECUTE_TOOL", "arguments": json.dumps({"tools": items})}
    reply = {"choices": [{"message": {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}}]}
    [message] = session.handle_tool_calls(reply)
    results = json.loads(message["content"])["data"]["results"]
    assert [result["tool_slug"] for result in results] == ["LOCAL_COUNT_LAMPS", "TIME_NOW"]
    assert results[0]["response"]["data"] == {"customer": "Ada", "lamps": 5}
    assert all(result["response"]["successful"] for result in results)


def test_a_refusal_names_the_setting(composio: Composio) -> None:
    session = composio.create(user_id="ada", toolkits=["time"], tools={"time": {"disable": ["TIME_CONVERT"]}})
    assert {toolkit.slug for toolkit in session.toolkits().items} >= {"time"}
    with pytest.raises(PermissionDeniedError, match=r"tools\.time\.disable"):
        session.execute("TIME_CONVERT", arguments={})
    with pytest.raises(PermissionDeniedError, match=r"toolkits\.enable"):
        session.execute("FILES_LIST")
    with pytest.raises(NotFoundError, match="TIME_NOW"):
        session.execute("TIME_NWO")


def test_a_warning_of_the_router_reaches_the_program(composio: Composio) -> None:
    session = composio.create(user_id="ada", preload={"tools": ["TIME_NOW", "TIME_NWO"]})
    [warning] = session.warnings
    assert "TIME_NWO" in warning.message
    assert composio.create(user_id="ada").warnings == []


def test_wrong_arguments_are_each_named(composio: Composio) -> None:
    session = composio.create(user_id="ada")
    result = session.execute("TIME_CONVERT", arguments={"tiem": "now"})
    assert result.result_type == "failed"
    assert "tiem" in (result.error or "")
    assert "`time` is required" in (result.error or "")


def test_an_approval_is_asked_for_once_a_call(composio: Composio) -> None:
    session = composio.create(user_id="ada", toolkits={"require_approval": ["time"]})
    with pytest.raises(ToolInputRequiredError) as asked:
        session.execute("TIME_NOW")
    answers = {key: {"action": "accept", "content": {"decision": "approve"}} for key in asked.value.input_requests}
    state = asked.value.request_state
    answered = session.execute("TIME_NOW", input_responses=answers, request_state=state)
    assert answered.result_type == "completed"
    with pytest.raises(ComposioError):
        session.execute("TIME_NOW", input_responses=answers, request_state=state)


def test_a_models_call_goes_on_after_the_answer(composio: Composio) -> None:
    ran: list[int] = []

    @composio.experimental.tool()
    def side(number: int) -> dict[str, Any]:
        """Does something that must not happen twice."""
        ran.append(number)
        return {"number": number}

    experimental: Any = {"custom_tools": [side]}
    session = composio.create(user_id="ada", toolkits={"require_approval": ["time"]}, experimental=experimental)
    names = {"a": ("LOCAL_SIDE", {"number": 1}), "b": ("TIME_NOW", {})}
    calls = [
        {"id": id, "function": {"name": name, "arguments": json.dumps(arguments)}}
        for id, (name, arguments) in names.items()
    ]
    with pytest.raises(ToolInputRequiredError) as asked:
        session.handle_tool_calls({"choices": [{"message": {"role": "assistant", "tool_calls": calls}}]})
    assert asked.value.details["results"] == [{"data": {"number": 1}, "error": None, "successful": True}, None]
    answers = {key: {"action": "accept", "content": {"decision": "approve"}} for key in asked.value.input_requests}
    state = asked.value.request_state
    assert session.execute_tool_call("TIME_NOW", {}, input_responses=answers, request_state=state).successful
    assert ran == [1]


def test_the_file_mount_is_the_workspace(composio: Composio, tmp_path: pathlib.Path) -> None:
    session = composio.create(user_id="ada")
    files = session.experimental.files
    remote = files.upload(b"hello", remote_path="in/a.txt")
    assert session.execute("FILES_READ", arguments={"path": "in/a.txt"}).data["content"] == "hello"
    assert remote.text() == "hello"
    saved = files.download("in/a.txt").save(tmp_path / "copy.txt")
    assert pathlib.Path(saved).read_text() == "hello"
    assert [item.mount_relative_path for item in files.list(path="in").items] == ["in/a.txt"]
    files.delete("in/a.txt")
    assert files.list(path="in").items == []


def test_a_session_survives_its_process(tmp_path: pathlib.Path) -> None:
    program = (
        "import json, sys; from composio import Composio\n"
        "composio = Composio(backend='embedded', config=json.loads(sys.argv[1]))\n"
        "session = composio.create(user_id='ada', toolkits=['time'])\n"
        "print(session.session_id)"
    )
    given = json.dumps(config(tmp_path))
    made = subprocess.run([sys.executable, "-c", program, given], capture_output=True, text=True, check=True)
    with Composio(backend="embedded", config=config(tmp_path)) as composio:
        session = composio.use(made.stdout.strip())
        assert session.execute("TIME_NOW").error is None
        with pytest.raises(PermissionDeniedError):
            session.execute("FILES_LIST")
        session.update(toolkits=None)
        assert session.config_version == 2
        assert session.execute("FILES_LIST").error is None
        session.delete()
        with pytest.raises(NotFoundError):
            composio.use(session.session_id)


def test_two_hundred_sessions_at_once(tmp_path: pathlib.Path) -> None:
    async def main() -> list[Any]:
        async with AsyncComposio(backend="embedded", config=config(tmp_path)) as composio:

            async def one(number: int) -> Any:
                session = await composio.create(user_id=f"user_{number}")
                path = {"path": f"{number}.txt"}
                await session.execute("FILES_WRITE", arguments={**path, "content": str(number)})
                return (await session.execute("FILES_READ", arguments=path)).data["content"]

            return await asyncio.gather(*(one(number) for number in range(200)))

    assert asyncio.run(main()) == [str(number) for number in range(200)]


def test_real_mcp_servers(tmp_path: pathlib.Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/a.txt").write_text("hello")
    python = installed("python/bin/python")
    clock = {"slug": "clock", "command": python, "args": ["-m", "mcp_server_time"]}
    servers = [clock, node("everything", "stdio"), node("filesystem", str(tmp_path / "work"))]
    before = children()
    with Composio(backend="embedded", config=config(tmp_path, *servers)) as composio:
        session = composio.create(user_id="ada")
        assert children() == before, "no server starts before it is used"
        now = session.execute("CLOCK_GET_CURRENT_TIME", arguments={"timezone": "Asia/Tokyo"})
        assert now.error is None
        echo = session.execute("EVERYTHING_ECHO", arguments={"message": "hi"})
        assert "hi" in json.dumps(echo.data)
        read = session.execute("FILESYSTEM_READ_TEXT_FILE", arguments={"path": str(tmp_path / "work/a.txt")})
        assert "hello" in json.dumps(read.data)
        assert children() > before
    assert children() == before, "no server is left"


def test_a_killed_server_is_an_error_and_comes_back(tmp_path: pathlib.Path) -> None:
    before, log = children(), tmp_path / "received.jsonl"
    script = ROOT / "tests/mcp-servers/recorder.py"
    recorder = {"slug": "recorder", "command": sys.executable, "args": [str(script), str(log)]}
    with Composio(backend="embedded", config=config(tmp_path, recorder)) as composio:
        session = composio.create(user_id="ada")
        assert session.execute("RECORDER_ECHO", arguments={"message": "hi"}).data == {"message": "hi"}
        results: list[Any] = []
        caller = threading.Thread(target=lambda: results.append(session.execute("RECORDER_HANG")))
        caller.start()
        deadline = time.monotonic() + 30
        while '"hang"' not in "".join(line for line in log.read_text().splitlines() if "tools/call" in line):
            assert time.monotonic() < deadline, "the call does not reach the server"
            time.sleep(0.01)
        for pid in children() - before:
            os.kill(pid, signal.SIGKILL)
        caller.join(timeout=30)
        assert not caller.is_alive(), "the call hangs"
        assert results[0].result_type == "failed"
        assert "recorder" in (results[0].error or "")
        again = session.execute("RECORDER_ECHO", arguments={"message": "back"})
        assert again.data == {"message": "back"}


def test_a_session_is_served_over_mcp(tmp_path: pathlib.Path) -> None:
    def ask(mcp: Any, headers: dict[str, str]) -> dict[str, Any]:
        about = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": about}}
        always = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/list",
        }
        request = urllib.request.Request(mcp.url, data=json.dumps(body).encode(), headers={**always, **headers})
        with urllib.request.urlopen(request) as reply:
            answer: dict[str, Any] = json.load(reply)
            return answer

    with Composio(backend="embedded", config=config(tmp_path)) as composio:
        first = composio.create(user_id="ada", toolkits=["time"], preload={"tools": "all"})
        second = composio.create(user_id="ada", mcp=True)
        tools = ask(first.mcp, first.mcp.headers)["result"]["tools"]
        assert "TIME_NOW" in {tool["name"] for tool in tools}
        assert first.mcp == first.mcp
        for headers in ({}, second.mcp.headers):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                ask(first.mcp, headers)
        mcp = first.mcp
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(mcp, mcp.headers)
