"""What the memory of `composio serve` holds once a credential has been used: the sealed one, and nothing to read.

python tests/server/memory.py path/to/composio

A core dump would hold the same. Reading another process's memory takes Linux, and its parent or root.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

KEY = "key-of-the-user-0123456789"
DEADLINE = 60


class Api(BaseHTTPRequestHandler):
    """An API that wants the key, and ends each connection."""

    def do_GET(self) -> None:
        """Says whether the key was right."""
        body = json.dumps({"good": self.headers.get("x-key") == KEY}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def memory(process: int) -> bytes:
    """All that the process could write."""
    found = []
    with pathlib.Path(f"/proc/{process}/mem").open("rb", buffering=0) as file:
        for line in pathlib.Path(f"/proc/{process}/maps").read_text().splitlines():
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if place and not line.endswith(("[vvar]", "[vsyscall]")):
                start, end = int(place[1], 16), int(place[2], 16)
                file.seek(start)
                try:
                    found.append(file.read(end - start))
                except OSError:  # It has gone since.
                    continue
    return b"".join(found)


def use(url: str) -> str:
    """Connects an account with the key, runs a tool with it, and answers the account's id."""

    def call(method: str, path: str, body: object) -> dict:
        # Each on a connection of its own.
        headers = {"connection": "close"}
        reply = requests.request(method, f"{url}/api/v3.1{path}", json=body, headers=headers, timeout=10)
        assert reply.ok, reply.text
        return reply.json()

    state = {"authScheme": "API_KEY", "val": {"api_key": KEY}}
    connection = {"user_id": "ada", "state": state}
    account = call("POST", "/connected_accounts", {"auth_config": {"id": "ac_shop"}, "connection": connection})
    session = call("POST", "/tool_router/session", {"user_id": "ada"})["session_id"]
    ran = call("POST", f"/tool_router/session/{session}/execute", {"tool_slug": "SHOP_LOOK", "arguments": {}})
    assert ran["data"]["body"] == {"good": True}, ran
    return account["id"]


def main() -> None:
    """Ends as the tests do."""
    api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        document = {
            "openapi": "3.1.0",
            "info": {"title": "Shop", "version": "1"},
            "servers": [{"url": f"http://127.0.0.1:{api.server_port}"}],
            "paths": {"/": {"get": {"operationId": "look", "security": [{"it": []}], "responses": {}}}},
            "components": {"securitySchemes": {"it": {"type": "apiKey", "in": "header", "name": "x-key"}}},
        }
        pathlib.Path(folder, "shop.json").write_text(json.dumps(document))
        config = pathlib.Path(folder, "composio.toml")
        config.write_text('[[toolkit]]\nopenapi = "shop.json"\nallow_hosts = ["127.0.0.1"]\n')
        base = [sys.argv[1], "--config", str(config), "--data", folder]
        command = [*base, "serve", "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout is not None
                listening = re.match(r"listening on (\S+)", server.stdout.readline())
                assert listening
                account = use(listening[1])
                secrets = [KEY.encode(), pathlib.Path(folder, "master.key").read_bytes().strip()]
                # The connections end when the server gets to it.
                end = time.monotonic() + DEADLINE
                while any(secret in memory(server.pid) for secret in secrets):
                    assert time.monotonic() < end, "a secret stays readable in the server's memory"
                    time.sleep(0.1)
                assert account.encode() in memory(server.pid), "the memory is not what was read"
            finally:
                server.terminate()
    api.shutdown()
    print("No credential can be read in the server's memory.")


if __name__ == "__main__":
    main()
