"""An MCP server over standard input and output with the tools, prompts and resources that MCP's conformance suite asks
for. Written out message by message: it is what the router passes on that is tested, and nothing may mend it before."""

import json
import sys
import time

# One red pixel, and a WAV file of two samples.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
WAV = "UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQQAAAAAAAAA"

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}


def text(words):
    return {"type": "text", "text": words}


IMAGE = {"type": "image", "data": PNG, "mimeType": "image/png"}
AUDIO = {"type": "audio", "data": WAV, "mimeType": "audio/wav"}


def resource(uri, mime, words):
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime, "text": words}}


ANSWERS = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [IMAGE],
    "test_audio_content": [AUDIO],
    "test_embedded_resource": [
        resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        IMAGE,
        resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
    "test_resource_link": [{"type": "resource_link", "uri": "test://static-text", "name": "static-text"}],
    "test_tool_with_progress": [text("Done, step by step.")],
    "json_schema_2020_12_tool": [text("Called.")],
    "test_trigger_tool_change": [text("There is one more tool.")],
    "test_streaming_elicitation": [text("There is nothing to ask.")],
    "test_logging_tool": [text("There is nothing to log.")],
    "test_hang": [],
}
FAILURE = "This tool intentionally returns an error for testing"
RESOURCES = {
    "test://static-text": ("text/plain", {"text": "This is the content of the static text resource."}),
    "test://static-binary": ("image/png", {"blob": PNG}),
}
TEMPLATE = "test://template/{id}/data"
PROMPTS = {
    "test_simple_prompt": [],
    "test_prompt_with_arguments": ["arg1", "arg2"],
    "test_prompt_with_embedded_resource": ["resourceUri"],
    "test_prompt_with_image": [],
}
grown = []


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


class Refusal(Exception):
    """An error of the protocol."""

    def __init__(self, code, message, data=None):
        self.error = {"code": code, "message": message, **({"data": data} if data else {})}


def list_tools():
    names = [*ANSWERS, "test_error_handling", *grown]
    schema = {"json_schema_2020_12_tool": SCHEMA}
    return {
        "tools": [
            {"name": name, "description": f"For the suite: {name}.", "inputSchema": schema.get(name, NOTHING)}
            for name in names
        ]
    }


def call_tool(params):
    name = params["name"]
    if name == "test_error_handling":
        return {"content": [text(FAILURE)], "isError": True}
    if name not in ANSWERS and name not in grown:
        raise Refusal(-32602, f"Unknown tool: {name}")
    if name == "test_hang":
        return None
    if name == "test_tool_with_progress":
        for step in (0, 50, 100):
            token = params.get("_meta", {}).get("progressToken")
            if token is not None:
                told = {"progressToken": token, "progress": step, "total": 100, "message": f"{step} of 100"}
                send({"method": "notifications/progress", "params": told})
            time.sleep(0.01)
    if name == "test_trigger_tool_change":
        grown.append(f"test_grown_{len(grown)}")
        send({"method": "notifications/tools/list_changed"})
    return {"content": ANSWERS.get(name, []), "_meta": {"example.org/mark": name}}


def read_resource(params):
    uri = params["uri"]
    if uri in RESOURCES:
        mime, content = RESOURCES[uri]
        return {"contents": [{"uri": uri, "mimeType": mime, **content}]}
    start, end = TEMPLATE.split("{id}")
    if uri.startswith(start) and uri.endswith(end):
        key = uri[len(start) : -len(end)]
        words = json.dumps({"id": key, "templateTest": True, "data": f"Data for ID: {key}"})
        return {"contents": [{"uri": uri, "mimeType": "application/json", "text": words}]}
    raise Refusal(-32002, "Resource not found", {"uri": uri})


def get_prompt(params):
    name, arguments = params["name"], params.get("arguments", {})
    if name not in PROMPTS:
        raise Refusal(-32602, f"Unknown prompt: {name}")
    contents = {
        "test_simple_prompt": [text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments": [
            text(f"Prompt with arguments: arg1='{arguments.get('arg1')}', arg2='{arguments.get('arg2')}'")
        ],
        "test_prompt_with_embedded_resource": [
            resource(arguments.get("resourceUri"), "text/plain", "Embedded resource content for testing."),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image": [IMAGE, text("Please analyze the image above.")],
    }
    return {"messages": [{"role": "user", "content": content} for content in contents[name]]}


METHODS = {
    "initialize": lambda _: {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {"listChanged": True}, "prompts": {}, "resources": {}, "completions": {}},
        "serverInfo": {"name": "fixture", "version": "1"},
    },
    "ping": lambda _: {},
    "tools/list": lambda _: list_tools(),
    "tools/call": call_tool,
    "prompts/list": lambda _: {
        "prompts": [
            {
                "name": name,
                "description": f"For the suite: {name}.",
                "arguments": [{"name": each, "description": "What to put in.", "required": True} for each in arguments],
            }
            for name, arguments in PROMPTS.items()
        ]
    },
    "prompts/get": get_prompt,
    "resources/list": lambda _: {
        "resources": [
            {"uri": uri, "name": uri.rsplit("/", 1)[1], "description": "For the suite.", "mimeType": mime}
            for uri, (mime, _) in RESOURCES.items()
        ]
    },
    "resources/templates/list": lambda _: {
        "resourceTemplates": [
            {"uriTemplate": TEMPLATE, "name": "data", "description": "For the suite.", "mimeType": "application/json"}
        ]
    },
    "resources/read": read_resource,
    "completion/complete": lambda params: {
        "completion": {
            "values": [word for word in ("paris", "park", "party") if word.startswith(params["argument"]["value"])],
            "total": 3,
            "hasMore": False,
        }
    },
}

for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        if message.get("method") == "notifications/cancelled":
            print("cancelled", message["params"]["requestId"], file=sys.stderr, flush=True)
        continue
    answer = METHODS.get(message["method"])
    try:
        if answer is None:
            raise Refusal(-32601, "Method not found")
        result = answer(message.get("params", {}))
        if result is not None:
            send({"id": message["id"], "result": result})
    except Refusal as refusal:
        send({"id": message["id"], "error": refusal.error})
