"""The mock backend, built from this workspace or named by `COMPOSIO_MOCK_BACKEND`."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


class Mock:
    """A running mock backend."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}"

    def control(self, path: str, body: object = None) -> Any:
        """Calls one of the mock's own endpoints."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/__mock/{path}", data) as reply:
            return json.load(reply)


def binary() -> str:
    if named := os.environ.get("COMPOSIO_MOCK_BACKEND"):
        return named
    build = ["cargo", "build", "--quiet", "--locked", "-p", "mock-backend", "--message-format=json"]
    output = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = map(json.loads, output.splitlines())
    return next(str(found) for message in messages if (found := message.get("executable")))


@pytest.fixture(scope="session")
def mock() -> Iterator[Mock]:
    command = [binary(), "--vectors", str(VECTORS), "--bench"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Mock(process.stdout.readline().strip())
        process.stdin.close()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSIO_API_KEY", "COMPOSIO_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
