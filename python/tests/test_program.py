"""The program `composio` that the package installs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(sysconfig.get_path("scripts")) / ("composio.exe" if sys.platform == "win32" else "composio")
# Seconds; a program that does not end has failed.
PATIENCE = 60
unix = pytest.mark.skipif(sys.platform == "win32", reason="this system has no such signals and terminals")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSIO_CONFIG", "COMPOSIO_LOG", "NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


def command(folder: Path, *arguments: str) -> list[str]:
    return [str(SCRIPT), *arguments, "--data", str(folder)]


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, which is gone afterwards, also where it did not end as it should have."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(folder, *arguments), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=folder
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_is_a_program_of_its_own_and_a_module() -> None:
    script = subprocess.run([SCRIPT, "--version"], check=True, stdout=subprocess.PIPE).stdout
    module = subprocess.run([sys.executable, "-m", "composio", "--version"], check=True, stdout=subprocess.PIPE).stdout
    assert script == module
    assert script.startswith(b"composio ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["tools", "run", "TIME_NOW"], 0),
        (["tools", "run", "TIME_NOW", '{"timezone": "Mars"}'], 1),
        (["serv"], 2),
    ],
)
def test_its_exit_codes_are_the_programs(tmp_path: Path, arguments: list[str], code: int) -> None:
    assert subprocess.run(command(tmp_path, *arguments), capture_output=True, cwd=tmp_path).returncode == code


@unix
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_well(tmp_path: Path, stop: signal.Signals) -> None:
    with started(tmp_path, "serve", "--listen", "127.0.0.1:0", "--json") as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["listening"]
        assert urllib.request.urlopen(f"{url}/health/ready").status == 200
        server.send_signal(stop)
        assert server.wait(timeout=PATIENCE) == 0


@unix
def test_ctrl_c_ends_what_waits_for_input(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from composio import _native, _program

def run(arguments):
    # Python's own handler is out of the way by now.
    os.kill(os.getpid(), signal.SIGINT)
    return 0

_native.run_program = run
sys.exit(_program.main())
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGINT


def test_a_session_is_served_to_an_mcp_client_over_the_standard_streams(tmp_path: Path) -> None:
    with started(tmp_path, "mcp", "--user", "ada", "--toolkits", "time", "--all-tools") as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def send(**message: object) -> None:
            assert server.stdin is not None
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()

        client = {"name": "test", "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        send(id=1, method="initialize", params=params)
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "composio"
        send(method="notifications/initialized")
        send(id=2, method="tools/call", params={"name": "TIME_NOW", "arguments": {"timezone": "Asia/Tokyo"}})
        answer = json.loads(server.stdout.readline())
        assert answer["result"]["structuredContent"]["timezone"] == "Asia/Tokyo"
        server.stdin.close()
        assert server.wait(timeout=PATIENCE) == 0


def on_a_terminal(folder: Path, *arguments: str, **environment: str) -> tuple[str, str]:
    """What the program writes to two terminals: its standard output and its standard error."""
    import pty

    ours, theirs = zip(pty.openpty(), pty.openpty(), strict=True)
    # What a build machine says of itself would decide about the colours too.
    said = ("CI", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR")
    environ = {name: value for name, value in os.environ.items() if name not in said}
    environ |= {"TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        command(folder, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs[0],
        stderr=theirs[1],
        env=environ,
        cwd=folder,
    )
    for descriptor in theirs:
        os.close(descriptor)
    texts = []
    try:
        for descriptor in ours:
            text = b""
            # A terminal whose other side is closed ends in an error.
            while part := read(descriptor):
                text += part
            os.close(descriptor)
            texts.append(text.decode())
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    return texts[0], texts[1]


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


@unix
def test_tables_have_colours_on_a_terminal_that_has_them(tmp_path: Path) -> None:
    coloured, _ = on_a_terminal(tmp_path, "toolkits")
    assert "\x1b[1mSLUG\x1b[0m" in coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_a_terminal(tmp_path, "toolkits", **environment)[0] == plain
    piped = subprocess.run(command(tmp_path, "toolkits"), check=True, stdout=subprocess.PIPE, cwd=tmp_path)
    assert piped.stdout.decode() == plain.replace("\r\n", "\n")


@unix
def test_long_work_is_seen_on_a_terminal(tmp_path: Path) -> None:
    for arguments, doing in ((["toolkits"], "asking the toolkits"), (["doctor"], "asking the toolkits")):
        table, progress = on_a_terminal(tmp_path, *arguments)
        assert doing in progress
        assert doing not in table
    _, progress = on_a_terminal(tmp_path, "doctor", TERM="dumb")
    assert progress == ""
