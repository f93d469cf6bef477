"""A small MCP server over standard input and output that looks at what it can get at.

Its tools: `parent`, what can be read at /proc of the process that started it, and of one that it starts; `files`,
which of `paths` can be read and written, and what it may take of memory, processes and open files.
"""

import contextlib
import functools
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys

LOOKS = ("environ", "mem", "maps", "fd", "auxv")


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def look(process, name):
    path = pathlib.Path(f"/proc/{process}/{name}")
    try:
        if name == "fd":
            list(path.iterdir())
        elif name == "mem":
            path.open("rb").close()
        else:
            path.read_bytes()
    except OSError as error:
        return type(error).__name__
    return "read"


def parent(_):
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as sibling:
        sibling.stdout.readline()
        found = {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "groups": os.getgroups(),
            "parent": {name: look(os.getppid(), name) for name in LOOKS},
            "sibling": {name: look(sibling.pid, name) for name in LOOKS},
        }
        sibling.communicate(b"\n")
    return found


def attempt(action):
    try:
        action()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"


def connect(port):
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def files(arguments):
    found = {
        "pid": os.getpid(),
        "cwd": str(pathlib.Path.cwd()),
        "home": os.environ.get("HOME"),
        "limits": {
            name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in ("DATA", "NPROC", "NOFILE")
        },
        "allocate": attempt(lambda: bytearray(arguments.get("allocate", 1))),
        "read": {},
        "bytes": {},
        "write": {},
    }
    if "port" in arguments:
        found["connect"] = attempt(lambda: connect(arguments["port"]))
    for path in arguments.get("paths", []):
        place = pathlib.Path(path)
        found["read"][path] = attempt(functools.partial(read, place))
        found["bytes"][path] = len(place.read_bytes()) if found["read"][path] == "done" and place.is_file() else 0
        found["write"][path] = attempt(functools.partial(write, place))
    return found


def read(place):
    list(place.iterdir()) if place.is_dir() else place.read_bytes()


def write(place):
    (place / "made-by-peek" if place.is_dir() else place).open("ab").close()


TOOLS = {"parent": parent, "files": files}


def answer(message):
    method = message.get("method")
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "peek", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    if method == "tools/call":
        asked = message["params"]
        found = TOOLS[asked["name"]](asked.get("arguments") or {})
        return {"content": [{"type": "text", "text": json.dumps(found)}], "structuredContent": found}
    return None


with contextlib.suppress(KeyboardInterrupt):
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        result = answer(message)
        if result is None:
            send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
        else:
            send({"id": message["id"], "result": result})
