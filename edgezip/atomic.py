"""Output files that appear under their name only when they are complete.

The content goes to a temporary file in the same directory, created exclusively and with mode 0600.
`AtomicFile.commit` makes it durable (fsync of the file, then of the directory) and gives it its
name: with link(2), which fails if the name exists, or with rename(2) to replace what is there.
Anything else removes the temporary file. The method is that of xz and zstd after CVE-2021-24031.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from edgezip.errors import InputError

_PREFIX = ".edgezip-"
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_unfinished: set[str] = set()


class AtomicFile:
    """A new file under `path`, visible there only after `commit`.

    Attributes:
        path: the final name.
        file: where to write, a binary file open for reading and writing.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Create the temporary file.

        Raises:
            InputError: `path` exists and `overwrite` is false, or it is a directory or a device.
            OSError: the directory cannot be written.
        """
        self.path = Path(path)
        self._overwrite = overwrite
        self._check_target()
        self._temporary = str(self.path.parent / f"{_PREFIX}{secrets.token_hex(8)}.tmp")
        # Known before it exists: an interrupt at any point finds it.
        _unfinished.add(self._temporary)
        try:
            descriptor = os.open(self._temporary, _OPEN_FLAGS | getattr(os, "O_BINARY", 0), 0o600)
        except BaseException:
            self._forget()
            raise
        self.file: BinaryIO = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary file unless it was committed."""
        self.discard()

    def commit(self, like: os.stat_result | None = None) -> None:
        """Make the content durable and give the file its name.

        Args:
            like: mode, owner and times to copy (see `copy_metadata`); None for a new file's
                usual mode.

        Raises:
            InputError: the name exists by now and must not be replaced.
            OSError: the content or the name could not be written.
        """
        self.file.flush()
        if like is not None:
            copy_metadata(self.file.fileno(), like)
        else:
            os.chmod(self._temporary, 0o666 & ~_umask())
        os.fsync(self.file.fileno())
        self.file.close()
        if self._overwrite:
            self._check_target()
            os.replace(self._temporary, self.path)
        else:
            self._link()
        self.discard()
        _sync_directory(self.path.parent)

    def discard(self) -> None:
        """Close and remove the temporary file, if it is still there."""
        with contextlib.suppress(OSError):
            self.file.close()
        self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)
        _unfinished.discard(self._temporary)

    def _check_target(self) -> None:
        """Refuse early what `commit` would refuse later, and what must never be replaced."""
        try:
            mode = os.stat(self.path).st_mode
        except FileNotFoundError:
            if not self._overwrite and os.path.lexists(self.path):
                raise _exists(self.path) from None
            return
        if stat.S_ISDIR(mode):
            raise InputError(f"{self.path} is a directory")
        if not stat.S_ISREG(mode):
            raise InputError(f"{self.path} is not a regular file and is not replaced")
        if not self._overwrite:
            raise _exists(self.path)

    def _link(self) -> None:
        try:
            os.link(self._temporary, self.path)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            self._claim_and_replace()

    def _claim_and_replace(self) -> None:
        """For file systems without hard links: claim the name with an empty file, then replace."""
        name = str(self.path)
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise _exists(self.path) from None
        _unfinished.add(name)
        try:
            os.replace(self._temporary, name)
        except BaseException:
            os.unlink(name)
            raise
        finally:
            _unfinished.discard(name)


def remove_unfinished() -> None:
    """Remove every temporary file of this process. For the end of an interrupted program."""
    for name in list(_unfinished):
        with contextlib.suppress(OSError):
            os.unlink(name)
        _unfinished.discard(name)


def copy_metadata(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the owner, the permissions and the times of another, as far as allowed.

    Set-uid, set-gid and sticky bits are not copied. Where the group cannot be kept, the group's
    permissions are cut to those that everybody has, as xz does.
    """
    mode = stat.S_IMODE(like.st_mode) & 0o777
    if hasattr(os, "fchown"):
        # Only root may give files away. Others keep their own uid.
        with contextlib.suppress(OSError):
            os.fchown(descriptor, like.st_uid, -1)
        try:
            os.fchown(descriptor, -1, like.st_gid)
        except OSError:
            shared = (mode >> 3) & mode & 0o007
            mode = (mode & 0o700) | (shared << 3) | shared
    if os.utime in os.supports_fd:
        os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists already; use -f to overwrite it")


def _umask() -> int:
    """The file mode creation mask. There is no call that reads it without setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_directory(path: Path) -> None:
    """Make a new name durable, where the system lets a directory be synced."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
