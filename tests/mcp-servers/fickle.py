"""A small MCP server over standard input and output that lists the tools that a file has at the moment.

Usage: fickle.py FILE

FILE has a JSON list of tools, as MCP has them. A call of any of them changes nothing and says which one it was. A call
also tells the client that the tools have changed.
"""

import json
import pathlib
import sys

tools = pathlib.Path(sys.argv[1])


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(message):
    method = message.get("method")
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "fickle", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": json.loads(tools.read_text(encoding="utf-8"))}
    if method == "tools/call":
        send({"method": "notifications/tools/list_changed"})
        return {"content": [], "structuredContent": {"ran": message["params"]["name"]}}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    result = answer(message)
    if result is None:
        send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
    else:
        send({"id": message["id"], "result": result})
