"""MCP clients that no one here wrote, against `composio serve` and against sessions within a program.

python tests/server/clients/run.py path/to/composio path/to/clients path/to/node path/to/python

`clients` is a folder with a virtual environment `venv` and the npm packages in `node_modules`; `node` is a Node as late
as the inspector wants it; `python` has this project's package.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from serving import serving  # noqa: E402

Where = tuple[str, dict[str, str]]


@contextlib.contextmanager
def served(program: str) -> Iterator[Where]:
    """A session of a server, with the headers of its reply."""
    with serving(program) as (url, key):
        request = urllib.request.Request(
            f"{url}/api/v3.1/tool_router/session",
            data=json.dumps({"user_id": "ada", "toolkits": ["time"], "preload": {"tools": "all"}}).encode(),
            headers={"x-api-key": key, "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            mcp = json.load(reply)["mcp"]
        assert key not in json.dumps(mcp["headers"]), "the headers open the whole project"
        yield mcp["url"], mcp["headers"]


@contextlib.contextmanager
def within(*command: str) -> Iterator[Where]:
    """A session of a program that has the router in it. Nobody listens any more once it has closed."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin and process.stdout
            try:
                mcp = json.loads(process.stdout.readline())
                yield mcp["url"], mcp["headers"]
                process.stdin.close()
                assert process.wait(timeout=40) == 0
            finally:
                process.kill()
        place = urllib.parse.urlsplit(mcp["url"])
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((place.hostname, place.port)).close()
            raise AssertionError("the listener is still there")


def check(where: Where, clients: pathlib.Path, node: str) -> None:
    """Every client lists the session's tools and calls one."""
    url, headers = where
    python = str(clients / "venv" / "bin" / "python")
    inspector = [node, str(clients / "node_modules" / ".bin" / "mcp-inspector"), "--cli", url, "--transport", "http"]
    inspector += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    call = ["--method", "tools/call", "--tool-name", "TIME_NOW", "--tool-arg", "timezone=Asia/Tokyo"]
    for command, expected in (
        ([python, str(HERE / "langchain.py")], ""),
        ([python, str(HERE / "openai_agents.py")], ""),
        ([node, str(HERE / "sdk.mjs"), str(clients)], ""),
        ([*inspector, "--method", "tools/list"], "TIME_NOW"),
        ([*inspector, *call], "Asia/Tokyo"),
    ):
        variables = os.environ | {"MCP_URL": url, "MCP_HEADERS": json.dumps(headers)}
        done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120)
        assert done.returncode == 0 and expected in done.stdout, (command[:2], done.stdout, done.stderr)


def main() -> None:
    """Runs every client against every kind of endpoint."""
    program, clients, node, python = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3], sys.argv[4]
    for endpoint in (
        served(program),
        within(python, str(HERE / "in_process.py")),
        within("node", str(HERE / "in_process.mjs")),
    ):
        with endpoint as where:
            check(where, clients, node)
    print("MCP clients of four kinds work against the server and within a program.")


if __name__ == "__main__":
    main()
