"""The providers' own packages, talking to a server that keeps what they send."""

import copy
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

import anthropic
import openai
from anthropic.types import ToolParam
from google import genai
from google.genai import types as google
from openai.lib._pydantic import _ensure_strict_json_schema
from openai.types.chat import ChatCompletionFunctionToolParam
from openai.types.responses import FunctionToolParam
from pydantic import TypeAdapter

ANSWERS = {
    "chat/completions": {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []},
    "responses": {"id": "1", "object": "response", "created_at": 1, "model": "m", "output": []},
    "messages": {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": []},
    "generateContent": {"candidates": []},
}


class Server:
    """Keeps the last request, and answers it as an API would that has nothing to say."""

    def __enter__(self) -> "Server":
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = next(answer for end, answer in ANSWERS.items() if self.path.split("?")[0].endswith(end))
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.sent: Any = None
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def chat(server: Server, tools: list[Any]) -> Any:
    TypeAdapter(list[ChatCompletionFunctionToolParam]).validate_python(tools)
    for tool in tools:
        held_to(tool["function"])
    client = openai.OpenAI(api_key="k", base_url=server.url, max_retries=0)
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], tools=tools)
    return server.sent["tools"]


def responses(server: Server, tools: list[Any]) -> Any:
    TypeAdapter(list[FunctionToolParam]).validate_python(tools)
    for tool in tools:
        held_to(tool)
    openai.OpenAI(api_key="k", base_url=server.url, max_retries=0).responses.create(model="m", input="x", tools=tools)
    return server.sent["tools"]


def held_to(function: dict[str, Any]) -> None:
    """A strict schema is one that the package has nothing to add to."""
    if function.get("strict"):
        schema = function["parameters"]
        assert _ensure_strict_json_schema(copy.deepcopy(schema), path=(), root=schema) == schema, function["name"]


def messages(server: Server, tools: list[Any]) -> Any:
    TypeAdapter(list[ToolParam]).validate_python(tools)
    client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
    client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}], tools=tools)
    return server.sent["tools"]


def content(server: Server, tools: list[Any]) -> Any:
    declarations = TypeAdapter(list[google.FunctionDeclaration]).validate_python(tools)
    for tool in tools:
        # The package's own reading of JSON Schema, which knows fewer words than the API does.
        google.Schema.from_json_schema(json_schema=google.JSONSchema.model_validate(tool["parametersJsonSchema"]))
    client = genai.Client(api_key="k", http_options=google.HttpOptions(base_url=server.url))
    config = google.GenerateContentConfig(tools=[google.Tool(function_declarations=declarations)])
    client.models.generate_content(model="m", contents="x", config=config)
    # The API reads both spellings; the package writes this name in Python's.
    names = {"parameters_json_schema": "parametersJsonSchema"}
    sent = server.sent["tools"][0]["functionDeclarations"]
    return [{names.get(name, name): value for name, value in declaration.items()} for declaration in sent]


SENDERS: dict[str, Callable[[Server, list[Any]], Any]] = {
    "openai": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "google": content,
}
