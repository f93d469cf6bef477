"""A server under load: 64 connections that create, search and execute.

loaded.py PROGRAM LOAD SECONDS     as a test: no error, and memory that does not grow

PROGRAM is `composio`, LOAD is `bench-load`.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

HERE = pathlib.Path(__file__).parent
# What memory may grow by in the second half of a run, in MB: the allocator's own ups and downs. A leak of a hundred
# bytes a call is more in any run of some seconds.
GROWTH = 16
# One key and one user send as much as the server can answer.
UNLIMITED = "[quota]\nsessions = 0\n" + "".join(
    f"{whose}.requests_per_second = 0\n" for whose in ("user", "project", "key")
)


@contextlib.contextmanager
def server(program: str) -> Iterator[tuple[str, int]]:
    """A server with 1,000 tools of an MCP server: its URL and its process."""
    with tempfile.TemporaryDirectory() as folder:
        tools = json.dumps(str(HERE / "thousand_tools.py"))
        config = f'[[mcp]]\nslug = "many"\ncommand = {json.dumps(sys.executable)}\nargs = [{tools}]\n{UNLIMITED}'
        pathlib.Path(folder, "composio.toml").write_text(config)
        command = [program, "serve", "--listen", "127.0.0.1:0", "--json", "--data", folder]
        with (
            pathlib.Path(folder, "log").open("w") as log,
            subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())["listening"], process.pid
            finally:
                process.terminate()
                try:
                    assert process.wait(timeout=60) == 0
                finally:
                    process.kill()


@contextlib.contextmanager
def bare(load: str) -> Iterator[str]:
    """The URL of an axum route that does nothing."""
    with subprocess.Popen([load, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def calls(load: str, url: str, what: str, seconds: float, pid: int | None = None) -> dict[str, Any]:
    """What a run shows; an answer that is wrong ends it."""
    command = [load, url, what, str(seconds), *([] if pid is None else [str(pid)])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    program, load, seconds = sys.argv[1:]
    with server(program) as (url, pid):
        for what in ("create", "search", "execute"):
            figures = calls(load, url, what, float(seconds), pid)
            first, middle, last = figures["megabytes"]
            print(
                f"{what}: {figures['calls']:,} calls, {figures['per_second']:,.0f}/s, 99 % within "
                f"{figures['p99_ms']:.1f} ms; {first:.1f}, {middle:.1f}, {last:.1f} MB"
            )
            assert last - middle < GROWTH, f"{what}: memory grows"


if __name__ == "__main__":
    main()
