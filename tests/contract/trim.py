#!/usr/bin/env python3
"""Cuts the v3.1 REST contract (structure only) down to the operations that this project implements.

python3 tests/contract/trim.py FULL.json > tests/contract/openapi-v3.1.json
python3 tests/contract/trim.py --operations FULL.json > tests/contract/operations.txt

The second lists every operation of the whole contract, so that a server can tell one that it does not implement from a
path that does not exist.
"""

import json
import pathlib
import sys

PREFIX = "/api/v3.1"
LOOKUPS = {f"{PREFIX}/{path}" for path in ("toolkits", "toolkits/{slug}", "tools", "tools/{tool_slug}")}
ACCOUNTS = (f"{PREFIX}/auth_configs", f"{PREFIX}/connected_accounts")


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
        if path.startswith((f"{PREFIX}/tool_router/session", *ACCOUNTS)):
            paths[path] = operations
        elif path in LOOKUPS:
            paths[path] = {"get": operations["get"]}
        elif path == f"{PREFIX}/files/upload/request":
            paths[path] = operations
    schemas = {}
    pending = list(references(paths))
    while pending:
        kind, name = pending.pop().removeprefix("#/components/").split("/")
        if kind == "schemas" and name not in schemas:
            schemas[name] = contract["components"]["schemas"][name]
            pending.extend(references(schemas[name]))
    security = contract["components"]["securitySchemes"]
    components = {"schemas": dict(sorted(schemas.items())), "securitySchemes": security}
    return {**contract, "paths": paths, "components": components}


def lines(contract):
    """Writes one path and one schema a line: small, and a change shows as the lines that changed."""

    def entries(items):
        return ",\n".join(f"{json.dumps(name)}:{compact(value)}" for name, value in items.items())

    def compact(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    head = {key: value for key, value in contract.items() if key not in ("paths", "components")}
    parts = [f"{json.dumps(key)}:{compact(value)}" for key, value in head.items()]
    parts.append(f'"paths":{{\n{entries(contract["paths"])}\n}}')
    security, schemas = contract["components"]["securitySchemes"], contract["components"]["schemas"]
    parts.append(f'"components":{{"securitySchemes":{compact(security)},"schemas":{{\n{entries(schemas)}\n}}}}')
    return "{" + ",\n".join(parts) + "}"


def operations(contract):
    """Writes one operation a line: its method, and its path below the prefix."""
    found = ((path.removeprefix(PREFIX), method) for path, methods in contract["paths"].items() for method in methods)
    return "\n".join(f"{method.upper()} {path}" for path, method in sorted(found))


if __name__ == "__main__":
    write = operations if "--operations" in sys.argv else lambda contract: lines(trim(contract))
    with pathlib.Path(sys.argv[-1]).open(encoding="utf-8") as full:
        print(write(json.load(full)))
