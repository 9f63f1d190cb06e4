"""Output files that appear under their name only when they are complete.

The content goes to a temporary file in the same directory, created exclusively and with mode 0600.
`AtomicFile.commit` makes it durable (fsync of the file, then of the directory) and gives it its
name: with link(2), which fails if the name exists, or with rename(2) to replace what is there.
Anything else removes the temporary file. The method is that of xz and zstd after CVE-2021-24031.

Everything but the name is done through the descriptor, and a name is only given to the file that
was written: in a directory that others can write, a name may stand for another file by now.

Not every file system can do all of that (FAT, CIFS, FUSE). What it refuses to do with complete
content is done in another way or told to the caller: only a full or broken disk, or a name that is
taken, are reasons to give up the content.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from edgezip.errors import InputError

_PREFIX = ".edgezip-"
_FATAL = {errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}
_OPEN_FLAGS = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_unfinished: set[str] = set()


class AtomicFile:
    """A new file under `path`, visible there only after `commit`.

    Attributes:
        path: the final name.
        file: where to write, a binary file open for reading and writing.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, durable: bool = True
    ) -> None:
        """Create the temporary file.

        Args:
            path: the final name.
            overwrite: replace a file of that name.
            durable: wait until the disk has it; without, a power failure may leave it empty.

        Raises:
            InputError: `path` exists and `overwrite` is false, or it is a directory or a device.
            OSError: the directory cannot be written.
        """
        self.path = Path(path)
        # The program may change its working directory before the file is complete.
        self._final = os.path.abspath(self.path)
        self._overwrite = overwrite
        self._durable = durable
        self._check_target()
        self.file = self._create(f"{_PREFIX}{secrets.token_hex(8)}.tmp")

    def _create(self, name: str) -> BinaryIO:
        self._temporary = os.path.join(os.path.dirname(self._final), name)
        # Known before it exists: an interrupt at any point finds it.
        _unfinished.add(self._temporary)
        try:
            descriptor = os.open(self._temporary, _OPEN_FLAGS, 0o600)
        except OSError as error:
            _forget(self._temporary)
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL) and name.startswith(_PREFIX):
                # MS-DOS has eight characters and an extension of three.
                return self._create(f"ez{secrets.token_hex(3)}.tmp")
            raise
        except BaseException:
            _forget(self._temporary)
            raise
        return os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary file unless it was committed."""
        self.discard()

    def commit(self, like: os.stat_result | None = None) -> list[str]:
        """Make the content durable and give the file its name.

        Args:
            like: mode, owner and times to copy (see `copy_metadata`); None for a new file's
                usual mode.

        Returns:
            What the file system refused to do besides, one line each.

        Raises:
            InputError: the name exists by now and must not be replaced; or the file system gives
                the file no name at all, and the message says where the content is.
            OSError: the disk is full or broken.
        """
        self.file.flush()
        problems = self._finish(self.file, like)
        if not self._is_here(self._temporary):
            self._copy(like, problems)
        elif self._overwrite:
            self._replace(like, problems)
        else:
            self._link(like, problems)
        if not self._is_here(self._final):
            raise InputError(f"somebody else has exchanged {self.path} while it was written")
        self.discard()
        if os.path.lexists(self._temporary):
            problems.append(f"the temporary file {self._temporary} could not be removed")
        if self._durable:
            _sync_directory(os.path.dirname(self._final))
        return problems

    def discard(self) -> None:
        """Close and remove the temporary file, if it is still there."""
        with contextlib.suppress(OSError):
            self.file.close()
        _forget(self._temporary)

    def _check_target(self) -> None:
        """Refuse early what `commit` would refuse later, and what must never be replaced."""
        try:
            mode = os.stat(self._final).st_mode
        except FileNotFoundError:
            if not self._overwrite and os.path.lexists(self._final):
                raise _exists(self.path) from None
            return
        if stat.S_ISDIR(mode):
            raise InputError(f"{self.path} is a directory")
        if not stat.S_ISREG(mode):
            raise InputError(f"{self.path} is not a regular file and is not replaced")
        if not self._overwrite:
            raise _exists(self.path)

    def _finish(self, file: BinaryIO, like: os.stat_result | None) -> list[str]:
        """Give an open file its metadata and put it on the disk; what is refused of that."""
        descriptor = file.fileno()
        if like is None:
            problems = _set_mode(descriptor, 0o666 & ~_umask())
        else:
            problems = copy_metadata(descriptor, like)
        try:
            if self._durable:
                os.fsync(descriptor)
        except OSError as error:
            _raise_if_fatal(error)
            problems.append(f"it is not safe from a power failure yet: {error.strerror}")
        return problems

    def _is_here(self, name: str) -> bool:
        """Whether `name` stands for the file that was written, or for the copy of it."""
        try:
            found = os.lstat(name)
        except OSError:
            return False
        own = os.fstat(self.file.fileno())
        # Some network file systems number one file differently at every look.
        return os.path.samestat(found, own) or _look(found) == _look(own)

    def _link(self, like: os.stat_result | None, problems: list[str]) -> None:
        """Give the file its name unless that is taken."""
        try:
            os.link(self._temporary, self._final)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            _raise_if_fatal(error)
            self._claim_and_replace(like, problems)

    def _replace(self, like: os.stat_result | None, problems: list[str]) -> None:
        """Give the file its name in place of what has it."""
        self._check_target()
        try:
            os.replace(self._temporary, self._final)
        except OSError as error:
            _raise_if_fatal(error)
            self._copy(like, problems)

    def _claim_and_replace(self, like: os.stat_result | None, problems: list[str]) -> None:
        """For file systems without hard links: claim the name with an empty file, then replace."""
        with self._claimed() as claim:
            try:
                os.replace(self._temporary, self._final)
            except OSError as error:
                _raise_if_fatal(error)
                self._fill(claim, like, problems)

    def _copy(self, like: os.stat_result | None, problems: list[str]) -> None:
        """For file systems that do not rename, and where the temporary file's name was taken away:
        copy the content into a new file of the final name."""
        if self._overwrite:
            try:
                os.unlink(self._final)
            except FileNotFoundError:
                pass
            except OSError:
                self._write_over(like, problems)
                return
        with self._claimed() as claim:
            self._fill(claim, like, problems)

    def _write_over(self, like: os.stat_result | None, problems: list[str]) -> None:
        """For names that stay: a single file that is mounted into a container, for instance."""
        flags = os.O_RDWR | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with self._kept(), os.fdopen(os.open(self._final, flags), "w+b") as file:
            self._fill(file, like, problems)

    @contextlib.contextmanager
    def _claimed(self) -> Iterator[BinaryIO]:
        """A new file of the final name; removed if the block fails."""
        try:
            with self._kept():
                descriptor = os.open(self._final, _OPEN_FLAGS, 0o600)
        except FileExistsError:
            raise _exists(self.path) from None
        _unfinished.add(self._final)
        try:
            with os.fdopen(descriptor, "w+b") as claim:
                yield claim
        except BaseException:
            _forget(self._final)
            raise
        finally:
            _unfinished.discard(self._final)

    def _fill(self, claim: BinaryIO, like: os.stat_result | None, problems: list[str]) -> None:
        """Copy the content into `claim`, which takes the place of the temporary file."""
        self.file.seek(0)
        with self._kept():
            shutil.copyfileobj(self.file, claim)
            claim.flush()
            problems[:] = self._finish(claim, like)
        self.file.close()
        self.file = os.fdopen(os.dup(claim.fileno()), "r+b")

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Where the block fails, keep the temporary file, which is complete, and say where it is.

        Raises:
            FileExistsError: as it came, for the caller.
        """
        try:
            yield
        except FileExistsError:
            raise
        except OSError as error:
            if not self._is_here(self._temporary):
                raise
            _unfinished.discard(self._temporary)
            kept, self._temporary = self._temporary, ""
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot write {self.path} ({reason}); the complete output is in {kept}"
            ) from error


