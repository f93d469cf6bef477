"""A session's files."""

from __future__ import annotations

from composio.models import FileDeleteResponse, FileListResponse
from composio.modifiers import approve_upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from typing import Any, Protocol

    from typing_extensions import Self

    from composio import _native
    from composio.modifiers import Modifier
    from composio.types import FileInput

    class Downloads(Protocol):
        """What fetches a file: a session or, for a file that belongs to none, the native module."""

        def file_content(self, download_url: str) -> _native.Call[bytes]: ...
        def save_file(
            self, download_url: str, mount_path: str, to: str | PathLike[str] | None
        ) -> _native.Call[str]: ...


DEFAULT_MOUNT = "files"


class RemoteFileBase:
    """Where a file of the mount is, and for how long its URL works."""

    def __init__(
        self,
        *,
        expires_at: str,
        mount_relative_path: str,
        sandbox_mount_prefix: str,
        download_url: str,
        session: _native.Session | None = None,
    ) -> None:
        self.expires_at = expires_at
        self.mount_relative_path = mount_relative_path
        self.sandbox_mount_prefix = sandbox_mount_prefix
        self.download_url = download_url
        self._session = session

    @classmethod
    def from_api_response(cls, data: Mapping[str, Any], session: _native.Session | None = None) -> Self:
        """The file that the backend's answer describes."""
        names = ("expires_at", "mount_relative_path", "sandbox_mount_prefix", "download_url")
        return cls(**{name: data[name] for name in names}, session=session)

    @property
    def filename(self) -> str:
        """The last part of the path."""
        return self.mount_relative_path.replace("\\", "/").rpartition("/")[2]

    def _source(self) -> Downloads:
        # Made by hand the file belongs to no client, and so to no backend that may be on this machine.
        if self._session is not None:
            return self._session
        from composio import _native

        return _native

    def __repr__(self) -> str:
        # The URL is a credential.
        return f"{type(self).__name__}({self.mount_relative_path!r}, expires_at={self.expires_at!r})"


class RemoteFile(RemoteFileBase):
    """A file of a session's mount.

    One that is made by hand works too, unless its URL is of this machine or its network.

    >>> file = RemoteFile(
    ...     expires_at="2030-01-01T00:00:00Z",
    ...     mount_relative_path="reports/q1.pdf",
    ...     sandbox_mount_prefix="/mnt/files",
    ...     download_url="https://files.example/q1.pdf?signature=x",
    ... )
    >>> file
    RemoteFile('reports/q1.pdf', expires_at='2030-01-01T00:00:00Z')
    >>> file.filename
    'q1.pdf'
    """

    def buffer(self) -> bytes:
        """The content, at most 100 MiB.

        Raises:
            RemoteFileDownloadError: The download failed, for one because the URL has expired.
            ResponseTooLargeError: The file is larger.
        """
        return self._source().file_content(self.download_url).wait()

    def text(self) -> str:
        """The content as UTF-8 text."""
        return self.buffer().decode()

    def save(self, path: str | PathLike[str] | None = None) -> str:
        """Saves the file and gives the absolute path.

        Args:
            path: A file, or a folder that exists; by default the working folder. In a folder the file keeps its remote
                name, and an existing file is not overwritten but the new one numbered.

        Raises:
            UnsafePathComponentError: The remote name cannot name a file here.
            FileError: The file could not be written.
        """
        return self._source().save_file(self.download_url, self.mount_relative_path, path).wait()


class ToolRouterSessionFilesMount:
    """The files that a session's sandbox sees too."""

    def __init__(self, session: _native.Session) -> None:
        self._session = session

    def list(
        self,
        *,
        path: str | None = None,
        mount_id: str = DEFAULT_MOUNT,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> FileListResponse:
        """A page of files below `path`, at most `limit` (1 to 500)."""
        options = {"path": path, "cursor": cursor, "limit": limit}
        return FileListResponse(self._session.list_files(mount_id, options).wait())

    def upload(
        self,
        input: FileInput,
        *,
        remote_path: str | None = None,
        mimetype: str | None = None,
        mount_id: str = DEFAULT_MOUNT,
        modifiers: Sequence[Modifier] | None = None,
    ) -> RemoteFile:
        """Uploads a file by its path or public URL, or bytes under `remote_path`; at most 100 MiB.

        `before_file_upload` modifiers may change or refuse the path.

        Raises:
            SDKFileNotFoundError: There is no file at the path.
            UnsafePathComponentError: The remote path would leave the mount.
            ErrorUploadingFile: The upload failed.
        """
        input = approve_upload(input, modifiers)
        reply = self._session.upload_file(mount_id, input, remote_path, mimetype).wait()
        return RemoteFile.from_api_response(reply, self._session)

    def download(self, file_path: str, *, mount_id: str = DEFAULT_MOUNT) -> RemoteFile:
        """A file of the mount; its content is fetched by `buffer`, `text` or `save`."""
        return RemoteFile.from_api_response(self._session.download_file(mount_id, file_path).wait(), self._session)

    def delete(self, remote_path: str, *, mount_id: str = DEFAULT_MOUNT) -> FileDeleteResponse:
        """Removes a file."""
        return FileDeleteResponse(self._session.delete_file(mount_id, remote_path).wait())
