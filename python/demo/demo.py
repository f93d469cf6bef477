"""A session at work on the embedded router: no key, no account, no network.

demo.py [--servers FOLDER] [--browser FOLDER]

--servers holds the MCP servers and the OAuth provider; without them the built-ins alone are shown
--browser holds what drives chromium; without it you sign in yourself
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

import accounts
import model
from composio import Composio

STORY = pathlib.Path(__file__).parents[2] / "tests/story"

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


class Step:
    """Says what happens, then how long it took."""

    number = 0

    def __init__(self, title: str) -> None:
        Step.number += 1
        print(f"\n{paint('1', f'{Step.number}. {title}')}", flush=True)

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        print(paint("2", f"   took {(time.perf_counter() - self.start) * 1e3:,.1f} ms"), flush=True)


def say(text: str) -> None:
    print("\n".join(f"   {line}" for line in text.splitlines()), flush=True)


def show(result: Any, limit: int = 500) -> None:
    if result.error:
        raise SystemExit(f"   failed: {result.error}")
    text = json.dumps(result.data, ensure_ascii=False)
    say(text if len(text) <= limit else f"{text[:limit]} …")


def make_repository(folder: pathlib.Path) -> None:
    """A small git repository with a history of its own."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    folder.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main")
    for name, text, message in [
        ("README.md", "# Shop\n", "Start the shop"),
        ("orders.txt", "order 1: 3 lamps\norder 2: 1 desk\n", "Take the first orders"),
        ("orders.txt", "order 1: 3 lamps\norder 2: 1 desk\norder 3: 2 lamps\n", "Take order 3"),
    ]:
        (folder / name).write_text(text)
        git("add", name)
        git("commit", "--quiet", "-m", message)


def mcp_servers(
    servers: pathlib.Path | None, workspace: pathlib.Path, repository: pathlib.Path
) -> list[dict[str, Any]]:
    """The configuration of the real MCP servers, of those that are installed."""
    if servers is None:
        return []
    node, python = shutil.which("node"), servers / "python/bin/python"
    modules = servers / "node_modules/@modelcontextprotocol"
    wanted: list[tuple[bool, dict[str, Any]]] = [
        (python.exists(), {"slug": "clock", "command": str(python), "args": ["-m", "mcp_server_time"]}),
        (
            python.exists() and repository.exists(),
            {"slug": "git", "command": str(python), "args": ["-m", "mcp_server_git", "--repository", str(repository)]},
        ),
        (
            node is not None and (modules / "server-filesystem").exists(),
            {
                "slug": "filesystem",
                "command": node,
                "args": [str(modules / "server-filesystem/dist/index.js"), str(workspace)],
            },
        ),
        (
            node is not None and (modules / "server-everything").exists(),
            {
                "slug": "everything",
                "command": node,
                "args": [str(modules / "server-everything/dist/index.js"), "stdio"],
            },
        ),
    ]
    return [server for there, server in wanted if there]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=pathlib.Path)
    parser.add_argument("--browser", type=pathlib.Path)
    options = parser.parse_args()
    servers = options.servers if options.servers and options.servers.exists() else None
    with tempfile.TemporaryDirectory() as folder:
        run(pathlib.Path(folder), servers)
        connect(pathlib.Path(folder), servers, options.browser)
    print(paint("1;32", "\nDone: all of it ran on this machine."))


def connect(root: pathlib.Path, servers: pathlib.Path | None, browser: pathlib.Path | None) -> None:
    """An API with OAuth, at a real provider."""
    if servers is None or shutil.which("node") is None or not (servers / "node_modules/oidc-provider").exists():
        say("\nThere is no Node, and so no OAuth provider to connect an account at.")
        return
    has_browser = browser is not None and (browser / "node_modules/playwright-core").exists()
    if not has_browser and not sys.stdin.isatty():
        say("\nThere is neither a browser nor anybody to sign in at an OAuth provider.")
        return
    sys.path.insert(0, str(STORY))
    import run as provider  # type: ignore[import-not-found]

    folder = root / "story"
    folder.mkdir()

    def follow(url: str) -> None:
        if browser is not None and has_browser:
            say("chromium opens the provider's page, types a name and a password, and agrees")
            provider.sign_in(browser, url)
        else:
            say(f"open this page, sign in with any name and the password “horse staple”, and agree:\n{url}")

    with provider.serving(servers) as url:
        accounts.story(provider.configuration(url, str(folder)), follow, Step, say)