def remove_unfinished() -> None:
    """Remove every temporary file of this process. For the end of an interrupted program."""
    for name in list(_unfinished):
        _forget(name)


def copy_metadata(descriptor: int, like: os.stat_result) -> list[str]:
    """Give an open file the owner, the permissions and the times of another, as far as allowed.

    Set-uid, set-gid and sticky bits are not copied. Where the group cannot be kept, the group's
    permissions are cut to those that everybody has, as xz does.

    Returns:
        What the file system refused, one line each. Who may not give files away is not told so.
    """
    mode = stat.S_IMODE(like.st_mode) & 0o777
    problems = []
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
        try:
            os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
        except (OSError, OverflowError) as error:
            problems.append(f"its times could not be kept: {_reason(error)}")
    return problems + _set_mode(descriptor, mode)


def _set_mode(descriptor: int, mode: int) -> list[str]:
    if hasattr(os, "fchmod"):
        try:
            os.fchmod(descriptor, mode)
        except OSError as error:
            return [f"its permissions could not be set: {_reason(error)}"]
    return []


def _look(status: os.stat_result) -> tuple[int, int, int, int]:
    return stat.S_IFMT(status.st_mode), status.st_uid, status.st_size, status.st_mtime_ns


def _raise_if_fatal(error: OSError) -> None:
    """Raise `error` again if it says that the content did not arrive, or will not stay."""
    if error.errno in _FATAL:
        raise error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _forget(name: str) -> None:
    """Remove a temporary file if it is there."""
    with contextlib.suppress(OSError):
        os.unlink(name)
    _unfinished.discard(name)


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists already; use -f to overwrite it")


def _umask() -> int:
    """The file mode creation mask. There is no call that reads it without setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_directory(path: str) -> None:
    """Make a new name durable, where the system lets a directory be synced."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        _raise_if_fatal(error)
    finally:
        os.close(descriptor)
