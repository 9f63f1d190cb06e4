"""Where compiled kernels are kept between processes, and what is believed of what lies there.

A kernel is machine code: whoever can write the file runs code as the user. So a folder and every
file in it must belong to this user (or to the system's administrator) and be writable by nobody
else, which is asked of the opened file itself. Each file begins with the SHA-256 of what follows: a
truncated or damaged one is a kernel that has to be compiled again, never an error. A folder that is
full or read-only is still read; what cannot be written there goes to the next one.

The folders, in this order: NUMBA_CACHE_DIR if it is set, else `edgezip` in the user's cache folder;
then `edgezip-<uid>`, with mode 0700, in the system's temporary folder. Behind them, and never
written from here, the folder that came with the package (`edgezip warm --package` fills it).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

_log = logging.getLogger(__name__)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_DIGEST_SIZE = 32
SUFFIX = ".kernel"


class Refused(Exception):
    """A folder or file that another user may write."""


def _private_group(status: os.stat_result) -> bool:
    """Whether the group is the owner's own, which Debian and others give to every user together
    with the right to write: then nobody else is meant."""
    import grp
    import pwd

    try:
        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except (KeyError, OSError):
        return False
    own = (group.gr_name, group.gr_gid) == (owner.pw_name, owner.pw_gid)
    return own and set(group.gr_mem) <= {owner.pw_name}


def _trust(what: Path, status: os.stat_result) -> None:
    """Raise `Refused` unless only this user or the administrator can write `what`."""
    if not hasattr(os, "geteuid"):  # Windows: the user's folders are the user's
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise Refused(f"{what} belongs to another user")
    writers = status.st_mode & _OTHERS_WRITE
    if writers and (writers != stat.S_IWGRP or not _private_group(status)):
        raise Refused(f"other users can write {what}")


def _user_id() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _prepared(parent: Path, name: str, private: bool) -> Path:
    """The folder `name` in `parent`, made if need be. Raises OSError or `Refused`."""
    folder = parent / name
    if private:  # others can write the folder above: it must be a folder, and ours
        with contextlib.suppress(FileExistsError):
            parent.mkdir(mode=0o700)
        status = parent.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise Refused(f"{parent} is no folder")
        _trust(parent, status)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _trust(folder, folder.stat())
    return folder


def _parents(chosen: str) -> Iterator[tuple[Path, bool]]:
    """Folders that a cache may lie in, and whether it has to be a private one."""
    if chosen:
        yield Path(chosen), False
    else:
        with contextlib.suppress(RuntimeError):  # no home at all
            path = user_cache_path("edgezip")
            # A home that is missing is not made.
            if path.parent.is_dir() or Path(os.path.expanduser("~")).is_dir():
                yield path, False
    with contextlib.suppress(OSError):  # no temporary folder either
        yield Path(tempfile.gettempdir()) / f"edgezip-{_user_id()}", True


@dataclass
class Store:
    """Kernels by name, in the folders that can be used. `problems` says what is wrong with those
    that cannot be used, and with files; the first of each kind is logged, one line. `shipped` is
    only read."""

    folders: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shipped: Path | None = None
    name: str = ""
    _told: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, chosen: str, name: str, shipped: Path | None = None) -> Store:
        """The store `name`; `chosen` is the user's choice of a folder, or empty. `shipped` holds
        stores that came with the package."""
        store = cls(name=name)
        if shipped is not None:
            store._use_shipped(shipped / name)
        for parent, private in _parents(chosen):
            try:
                store.folders.append(_prepared(parent, name, private))
            except Refused as error:
                store._tell("refused", f"compiled kernels are not kept there: {error}")
            except OSError as error:
                store.problems.append(str(error))
        if not store.folders:
            reason = store.problems[-1] if store.problems else "no folder for them"
            if store.shipped is None:
                store._tell("none", f"kernels are compiled anew in every process: {reason}")
            else:
                store.problems.append(f"what is missing cannot be kept: {reason}")
        return store

    def _use_shipped(self, folder: Path) -> None:
        try:
            status = folder.stat()
            _trust(folder, status)
        except Refused as error:
            text = f"the kernels of the package are not used: {error}"
            if status.st_mode & _OTHERS_WRITE:
                self._tell("shipped", text)
            else:  # another user's installation is no news at every call; `doctor` says it
                self.problems.append(text)
        except OSError:  # none for these sources
            return
        else:
            self.shipped = folder

    def _tell(self, kind: str, text: str) -> None:
        self.problems.append(text)
        if kind not in self._told:
            self._told.add(kind)
            _log.warning("%s", text)

    def read(self, name: str) -> bytes | None:
        """The kernel `name`, or None if there is no sound one."""
        for folder in self._readable():
            try:
                return _content(folder / (name + SUFFIX))
            except FileNotFoundError:
                continue
            except Refused as error:
                self._tell("refused", f"a compiled kernel is not used: {error}")
            except (OSError, ValueError) as error:
                self._tell("damaged", f"a damaged kernel is compiled anew: {error}")
        return None

    def _readable(self) -> list[Path]:
        return [*self.folders, *([self.shipped] if self.shipped else [])]

    def holds(self, name: str) -> bool:
        """Whether a file of a kernel is there; `name` is that of a store, "/", and the kernel."""
        return any((folder.parent / (name + SUFFIX)).is_file() for folder in self._readable())

    def damaged(self, name: str) -> None:
        """Say that the kernel `name` is not what it should be."""
        self._tell("damaged", f"a damaged kernel is compiled anew: {name}")

    def write(self, name: str, content: bytes) -> None:
        """Keep a kernel, in the first folder that takes it; if none does, that is no failure."""
        error: OSError | None = None
        for folder in self.folders:
            try:
                _replace(folder / (name + SUFFIX), content)
                return
            except OSError as problem:
                error = error or problem
        if error is not None:
            self._tell("unwritten", f"compiled kernels cannot be kept: {error}")

    def examine(self) -> tuple[int, int]:
        """How many kernels are sound, and how many files are not and were removed if possible."""
        sound = removed = 0
        for folder in self._readable():
            for path in sorted(folder.glob("*" + SUFFIX)):
                try:
                    _content(path)
                    sound += 1
                except (OSError, ValueError, Refused):
                    removed += 1
                    with contextlib.suppress(OSError):
                        path.unlink()
        return sound, removed

    def works(self) -> bool:
        """Whether something that is written comes back."""
        probe = f"probe-{os.getpid()}"
        self.write(probe, b"kernel")
        found = self.read(probe)
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / (probe + SUFFIX)).unlink()
        return found == b"kernel"


def _content(path: Path) -> bytes:
    """What the file holds. Raises OSError, `Refused`, or ValueError if it is damaged."""
    with path.open("rb") as file:
        _trust(path, os.fstat(file.fileno()))
        digest = file.read(_DIGEST_SIZE)
        content = file.read()
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(str(path))
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write the file so that it appears complete, under this name, or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
