"""An API with OAuth, from its document to the end of an account: a program in any language, a user in a real browser.

python tests/story/run.py FOLDER_OF_MCP_SERVERS FOLDER_OF_BROWSER COMMAND …

The program finds the router's configuration, as JSON, in STORY_CONFIG. It says `OPEN URL` when its user is to go
there, and `DONE` at the end; see story.mjs.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]
SECRET = "secret-of-the-app"


def ask(url: str) -> object:
    """A JSON document."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)


@contextlib.contextmanager
def serving(servers: str | os.PathLike[str]) -> Iterator[str]:
    """Yields the URL of the provider and its API, at which users sign in on pages."""
    command = ["node", str(ROOT / "tests/oauth/server.mjs"), str(servers), "--interactive"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as provider:  # type: ignore[call-overload]
        try:
            yield provider.stdout.readline().strip()
        finally:
            provider.kill()


def sign_in(browser: str | os.PathLike[str], url: str) -> None:
    """Follows a link as a user does, in a real browser."""
    command = ["node", str(ROOT / "tests/story/sign-in.mjs"), str(browser), url]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)


def configuration(url: str, folder: str) -> dict[str, object]:
    """The router's, with the API as the toolkit `tracker`."""
    document = pathlib.Path(folder, "tracker.json")
    document.write_text(json.dumps(ask(f"{url}/_openapi")))
    return {
        "router": {"data_dir": f"{folder}/data"},
        "http": {"allow_hosts": ["127.0.0.1"]},
        "toolkit": [{"openapi": str(document), "allow_hosts": ["127.0.0.1"]}],
        "auth": [{"toolkit": "tracker", "client_id": "app", "client_secret": SECRET}],
    }


def main() -> None:
    """Ends as the program does."""
    servers, browser, *command = sys.argv[1:]
    # Within the repository, which is there wherever the program runs.
    (ROOT / "target").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder, serving(servers) as url:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSIO_")}
        variables["STORY_CONFIG"] = json.dumps(configuration(url, folder))
        said = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as program:
            assert program.stdout is not None
            for line in program.stdout:
                said.append(line)
                print(line, end="", flush=True)
                if opened := re.search(r"OPEN (\S+)$", line):
                    sign_in(browser, opened[1])
        assert program.returncode == 0, f"{command} ended with {program.returncode}"
        assert said and said[-1].strip() == "DONE", "the program did not come to its end"
        counts = ask(f"{url}/_counts")
        assert isinstance(counts, dict)
        assert (counts["authorization_code"], counts["refresh_token"], counts["revocation"]) == (1, 1, 2), counts
        secrets = [SECRET, *ask(f"{url}/_issued")]  # type: ignore[misc]
        assert not any(secret in line for secret in secrets for line in said), "a secret was printed"
        kept = [file for file in pathlib.Path(folder).rglob("*") if file.is_file()]
        assert any(file.name == "router.db" for file in kept), kept
        for file in kept:
            content = file.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), f"{file} has a secret in it"


if __name__ == "__main__":
    main()
