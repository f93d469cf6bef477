"""A scripted model behind a real HTTP endpoint: it speaks OpenAI's chat completions and asks for the same tools."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def serve(calls: list[tuple[str, dict[str, Any]]]) -> ThreadingHTTPServer:
    """Starts the endpoint on a free port. It answers a message with `calls`, and their results with a sentence."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            results = [message for message in request["messages"] if message["role"] == "tool"]
            offered = {tool["function"]["name"] for tool in request["tools"]}
            if results:
                worked = sum(json.loads(result["content"])["successful"] for result in results)
                message: dict[str, Any] = {"content": f"{worked} of {len(results)} tools did their work."}
            else:
                message = {
                    "content": None,
                    "tool_calls": [call(*item) for item in enumerate(calls) if item[1][0] in offered],
                }
            reason = "stop" if results else "tool_calls"
            choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}
            body = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [choice],
            }
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Says nothing: the demo narrates."""

    def call(number: int, item: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        name, arguments = item
        return {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
