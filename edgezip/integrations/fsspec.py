"""The members of an archive as files for fsspec, which finds this by its entry point:
`fsspec.open("eztar://notes/today.txt::https://.../notes.tar.ez")`."""

from __future__ import annotations

from threading import RLock
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import fsspec
from fsspec.archive import AbstractArchiveFileSystem

from edgezip.archive.archive import Archive
from edgezip.archive.names import clean
from edgezip.pipeline.options import UnpackOptions

if TYPE_CHECKING:
    _FileSystem = Any
else:
    _FileSystem = AbstractArchiveFileSystem

PROTOCOL = "eztar"


class ArchiveFileSystem(_FileSystem):  # type: ignore[misc, unused-ignore]
    """An archive, read-only. Only those frames are read and decoded that hold what is opened.
    Threads may share it.

    Args:
        fo: a URL that fsspec knows, or a binary file that can be sought in.
        target_protocol: of the URL, if it does not say.
        target_options: of the file system that it is on.
        options: as of `edgezip.Archive`.
    """

    protocol = PROTOCOL
    root_marker = ""
    cachable = False

    def __init__(
        self,
        fo: str | BinaryIO = "",
        target_protocol: str | None = None,
        target_options: dict[str, Any] | None = None,
        options: UnpackOptions | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._opened: Any = None
        if isinstance(fo, str):
            self._opened = fsspec.open(fo, "rb", protocol=target_protocol, **(target_options or {}))
            fo = self._opened.open()
        self.fo = fo
        self._archive = Archive(fo, options=options)
        self.dir_cache: dict[str, dict[str, Any]] | None = None
        self._names: dict[str, str] = {}
        """What members are called in the archive, by their paths."""
        self._lock = RLock()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path)
        return stripped.strip("/")

    def _get_dirs(self) -> None:
        with self._lock:
            if self.dir_cache is None:
                self.dir_cache = self._entries()

    def _entries(self) -> dict[str, dict[str, Any]]:
        # Tars of other programs have names like "./a" and "/a", and paths of fsspec never.
        names = [member.name for member in self._archive.members()]
        self._names = {path: name for name in names if (path := clean(name).strip("/"))}
        found = {path: self._described(path) for path in self._names}
        return {
            name: {"name": name, "size": 0, "type": "directory"}
            for name in self._all_dirnames(found)
        } | found

    def _described(self, path: str) -> dict[str, Any]:
        try:
            member = self._archive.follow(self._names[path])
        except KeyError:  # a link to nothing
            return {"name": path, "size": 0, "type": "other"}
        kind = {"file": "file", "folder": "directory"}.get(member.type, "other")
        return {"name": path, "size": member.size, "type": kind, "mtime": member.mtime}

    def _open(self, path: str, mode: str = "rb", **_more: Any) -> IO[bytes]:
        if mode != "rb":
            raise ValueError("an archive is read only")
        if self.info(path)["type"] != "file":
            raise FileNotFoundError(path)
        file: Any = self._archive.open(self._names[path])
        file.size = self.info(path)["size"]  # what fsspec asks files for
        return file  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the archive, and its file if this opened it."""
        self._archive.close()
        if self._opened is not None:
            self._opened.close()
