"""Opening what is to be packed or unpacked, and removing it afterwards if that is wanted."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from edgezip import streams
from edgezip.cli.console import is_terminal
from edgezip.descriptors import descriptor_of, is_descriptor
from edgezip.errors import InputError

SUFFIX = ".ez"
STDIN = "-"


@dataclass(frozen=True, slots=True)
class InputRules:
    """What may be read, after xz.

    Attributes:
        special: FIFOs and devices are read as well (-f, -c or -o).
        removing: --rm was given, so links and set-uid files are refused.
        force: but not with -f.
    """

    special: bool = False
    removing: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """An open input.

    Attributes:
        name: as the user wrote it, "-" for stdin.
        file: open for reading.
        status: of the open file, None for stdin.
        opened: the same, also for stdin where it is a file; and where reading began.
    """

    name: str
    file: BinaryIO
    status: os.stat_result | None
    opened: tuple[os.stat_result, int] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of a regular file, None if that cannot be known before it is read."""
        if self.status is not None and stat.S_ISREG(self.status.st_mode):
            return self.status.st_size
        return None

    def changes(self, read: int) -> list[str]:
        """What to tell the user where a file did not stay as it was, or is not what it says.

        Files of /proc say that they are empty and are not, which says nothing.
        """
        if self.opened is None:
            return []
        status, start = self.opened
        if _state(os.fstat(self.file.fileno())) != _state(status):
            return [f"it changed while it was read; the {read:,} bytes that were read are packed"]
        if status.st_size not in (0, start + read):
            said = f"its size is said to be {status.st_size:,}"
            return [f"{read:,} bytes were read and packed; {said}"]
        return []

    @property
    def regular(self) -> os.stat_result | None:
        """The status if there are permissions and times worth keeping."""
        return self.status if self.size is not None else None

    def remove(self) -> None:
        """Remove the file, if its name still stands for it and it did not change meanwhile.

        Raises:
            InputError: it was replaced or written to; it is still there.
        """
        assert self.status is not None
        for now in (os.fstat(self.file.fileno()), os.stat(self.name)):
            if _state(now) != _state(self.status):
                raise InputError("was changed while it was read, so it is not removed")
        os.unlink(self.name)


class Snapshot:
    """A regular file up to the size that it had at first.

    A log may grow faster than it is packed, and would never end. Where the size is as it was when
    all of it is read, it is read on: the sizes of some file systems are lies.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        left = self._size - self._file.tell()
        if left > 0:
            return streams.read_some(self._file, min(size, left) if size >= 0 else left)
        grown = os.fstat(self._file.fileno()).st_size != self._size
        return b"" if grown else streams.read_some(self._file, size)

    def seekable(self) -> bool:
        """Whether the file can be read again."""
        return self._file.seekable()

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go to a position from the start."""
        return self._file.seek(position)


def snapshot(file: BinaryIO) -> BinaryIO:
    """`file` as a `Snapshot` if it is a regular file that says how large it is, else itself."""
    opened = _opened(file)
    return as_binary(Snapshot(file)) if opened is not None and opened[0].st_size > 0 else file


def _opened(file: BinaryIO) -> tuple[os.stat_result, int] | None:
    """Status and position of a regular file, None for anything else."""
    try:
        status = os.fstat(file.fileno())
        return (status, file.tell()) if stat.S_ISREG(status.st_mode) else None
    except (OSError, ValueError):
        return None


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def open_source(name: str, rules: InputRules, *, packed: bool = False) -> Iterator[Source]:
    """Open a file or stdin.

    Args:
        name: file, or "-".
        rules: what may be read.
        packed: the input should be a packed file, which nobody types on a terminal.

    Raises:
        InputError: a directory, a kind of file that `rules` refuse, or a terminal.
        OSError: it cannot be opened.
    """
    if name == STDIN:
        stdin = _stdin(packed)
        yield Source(name, stdin, None, _opened(stdin))
        return
    _check(name, os.stat(name), rules)
    with _open(name) as file:
        status = os.fstat(file.fileno())
        _check(name, status, rules)
        yield Source(name, file, status, _opened(file))


def read_source(name: str) -> bytes:
    """All of a file or stdin, for commands that work on one; errors have its name."""
    try:
        with open_source(name, InputRules(special=True)) as source:
            return streams.read_all(source.file)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _open(name: str) -> BinaryIO:
    try:
        return open(name, "rb")
    except OSError as error:
        number = descriptor_of(name)
        if error.errno != errno.ENXIO or number is None:
            raise
        # A socket cannot be opened again; it is read where it stands.
        return open(os.dup(number), "rb")


def _stdin(packed: bool) -> BinaryIO:
    if sys.stdin is None:
        raise InputError("stdin is closed")
    if packed and is_terminal(sys.stdin):
        raise InputError("packed data cannot be read from a terminal; name a file")
    return sys.stdin.buffer


def _check(name: str, status: os.stat_result, rules: InputRules) -> None:
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        raise InputError("is a directory")
    if not stat.S_ISREG(mode) and not rules.special:
        raise InputError("is not a regular file; use -c, -o or -f to read it all the same")
    if rules.removing and is_descriptor(name):
        # Behind the name may be a file, but the name is the system's.
        raise InputError("is an open descriptor and cannot be removed; leave --rm out")
    if not rules.removing or rules.force:
        return
    if os.path.islink(name):
        raise InputError("is a symbolic link; use -f to pack its target and remove the link")
    if status.st_nlink > 1:
        raise InputError(f"has {status.st_nlink} hard links; use -f to remove this one")
    if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise InputError("has the set-uid, set-gid or sticky bit; use -f to lose it")


def packed_name(name: str, force: bool) -> str:
    """The name of the packed file for `name`. InputError if it seems to be packed already."""
    if name.endswith(SUFFIX) and not force:
        raise InputError(f"ends in {SUFFIX} already; use -f or -o to pack it again")
    return name + SUFFIX


def unpacked_name(name: str) -> str:
    """The name of the content of `name`. InputError if it cannot be known."""
    base = os.path.basename(name)
    if not base.endswith(SUFFIX) or base == SUFFIX:
        raise InputError(f"does not end in {SUFFIX}; name the output with -o, or use -c")
    return name[: -len(SUFFIX)]


def as_binary(file: object) -> BinaryIO:
    """`file`, which has the methods of a binary file that are needed."""
    return cast(BinaryIO, file)
