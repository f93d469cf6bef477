"""What importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"anthropic", "asyncio", "concurrent", "dataclasses", "google", "httpx", "inspect", "logging", "openai"}
HEAVY |= {"pydantic", "requests", "socket", "ssl", "typing", "typing_extensions"}


def loaded(statement: str) -> set[str]:
    program = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    # Without the site module, whose .pth files import things of their own.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{program}"]
    return set(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import composio",
        "from composio import Composio, CustomTool, RemoteFile, SessionContext, before_execute",
        "from composio import Composio\nComposio(api_key='key')",
        "import composio_openai, composio_anthropic, composio_google",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    modules = loaded(statement)
    assert "composio" in modules
    assert not HEAVY & {name.partition(".")[0] for name in modules}


def test_every_public_name_is_there() -> None:
    import composio

    assert set(composio.__all__) <= set(dir(composio))
    for name in composio.__all__:
        getattr(composio, name)
    with pytest.raises(AttributeError, match="no attribute 'Toolset'"):
        composio.Toolset  # type: ignore[attr-defined]  # noqa: B018