def run(root: pathlib.Path, servers: pathlib.Path | None) -> None:
    workspace, repository = root / "workspace", root / "workspace/shop"
    workspace.mkdir()
    has_git = shutil.which("git") is not None
    if has_git:
        make_repository(repository)
    mcp = mcp_servers(servers, workspace, repository)
    config = {"router": {"data_dir": str(root / "data"), "workspace": str(workspace)}, "mcp": mcp}

    print(paint("1", "composio on the embedded router: no key, no account, no network"))
    names = ", ".join(server["slug"] for server in mcp)
    say(f"built-in toolkits, and {len(mcp)} MCP servers: {names or 'none installed'}")

    with Composio(backend="embedded", config=config) as composio:
        orders = [{"number": 1, "lamps": 3}, {"number": 3, "lamps": 2}]

        @composio.experimental.tool()
        def count_lamps(customer: str) -> dict[str, Any]:
            """Counts the lamps that a customer of the shop has ordered.

            Args:
                customer: The customer's name.
            """
            return {"customer": customer, "lamps": sum(order["lamps"] for order in orders)}

        with Step("Create a session for the user ada, with a function of our own as a tool"):
            session = composio.create(
                user_id="ada",
                experimental={"custom_tools": [count_lamps], "assistive_prompt": {"user_timezone": "Europe/London"}},
            )
            say(f"session {session.session_id}")

        with Step("List its toolkits"):
            for toolkit in session.toolkits().items:
                say(f"{toolkit.slug:<12} {toolkit.name}")

        found: dict[str, str] = {}
        for use_case in (
            "what time is it in Tokyo",
            "show the commit log of the repository",
            "query the database with SQL",
        ):
            with Step(f"Search: “{use_case}”" + ("" if found else " (the first search starts the MCP servers)")):
                best = session.search(query=use_case).results[0].primary_tool_slugs
                found[use_case] = best[0]
                say(f"found {', '.join(best[:4])}")

        with Step("Write a file and read it back: FILES_WRITE, FILES_READ"):
            show(
                session.execute(
                    "FILES_WRITE", arguments={"path": "notes/today.md", "content": "Three lamps for Ada.\n"}
                )
            )
            show(session.execute("FILES_READ", arguments={"path": "notes/today.md"}))
            say(f"on disk: {(workspace / 'notes/today.md').read_text().strip()!r}")

        if any(server["slug"] == "git" for server in mcp):
            with Step("Read a real history: GIT_LOG, served by PyPI mcp-server-git"):
                show(session.execute("GIT_LOG", arguments={"repo_path": str(repository), "max_count": 3}), 900)

        with Step("Keep a real database: SQLITE_EXECUTE, SQLITE_QUERY"):
            show(
                session.execute(
                    "SQLITE_EXECUTE",
                    arguments={"sql": "CREATE TABLE orders (number INTEGER PRIMARY KEY, lamps INTEGER)"},
                )
            )
            for order in orders:
                values = [order["number"], order["lamps"]]
                show(
                    session.execute(
                        "SQLITE_EXECUTE", arguments={"sql": "INSERT INTO orders VALUES (?, ?)", "parameters": values}
                    )
                )
            show(
                session.execute(
                    "SQLITE_QUERY", arguments={"sql": "SELECT count(*) AS orders, sum(lamps) AS lamps FROM orders"}
                )
            )

        batch = [
            ("TIME_NOW", {"timezone": "Asia/Tokyo"}),
            ("LOCAL_COUNT_LAMPS", {"customer": "Ada"}),
            ("SQLITE_QUERY", {"sql": "SELECT * FROM orders"}),
        ]
        if any(server["slug"] == "filesystem" for server in mcp):
            batch.append(("FILESYSTEM_LIST_DIRECTORY", {"path": str(workspace)}))
        if any(server["slug"] == "everything" for server in mcp):
            batch.append(("EVERYTHING_ECHO", {"message": "hello from Node"}))

        with Step("Hand the tools to an AI framework: as OpenAI sees them"):
            tools = session.tools()
            for tool in tools:
                say(f"{tool['function']['name']:<32} {tool['function']['description'].splitlines()[0][:80]}")

        multi = {"tools": [{"tool_slug": slug, "arguments": arguments} for slug, arguments in batch]}
        with Step(
            f"Let a model drive: the real openai client, a scripted model, {len(batch)} tools in one multi execute"
        ):
            drive(session, tools, [("COMPOSIO_MULTI_EXECUTE_TOOL", multi)])

        with Step("Refuse bad input, and say what is wrong"):
            refused = session.execute("TIME_NOW", arguments={"timezone": "Mars/Olympus"})
            say(f"{refused.result_type}: {refused.error}")


def drive(session: Any, tools: list[Any], calls: list[tuple[str, dict[str, Any]]]) -> None:
    try:
        from openai import OpenAI
    except ImportError:
        say("the openai package is not installed; skipping this step")
        return
    endpoint = model.serve(calls)
    client = OpenAI(api_key="none", base_url=f"http://127.0.0.1:{endpoint.server_port}/v1")
    messages: list[Any] = [{"role": "user", "content": "How are the orders?"}]
    completion = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
    messages.append(completion.choices[0].message)
    results = session.handle_tool_calls(completion)
    for result in results:
        for item in json.loads(result["content"])["data"]["results"]:
            outcome = item.get("error") or json.dumps(item["response"]["data"], ensure_ascii=False)
            say(f"{item['tool_slug']:<28} {outcome[:110]}")
    answer = client.chat.completions.create(model="scripted", messages=[*messages, *results], tools=tools)
    say(f"the model says: {answer.choices[0].message.content}")
    endpoint.shutdown()


if __name__ == "__main__":
    main()
