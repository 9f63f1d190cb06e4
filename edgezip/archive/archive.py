"""`edgezip.Archive`: many files in one packed file, each of them readable on its own."""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import IO, TYPE_CHECKING, BinaryIO, Literal

from edgezip.archive import collect
from edgezip.archive.extraction import Report, Target, extract
from edgezip.archive.itself import leaving_out
from edgezip.archive.names import Selection, by_folder, clean, member_name
from edgezip.archive.opened import in_turns
from edgezip.archive.tars import as_format_error, holes, open_tar
from edgezip.archive.writing import write_archive
from edgezip.descriptors import descriptor_of, open_descriptor
from edgezip.errors import EdgezipError, InputError, LimitError, SettingsError
from edgezip.file import EdgezipFile
from edgezip.incremental import with_model
from edgezip.pipeline.options import PackOptions, PackReport, UnpackOptions
from edgezip.streams import byte_view

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    Name = str | os.PathLike[str]

MemberType = Literal["file", "folder", "link", "hard link", "other"]
MOST_HOLES = 1 << 30
"""Bytes of zeros that `Archive.read` makes of nothing if there is no limit."""
_MOST_LINKS = 40
_TYPES: dict[bytes, MemberType] = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hard link",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Attributes:
        name: relative, with slashes; a folder's has none at its end.
        size: bytes of content.
        type: what it is.
        mode: permission bits.
        mtime: seconds since 1970.
        owner, group: names, or numbers as text where there are none.
        target: what a link of either sort points to; empty for anything else.
        offset: where its content starts in the tar.
    """

    name: str
    size: int
    type: MemberType
    mode: int
    mtime: float
    owner: str
    group: str
    target: str
    offset: int


def mode_text(member: Member) -> str:
    """Type and permissions as `ls -l` writes them."""
    kinds = {"folder": stat.S_IFDIR, "link": stat.S_IFLNK, "other": stat.S_IFIFO}
    return stat.filemode(member.mode | kinds.get(member.type, stat.S_IFREG))


def _contents(members: Iterable[tarfile.TarInfo]) -> dict[str, tarfile.TarInfo]:
    """The last member of each name; of a hard link what its target was then."""
    found: dict[str, tarfile.TarInfo] = {}
    for info in members:
        target = found.get(clean(info.linkname)) if info.islnk() else None
        found[clean(info.name)] = target or info
    return found


def listed(members: Iterable[Member]) -> list[Member]:
    """Members by name, folder by folder; of several of one name the last one in the tar."""
    found = {clean(member.name): member for member in members}
    return [found[name] for name in sorted(found, key=by_folder)]


def describe(info: tarfile.TarInfo) -> Member:
    """A header of a tar as a `Member`."""
    kind = _TYPES.get(info.type, "file" if info.isreg() else "other")
    target = info.linkname if kind in ("link", "hard link") else ""
    owner, group = info.uname or str(info.uid), info.gname or str(info.gid)
    name = info.name.rstrip("/") or info.name
    return Member(
        name,
        info.size if kind == "file" else 0,
        kind,
        info.mode & 0o7777,
        float(info.mtime),
        owner,
        group,
        target,
        info.offset_data,
    )


class Archive:
    """An archive that is written (mode "w", "x") or read ("r").

        with edgezip.Archive("notes.tar.ez", "w") as archive:
            archive.add("notes")
        with edgezip.Archive("notes.tar.ez") as archive:
            print(archive.names())
            text = archive.read("notes/today.txt")
            archive.extract("restored")

    The content is a tar. Members are written when the archive is closed, like beside like; a file
    given by name comes into being under that name only then. Reading uses the heads of the frames,
    which say what members they hold, so that only those are decoded in which a wanted one lies;
    archives without (made by `tar -I edgezip`) and cut ones are decoded as far as needed.

    Threads may read from one archive at the same time: they take turns.

    Args:
        file: a name, or a binary file object, which is not closed; to read it must be seekable.
            Names of an open descriptor (`/dev/stdout`) are written where that stands.
        mode: "r", "w" (replaces a file) or "x" (refuses to).
        model: as `PackOptions.model` and `UnpackOptions.model`, which it overrides.
        options: `PackOptions` to write, `UnpackOptions` to read.
        frame_size: bytes of the tar after which a frame ends at the next member: about what has to
            be decoded for one member. None for 2/21 of the time that all takes, three times that
            for pictures, but 960 KiB to 4 MiB of one kind, and all of it up to 4 MiB; 16 MiB of the
            tar then end a frame too.
        rules: what is left out of folders, the order of members, and how headers are made.

    Raises:
        SettingsError: (a `ValueError`) an impossible mode, or options of the other direction.
        FormatError: the file is damaged or foreign.
    """

    def __init__(
        self,
        file: Name | BinaryIO,
        mode: Literal["r", "w", "x"] = "r",
        *,
        model: str | Path | None = None,
        options: PackOptions | UnpackOptions | None = None,
        frame_size: int | None = None,
        rules: collect.Rules | None = None,
    ) -> None:
        if mode not in ("r", "w", "x"):
            raise SettingsError(f"invalid mode {mode!r}: use r, w or x")
        self._mode = mode
        self._rules = rules or collect.Rules()
        self._frame_size = frame_size
        self._entries: list[collect.Entry] = []
        self._problems: list[tuple[str, str]] = []
        self._by_name: dict[str, tarfile.TarInfo] | None = None
        self._closed = False
        self.report: PackReport | None = None
        """What was packed; None before `close`."""
        if mode == "r":
            if options is not None and not isinstance(options, UnpackOptions):
                raise SettingsError("options must be UnpackOptions in this mode")
            self._reading = RLock()
            unpack = with_model(options or UnpackOptions(), model)
            self._limit = unpack.max_output
            self._content = EdgezipFile(file, "r", options=unpack)
            try:
                if not self._content.seekable():
                    raise SettingsError("an archive is read from a file that can be sought in")
                self._tar = open_tar(self._content)
            except BaseException:
                self._content.close()
                raise
        else:
            if options is not None and not isinstance(options, PackOptions):
                raise SettingsError("options must be PackOptions in this mode")
            self._file = file
            self._descriptor: int | None = None
            if isinstance(file, (str, os.PathLike)):
                self._descriptor = descriptor_of(os.fspath(file))
            output = file if self._descriptor is None else self._descriptor
            self._rules = leaving_out(self._rules, output)
            self._options = with_model(options or PackOptions(), model)
            if mode == "x" and isinstance(file, (str, os.PathLike)) and os.path.lexists(file):
                raise InputError(f"{os.fspath(file)} exists already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None or self._mode == "r":
            self.close()
        self._closed = True

    def _check(self, reading: bool) -> None:
        if self._closed:
            raise ValueError("I/O operation on closed archive")
        if reading != (self._mode == "r"):
            raise SettingsError(f"the archive is open to be {'read' if not reading else 'written'}")

    def add(self, path: Name, name: str | None = None) -> None:
        """Add a file, a link, or a folder with everything below it.

        Its content is read when the archive is closed.

        Args:
            path: where it is.
            name: what it is called in the archive; None for its path without what leads out of the
                working directory. Of several members of one name the last that was added is
                packed, with a warning when the archive is closed if they are not the same.

        Raises:
            OSError: it does not exist or cannot be read. What cannot be read below a folder is
                left out, with a warning (`RuntimeWarning`) when the archive is closed.
        """
        self._check(reading=False)
        path = os.fspath(path)
        mode = os.lstat(path).st_mode
        if name is not None:
            inner = member_name(name)
            if not inner and not stat.S_ISDIR(mode):
                raise SettingsError(f"{name!r} is no name for a member")
            name = inner
        self._entries += collect.from_path(path, name, self._rules, self._problem)

    def add_bytes(self, name: str, data: Buffer, mtime: float | None = None) -> None:
        """Add a file whose content is in memory.

        Args:
            name: what it is called in the archive, as for `add`.
            data: its content.
            mtime: seconds since 1970; None for now.
        """
        self._check(reading=False)
        when = int(time.time() if mtime is None else mtime)
        content = bytes(byte_view(data))
        self._entries.append(collect.from_bytes(name, content, self._rules, when))

    def _problem(self, path: str, message: str) -> None:
        self._problems.append((path, message))

    def names(self) -> list[str]:
        """The names of all members, each once, in the order of names; those that will be, if
        written."""
        return [member.name for member in self.members()]

    def members(self) -> list[Member]:
        """All members in the order of their names, folder by folder; of several of one name the
        last, which is the one that `read` gives and `extract` leaves.

        Raises:
            FormatError: the archive is damaged.
        """
        if self._mode != "r":
            found = [describe(entry.info) for entry in self._entries]
        else:
            self._check(reading=True)
            with self._reading, as_format_error():
                found = [describe(info) for info in self._tar.getmembers()]
        return listed(found)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members())

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def follow(self, name: str) -> Member:
        """The member of that name, or if it is a link the one that it leads to.

        Raises:
            KeyError, FormatError: as `open`.
        """
        return describe(self._found(name))

    def open(self, name: str) -> IO[bytes]:
        """The content of a file as a binary file that can be read and sought in.

        It may be as large as the archive claims, with the holes of a sparse file.

        Raises:
            KeyError: there is no such member, or it is a link to nothing.
            IsADirectoryError: it has no content.
            FormatError: the archive is damaged.
            LimitError: it is larger than `UnpackOptions.max_output`.
        """
        return self._open(name, self._found(name))

    def _open(self, name: str, info: tarfile.TarInfo) -> IO[bytes]:
        with self._reading, as_format_error():
            file = self._tar.extractfile(info)
        if file is None:
            raise IsADirectoryError(f"{name} has no content")
        if self._limit is not None and info.size > self._limit:
            raise LimitError(f"{name} has {info.size:,} bytes, and the limit is {self._limit:,}")
        return in_turns(file, self._reading)

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            LimitError: as `open`; or without a limit there are more than `MOST_HOLES` bytes in the
                holes of a sparse file, so that the archive need not be large.
            KeyError, IsADirectoryError, FormatError: as `open`.
        """
        info = self._found(name)
        if self._limit is None and holes(info) > MOST_HOLES:
            raise LimitError(
                f"{name} has {holes(info):,} bytes of holes; set max_output, or open it"
            )
        with self._open(name, info) as file, as_format_error():
            return file.read()

    def _found(self, name: str) -> tarfile.TarInfo:
        """The member that has the content of `name`, which may be a link of either sort."""
        self._check(reading=True)
        with self._reading, as_format_error():
            if self._by_name is None:
                self._by_name = _contents(self._tar.getmembers())
        info = self._by_name[clean(name)]
        for _ in range(_MOST_LINKS):
            if info.islnk():
                break
            if not info.issym():
                return info
            path = posixpath.join(posixpath.dirname(info.name), info.linkname)
            found = self._by_name.get(clean(posixpath.normpath(path)))
            if found is None:
                break
            info = found
        raise KeyError(f"{name} is a link to {info.linkname}, which is not there")

    def extract(
        self,
        path: Name = ".",
        names: Sequence[str] = (),
        *,
        strip: int = 0,
        overwrite: bool = False,
        report: Report | None = None,
    ) -> int:
        """Extract members below a folder, safely (`edgezip.archive.extraction`).

        Args:
            path: the folder; made if needed.
            names: members, folders or globs; none for everything.
            strip: parts of names that are left away at the front.
            overwrite: replace files that exist.
            report: called with the name of each member that is refused or cannot be written, and
                the error; the others are extracted all the same. Without, the first is raised.

        Returns:
            How many members were extracted.

        Raises:
            KeyError: one of `names` meets no member.
            FormatError: the archive is damaged, or a member is refused.
            InputError: a member cannot be written.
            LimitError: the files together would be larger than `UnpackOptions.max_output`.
        """
        self._check(reading=True)
        select = Selection(names)
        target = Target(os.fspath(path), strip, overwrite, max_output=self._limit)
        with self._reading, as_format_error():
            count = extract(self._tar, select, target, report or _raise)
        if select.missing:
            raise KeyError(f"not in the archive: {', '.join(select.missing)}")
        return count

    def close(self) -> None:
        """Write the archive, if it is one to be written. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._mode == "r":
            self._tar.close()
            self._content.close()
            return
        entries = collect.arranged(self._entries, self._rules.order, self._problem)
        if self._descriptor is not None:
            with open_descriptor(self._descriptor) as stream:
                self._write(entries, stream)
        elif isinstance(self._file, (str, os.PathLike)):
            from edgezip.atomic import AtomicFile

            with AtomicFile(self._file, overwrite=self._mode == "w") as output:
                self._write(entries, output.file)
                output.commit()
        else:
            self._write(entries, self._file)
        for path, message in self._problems:
            warnings.warn(f"{path}: {message}", RuntimeWarning, stacklevel=2)

    def _write(self, entries: Sequence[collect.Entry], target: BinaryIO) -> None:
        self.report = write_archive(
            entries, target, self._options, report=self._problem, frame_size=self._frame_size
        )


def _raise(name: str, error: EdgezipError) -> None:
    if not str(error).startswith("warning: "):
        raise type(error)(f"{name}: {error}")
