"""MCP's own conformance suite against the endpoint of a toolkit whose MCP server is `fixture.py`, in both eras.

python tests/server/conformance/run.py path/to/composio path/to/node_modules
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from serving import serving  # noqa: E402

# What each revision requires, as it was fixed at its release.
REVISIONS = ("2025-11-25", "2026-07-28")
CONFIG = f"""
[[mcp]]
slug = "fixture"
command = {json.dumps(sys.executable)}
args = [{json.dumps(str(HERE / "fixture.py"))}]
"""


def main() -> None:
    """Runs the suite once a revision."""
    program, modules = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    node = next(modules.glob("node-*/bin/node"), "node")
    suite = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    with serving(program, CONFIG, keyless=True) as (url, _):
        request = urllib.request.Request(
            f"{url}/api/v3.1/tool_router/session",
            data=json.dumps({"user_id": "ada", "toolkits": ["fixture"]}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            session = json.load(reply)
        for revision in REVISIONS:
            with tempfile.TemporaryDirectory() as results:
                command = [
                    *(str(node), str(suite), "server", "--url", f"{session['mcp']['url']}/fixture"),
                    *("--requirements", revision, "--output-dir", results),
                    *("--expected-failures", str(HERE / f"{revision}.yml")),
                ]
                done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})
            print(done.stdout[-int(os.environ.get("CONFORMANCE_LINES", "2000")) :])
            assert done.returncode == 0, done.stdout + done.stderr
    print("The conformance suite finds what it asks for, save what is listed.")


if __name__ == "__main__":
    main()
