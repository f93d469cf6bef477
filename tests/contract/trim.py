#!/usr/bin/env python3
"""Cuts the v3.1 REST contract (structure only) down to the operations that this project implements.

    python3 tests/contract/trim.py FULL.json > tests/contract/openapi-v3.1.json
"""

import json
import sys

PREFIX = "/api/v3.1"
LOOKUPS = {
    f"{PREFIX}/{path}"
    for path in (
        "connected_accounts",
        "connected_accounts/{nanoid}",
        "toolkits",
        "toolkits/{slug}",
        "tools",
        "tools/{tool_slug}",
    )
}


def references(node):
    """Yields every `$ref` below `node`."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def trim(contract):
    paths = {}
    for path, operations in contract["paths"].items():
        if path.startswith(f"{PREFIX}/tool_router/session"):
            paths[path] = operations
        elif path in LOOKUPS:
            paths[path] = {"get": operations["get"]}
    schemas = {}
    pending = list(references(paths))
    while pending:
        kind, name = pending.pop().removeprefix("#/components/").split("/")
        if kind == "schemas" and name not in schemas:
            schemas[name] = contract["components"]["schemas"][name]
            pending.extend(references(schemas[name]))
    components = {"schemas": dict(sorted(schemas.items())), "securitySchemes": contract["components"]["securitySchemes"]}
    return {**contract, "paths": paths, "components": components}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as full:
        json.dump(trim(json.load(full)), sys.stdout, indent=1, ensure_ascii=False)
    print()
