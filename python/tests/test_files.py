"""Files: what the vectors cannot show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from composio import AsyncComposio, Composio, RemoteFile, before_file_upload
from composio.aio import AsyncRemoteFile
from composio.exceptions import (
    BlockedInternalUrlError,
    FileUploadAbortedError,
    FileUploadPathNotAllowedError,
    UnsafePathComponentError,
    ValidationError,
)
from composio.modifiers import approve_upload, judged, upload_hooks
from conftest import Mock

FIELDS: dict[str, Any] = {
    "expires_at": "2030-01-01T00:00:00Z",
    "mount_relative_path": "in/a.txt",
    "sandbox_mount_prefix": "/mnt/files",
    "download_url": "http://127.0.0.1:9/a.txt?signature=x",
}


def test_a_remote_file_made_by_hand_fetches_without_a_session(tmp_path: Path) -> None:
    file = RemoteFile(**FIELDS)
    assert file.filename == "a.txt"
    assert RemoteFile.from_api_response({**FIELDS, "more": 1}).download_url == FIELDS["download_url"]
    for fetch in (file.buffer, file.text, lambda: file.save(tmp_path)):
        # There is no public server to ask here; that the address is refused shows that it was going to be asked.
        with pytest.raises(BlockedInternalUrlError) as raised:
            fetch()
        assert "signature" not in str(raised.value)
    with pytest.raises(UnsafePathComponentError):
        RemoteFile(**{**FIELDS, "mount_relative_path": "in/.."}).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_so_does_an_asynchronous_one() -> None:
    with pytest.raises(BlockedInternalUrlError):
        asyncio.run(AsyncRemoteFile(**FIELDS).buffer())


def test_both_forms_of_an_upload_modifier() -> None:
    seen: list[Any] = []

    @before_file_upload
    def new(context: dict[str, str]) -> None:
        seen.append(context)

    @before_file_upload(toolkits=["gmail"])
    def old(path: str, tool: str, toolkit: str) -> str:
        seen.append((path, tool, toolkit))
        return path + ".gz"

    @before_file_upload(tools=["OTHER"])
    def other(context: dict[str, str]) -> bool:
        return False

    path: str | None = "https://example.com/a"
    for hook in upload_hooks([new, old, other], "GMAIL_SEND_EMAIL", "gmail"):
        assert path is not None
        path = judged(path, hook(path))
    assert path == "https://example.com/a.gz"
    context = {"path": "https://example.com/a", "source": "url", "tool": "GMAIL_SEND_EMAIL", "toolkit": "gmail"}
    assert seen == [context, ("https://example.com/a", "GMAIL_SEND_EMAIL", "gmail")]
    assert approve_upload("a", [new]) == "a"
    with pytest.raises(FileUploadAbortedError):
        approve_upload("a", [before_file_upload(lambda context: False)])


def test_an_asyncio_session_awaits_its_upload_modifiers(mock: Mock) -> None:
    run = mock.control("runs", {"vector": "auto_files/modifier"})

    @before_file_upload
    async def another(context: dict[str, str]) -> Path:
        await asyncio.sleep(0)
        return Path(context["path"]).with_name("b.txt")

    async def play() -> Any:
        async with AsyncComposio(**run["client"]) as composio:
            session = await composio.create("user_1")
            await session.tools()
            arguments = {"attachment": f"{run['folder']}/a.txt"}
            return await session.execute_tool_call("GMAIL_SEND_EMAIL", arguments, [another])

    assert asyncio.run(play()).successful
    assert mock.control(f"runs/{run['run']}")["ok"]


def test_no_folder_is_false_too(mock: Mock) -> None:
    run = mock.control("runs", {"vector": "auto_files/no_folder"})
    with Composio(**{**run["client"], "file_upload_dirs": False}) as composio:
        session = composio.create("user_1")
        with pytest.raises(FileUploadPathNotAllowedError):
            session.execute("GMAIL_SEND_EMAIL", {"attachment": f"{run['folder']}/a.txt"})
    with pytest.raises(ValidationError):
        Composio(**{**run["client"], "file_upload_dirs": True})


def test_folders_may_be_paths(mock: Mock) -> None:
    run = mock.control("runs", {"vector": "auto_files/upload"})
    folder = Path(run["folder"])
    options = {**run["client"], "file_upload_dirs": [folder], "file_download_dir": folder}
    with Composio(**options) as composio:
        session = composio.create("user_1")
        session.execute("GMAIL_SEND_EMAIL", {"subject": "x", "attachment": str(folder / "a.txt")})
    assert mock.control(f"runs/{run['run']}")["ok"]
