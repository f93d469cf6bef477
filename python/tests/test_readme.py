"""Every Python program in the documentation runs as it is written."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from composio import Composio

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: pathlib.Path) -> list[str]:
    """A page's programs; one without an import goes on from the one before it."""
    found: list[str] = []
    for block in BLOCK.findall(page.read_text("utf-8")):
        found.append(block if "import " in block else found[-1] + block)
    return found


PROGRAMS = [
    pytest.param(program, id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, program in enumerate(programs(page))
]
SEED = """
# The shortest program of the vendor's own documentation.
from composio import Composio

composio = Composio()
session = composio.create(user_id="user_123")
tools = session.tools()
"""


def run(program: str, folder: pathlib.Path) -> str:
    """Runs a program in a folder and a home of its own, without a key."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSIO_")}
    environment |= {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", [*PROGRAMS, pytest.param(SEED, id="seed")])
def test_program(program: str, tmp_path: pathlib.Path) -> None:
    run(program, tmp_path)


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 3


def test_the_first_program_says_the_time(tmp_path: pathlib.Path) -> None:
    output = run(PROGRAMS[0].values[0], tmp_path)  # type: ignore[arg-type]
    assert "TIME_NOW" in output
    assert "Asia/Tokyo" in output
    assert output.count("None") == 1, "no error"


def test_the_configuration_is_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "composio.toml"
    file.write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SEARCH_TOKEN", "t")
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    paths = {"/user": {"get": {"operationId": "users/get-authenticated"}}}
    github = {"openapi": "3.0.3", "info": {"title": "GitHub", "version": "1"}, "paths": paths}
    (tmp_path / "github.json").write_text(
        json.dumps({**github, "servers": [{"url": "https://api.github.com"}]}), "utf-8"
    )
    with Composio(backend="embedded", config=file) as composio:
        toolkits = composio.create(user_id="ada").toolkits().items
    assert {"git", "search", "files", "github"} <= {toolkit.slug for toolkit in toolkits}
