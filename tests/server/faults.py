"""What happens to the store of `composio serve`: a server is killed, its database goes away, its disk is full.

python tests/server/faults.py path/to/composio
"""

import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from typing import Any

from serving import postgres, process

WRITERS = 4
"""Of each server."""
BEFORE = 200
"""So many changes are acknowledged before a server is killed."""
SESSION = "/api/v3.1/tool_router/session"


def send(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any, http.client.HTTPMessage]:
    """One request: its status, its JSON, its headers."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers


def create(url: str, **settings: Any) -> tuple[int, Any, http.client.HTTPMessage]:
    """Makes a session."""
    return send(url, "POST", SESSION, {"user_id": "ada", **settings})


def check_kill(program: str) -> None:
    """One of two servers is killed under load: what it had acknowledged is there, in the other one."""
    acknowledged: dict[str, int] = {}
    enough = threading.Event()

    def load(url: str) -> None:
        """Creates and changes sessions until the server is gone, or everything is said."""
        while not done.is_set():
            try:
                status, session, _ = create(url)
                assert status == 201, session
                acknowledged[session["session_id"]] = 1
                for version in (2, 3):
                    path = f"{SESSION}/{session['session_id']}"
                    status, changed, _ = send(url, "PATCH", path, {"search": {"enable": version % 2 == 1}})
                    assert status == 200 and changed["config_version"] == version, changed
                    acknowledged[session["session_id"]] = version
            except (OSError, http.client.HTTPException):
                assert enough.is_set(), "a server went away by itself"
                return
            if len(acknowledged) >= BEFORE:
                enough.set()

    done = threading.Event()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(postgres.running())
        variables = os.environ | {"COMPOSIO_DATABASE": database.create("composio")}
        base = [program, "--data", folder]
        started = [
            stack.enter_context(process(base, variables, pathlib.Path(folder, f"log{number}"))) for number in range(2)
        ]
        (first, killed), (second, _) = started
        with concurrent.futures.ThreadPoolExecutor(2 * WRITERS) as pool:
            writers = [pool.submit(load, url) for url in (first, second) for _ in range(WRITERS)]
            enough.wait()
            killed.kill()
            killed.wait()
            done.set()
            for writer in writers:
                writer.result()
        for session, version in acknowledged.items():
            status, found, _ = send(second, "GET", f"{SESSION}/{session}")
            assert status == 200 and found["config_version"] in (version, version + 1), (session, version, found)
    print(f"a server was killed; all of {len(acknowledged)} sessions are in the other one: ok")


def check_away(program: str) -> None:
    """The database goes away and comes back under a server."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(postgres.running())
        variables = os.environ | {"COMPOSIO_DATABASE": database.create("composio")}
        log = pathlib.Path(folder, "log")
        url, _ = stack.enter_context(process([program, "--data", folder], variables, log))
        _, session, _ = create(url)
        path = f"{SESSION}/{session['session_id']}"
        for gone, back in ((database.stop, database.start), (database.freeze, database.thaw)):
            gone()
            for method, at in (("GET", path), ("GET", "/health/ready"), ("POST", SESSION)):
                status, answer, headers = send(url, method, at, {"user_id": "ada"} if method == "POST" else None)
                assert status == 503 and headers["retry-after"], (at, status, answer)
                assert headers["x-should-retry"] is None, headers
                assert answer["error"]["slug"] in ("StoreUnavailable", "NotReady"), answer
                assert str(database.port) not in json.dumps(answer), "where the database lies is nobody's affair"
            assert send(url, "GET", "/health/live")[0] == 200
            back()
            while send(url, "GET", "/health/ready")[0] != 200:
                pass
            status, found, _ = send(url, "GET", path)
            assert status == 200, found
        assert postgres.PASSWORD not in log.read_text()
    print("the database went away and came back: ok")


def check_full(program: str) -> None:
    """The disk of the SQLite file is full, and has room again: a small file system that only the server sees."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        disk = pathlib.Path(folder, "disk")
        disk.mkdir()
        script = f'mount -t tmpfs -o size=2m composio {disk} && head -c 1m /dev/zero >{disk}/ballast && exec "$@"'
        alone = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--user", "--map-root-user"])]
        probe = subprocess.run([*alone, "sh", "-c", script, "sh", "true"], capture_output=True, text=True)
        assert probe.returncode == 0, f"a small file system needs root or user namespaces: {probe.stderr}"
        base = [*alone, "sh", "-c", script, "sh", program, "--data", str(disk)]
        log = pathlib.Path(folder, "log")
        url, running = stack.enter_context(process(base, dict(os.environ), log))
        tool = {"slug": "T", "name": "T", "description": "x" * 5_000, "input_schema": {"type": "object"}}
        large = {"experimental": {"custom_tools": [tool]}}
        acknowledged = []
        while (answer := create(url, **large))[0] == 201:
            acknowledged.append(answer[1]["session_id"])
        status, refused, headers = answer
        assert status == 503 and refused["error"]["slug"] == "StoreFull" and headers["retry-after"], answer
        assert acknowledged
        for session in acknowledged:
            assert send(url, "GET", f"{SESSION}/{session}")[0] == 200
        # The server's own view of the file system.
        pathlib.Path(f"/proc/{running.pid}/root{disk}/ballast").unlink()
        status, made, _ = create(url, **large)
        assert status == 201, made
        for session in [*acknowledged, made["session_id"]]:
            assert send(url, "GET", f"{SESSION}/{session}")[0] == 200
    print(f"the disk was full after {len(acknowledged)} sessions and has room again: ok")


def main() -> None:
    """Runs every check."""
    for name in [name for name in os.environ if name.startswith("COMPOSIO_")]:
        del os.environ[name]
    for check in (check_full, check_away, check_kill):
        check(sys.argv[1])


if __name__ == "__main__":
    main()
