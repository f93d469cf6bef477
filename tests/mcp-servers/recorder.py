"""A small MCP server over standard input and output that writes down each message it gets.

Usage: recorder.py FILE [--child] [--stubborn] [--fail] [--deaf]

--child     starts a process of its own, which would outlive it
--stubborn  stops neither at the end of its input nor on SIGTERM
--fail      says why on standard error and exits with status 1 before it reads anything
--deaf      reads everything and answers nothing
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

# Open for as long as the server runs.
record = pathlib.Path(sys.argv[1]).open("a", encoding="utf-8")  # noqa: SIM115
flags = sys.argv[2:]
extra_tools = []

OBJECT = {"type": "object"}
PAGES = [
    (["echo", "text", "hang"], "two"),
    (["die", "ask", "grow"], "three"),
    (["list-all", "listAll", "refuse"], None),
]


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def receive():
    line = sys.stdin.readline()
    if not line:
        return None
    record.write(line)
    record.flush()
    return json.loads(line)


def ask_everything():
    """Asks the client for all that a client may offer, and returns its answers."""
    methods = ["ping", "roots/list", "sampling/createMessage", "elicitation/create"]
    params = {
        "sampling/createMessage": {
            "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}],
            "maxTokens": 1,
        },
        "elicitation/create": {"message": "?", "requestedSchema": {"type": "object", "properties": {}}},
    }
    for method in methods:
        send({"id": method, "method": method, "params": params.get(method, {})})
    answers = {}
    while len(answers) < len(methods):
        message = receive()
        if message.get("id") in methods:
            answers[message["id"]] = message.get("error", {}).get("code", "answered")
    return answers


def call(message):
    name, arguments = message["params"]["name"], message["params"].get("arguments", {})
    if name == "echo":
        return {"content": [], "structuredContent": arguments}
    if name == "text":
        return {"content": [{"type": "text", "text": json.dumps(arguments)}]}
    if name == "hang":
        return None
    if name == "die":
        print("the key is", os.environ.get("RECORDER_KEY"), file=sys.stderr)
        print("out of memory, or so", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "ask":
        return {"content": [], "structuredContent": ask_everything()}
    if name == "grow":
        extra_tools.append("extra")
        send({"method": "notifications/tools/list_changed"})
        return {"content": []}
    return {"content": [{"type": "text", "text": "I would rather not"}], "isError": True}


def answer(message):
    method = message.get("method")
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "recorder", "version": "1"},
            "instructions": "Writes down what it is told.\nAnd more.",
        }
    if method == "tools/list":
        cursors = [None] + [cursor for _, cursor in PAGES]
        page = cursors.index(message.get("params", {}).get("cursor"))
        names, following = PAGES[page]
        names = names + (extra_tools if following is None else [])
        reply = {"tools": [{"name": name, "inputSchema": OBJECT} for name in names]}
        return {**reply, "nextCursor": following} if following else reply
    if method == "tools/call":
        return call(message)
    return NotImplemented


if "--fail" in flags:
    sys.exit("recorder: no licence for key " + os.environ.get("RECORDER_KEY", ""))
if "--child" in flags:
    subprocess.Popen(["sleep", "600"])
if "--stubborn" in flags:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

while (message := receive()) is not None:
    if "id" not in message or "method" not in message or "--deaf" in flags:
        continue
    result = answer(message)
    if result is NotImplemented:
        send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
    elif result is not None:
        send({"id": message["id"], "result": result})

while "--stubborn" in flags:
    time.sleep(1)
