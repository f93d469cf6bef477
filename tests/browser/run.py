"""The page on which a user connects an account, in a real browser, against `composio serve`.

python tests/browser/run.py path/to/composio path/to/node_modules [SCREENSHOT]

The OAuth provider is of the folder that MCP_SERVERS names, else of .mcp-servers.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "server"), str(HERE.parent / "story")]
from run import SECRET, ask  # noqa: E402
from run import serving as providing  # noqa: E402
from serving import serving  # noqa: E402

GOOD = {
    "/shop": ("x-key", "key-of-ada"),
    "/notes": ("authorization", "Bearer token-of-ada"),
    "/mail": ("authorization", "Basic YWRhOmhvcnNlIHN0YXBsZQ=="),
}


class Api(BaseHTTPRequestHandler):
    """An API that takes one credential a path."""

    def do_GET(self) -> None:
        """Says whether the credential is the right one."""
        header, value = GOOD[self.path]
        is_good = self.headers.get(header) == value
        body = json.dumps({"good": is_good}).encode()
        self.send_response(200 if is_good else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def api() -> Iterator[str]:
    """Yields the API's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def toolkit(folder: str, base: str, slug: str, scheme: dict[str, str]) -> str:
    """A toolkit of one operation, as the configuration has it."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": slug.title(), "version": "1"},
        "servers": [{"url": base}],
        "paths": {f"/{slug}": {"get": {"operationId": "look", "security": [{"it": []}], "responses": {}}}},
        "components": {"securitySchemes": {"it": scheme}},
    }
    path = pathlib.Path(folder, f"{slug}.json")
    path.write_text(json.dumps(document))
    return (
        f'[[toolkit]]\nslug = "{slug}"\nname = "The {slug.title()} API"\n'
        f'description = "Knows the {slug} of a person."\nopenapi = "{path}"\nallow_hosts = ["127.0.0.1"]\n'
    )


def tracker(folder: str, provider: str) -> str:
    """A toolkit whose users connect accounts at a provider."""
    path = pathlib.Path(folder, "tracker.json")
    path.write_text(json.dumps(ask(f"{provider}/_openapi")))
    return (
        f'[[toolkit]]\nopenapi = "{path}"\nallow_hosts = ["127.0.0.1"]\n'
        f'[[auth]]\ntoolkit = "tracker"\nclient_id = "app"\nclient_secret = "{SECRET}"\n'
        '[http]\nallow_hosts = ["127.0.0.1"]\n'
    )


def main() -> None:
    """Ends as the tests do."""
    servers = os.environ.get("MCP_SERVERS", str(ROOT / ".mcp-servers"))
    with api() as base, providing(servers) as provider, tempfile.TemporaryDirectory() as folder:
        schemes = {
            "shop": {"type": "apiKey", "in": "header", "name": "x-key"},
            "notes": {"type": "http", "scheme": "bearer"},
            "mail": {"type": "http", "scheme": "basic"},
        }
        config = "\n".join(toolkit(folder, base, slug, scheme) for slug, scheme in schemes.items())
        config += tracker(folder, provider)
        with serving(sys.argv[1], config) as (url, key):
            variables = {**os.environ, "COMPOSIO_BASE_URL": url, "COMPOSIO_API_KEY": key, "MODULES": sys.argv[2]}
            variables["SCREENSHOT"] = sys.argv[3] if len(sys.argv) > 3 else ""
            subprocess.run(["node", "--test", str(HERE / "link.mjs")], check=True, env=variables)


if __name__ == "__main__":
    main()
