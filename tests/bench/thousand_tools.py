"""An MCP server over stdio with 1,000 tools and nothing else, for the search benchmark."""

import json
import sys

VERBS = ["find", "create", "update", "delete", "list", "export", "archive", "approve", "assign", "share"]
THINGS = [
    "order", "customer", "invoice", "payment", "ticket", "message", "calendar event", "document", "folder", "issue",
    "pull request", "branch", "release", "build", "server", "database", "table", "report", "dashboard", "alert",
    "contact", "lead", "campaign", "product", "price", "shipment", "warehouse", "supplier", "employee", "payslip",
]  # fmt: skip
PLACES = ["in the shop", "in the archive", "for a team", "of a project"]
REPLIES = {
    "initialize": lambda params: {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "thousand-tools", "version": "1"},
    },
    "tools/list": lambda _: {"tools": tools()},
    "ping": lambda _: {},
}


def tools() -> list[dict[str, object]]:
    names = ((verb, thing, place) for place in PLACES for thing in THINGS for verb in VERBS)
    return [
        {
            "name": f"{verb}_{thing}_{place}".replace(" ", "_"),
            "description": f"{verb.capitalize()} a {thing} {place}, by its id or by a filter on its fields.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": f"The {thing}'s id."},
                    "filter": {"type": "string", "description": "Words to look for."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                },
            },
        }
        for verb, thing, place in list(names)[:1000]
    ]


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    handler = REPLIES.get(request["method"])
    if handler is None:
        answer = {"error": {"code": -32601, "message": "no such method"}}
    else:
        answer = {"result": handler(request.get("params") or {})}
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}), flush=True)
