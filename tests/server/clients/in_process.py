"""A session of this project's package with the embedded router: prints where it is served over MCP as JSON, and closes
at the end of its input."""

import json
import sys

from composio import Composio

with Composio(backend="embedded", config={"router": {"data_dir": sys.argv[1]}}) as composio:
    session = composio.create(user_id="ada", toolkits=["time"], preload={"tools": "all"})
    mcp = session.mcp
    assert "sl_" not in repr(mcp), repr(mcp)
    print(json.dumps({"url": mcp.url, "headers": mcp.headers}), flush=True)
    sys.stdin.read()
