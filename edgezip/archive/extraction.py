"""Members of a tar to files below a folder, and nowhere else.

What `tarfile`'s filter "data" refuses is refused: names that leave the folder, links that do,
devices and FIFOs; absolute names too, which it would shorten. Nothing is written through a symbolic
link (filters were bypassed that way: CVE-2025-4517). One refused member does not stop the others.
Permissions come back but for set-uid, set-gid and sticky bits; owners do not. Folders are known to
be real once they were made or looked at, so that no member costs the depth of its tree again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgezip.archive.attributes import nanoseconds, set_attributes, status
from edgezip.archive.names import clean, stripped
from edgezip.archive.tars import BROKEN
from edgezip.atomic import AtomicFile
from edgezip.errors import EdgezipError, FormatError, InputError, LimitError
from edgezip.sparse import SparseFile

Report = Callable[[str, EdgezipError], None]
"""Gets a member's name and why it is not there, or not as it should be."""
_CHUNK = 1 << 20
_PATH_MAX = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """Where members go.

    Attributes:
        root: folder; made if needed.
        strip: parts of names that are left away at the front; members without more are skipped.
        overwrite: replace files that exist; folders are used in any case.
        sparse: leave holes for zero bytes.
        max_output: bytes of all files together, holes counted as well; None for any.
    """

    root: str = "."
    strip: int = 0
    overwrite: bool = False
    sparse: bool = True
    max_output: int | None = None


def extract(
    archive: tarfile.TarFile,
    wanted: Callable[[str], bool],
    target: Target,
    report: Report,
    done: Callable[[str], None] = lambda name: None,
) -> int:
    """Extract the members that `wanted` picks by name; returns how many names that makes.

    Of several members of one name the last one stays, as everywhere.

    Args:
        archive: open to be read, also as a stream.
        wanted: whether a member of this name is meant.
        target: where to.
        report: is told of each member that is refused (`FormatError`) or cannot be written.
        done: is told of each that is there.

    Raises:
        FormatError: the archive is damaged. What was extracted before stays.
        LimitError: the files would be larger than the limit. What was extracted before stays.
        OSError: the disk is full or broken.
    """
    if not hasattr(tarfile, "data_filter"):
        raise InputError("safe extraction needs Python 3.11.4 or newer; use unpack --tar and tar")
    work = _Extraction(archive, target)
    os.makedirs(target.root, exist_ok=True)
    try:
        for member in _members(archive):
            work.saw(member)
            if not wanted(member.name):
                continue
            name = stripped(member.name, target.strip)
            if name is None:
                continue
            try:
                for problem in work.extract(member, name):
                    report(member.name, InputError(f"warning: {problem}"))
            except _Skipped:
                continue
            except _Refused as error:
                report(_shown(member.name), FormatError(str(error)))
            except InputError as error:
                report(_shown(member.name), error)
            except BROKEN as error:
                raise FormatError(f"damaged archive: {error}") from error
            else:
                done(member.name)
    finally:
        for path, problem in work.finish_folders():
            report(path, InputError(f"warning: {problem}"))
    return work.count


def _members(archive: tarfile.TarFile) -> Iterable[tarfile.TarInfo]:
    try:
        yield from archive
    except BROKEN as error:
        raise FormatError(f"damaged archive: {error}") from error


class _Refused(Exception):
    """A member is not extracted for what it is."""


class _Skipped(Exception):
    """A member is not extracted, and that was told before."""


class _Extraction:
    """The state of one extraction: folders whose permissions and times come at the end."""

    def __init__(self, archive: tarfile.TarFile, target: Target) -> None:
        self._archive = archive
        self._target = target
        self._root = os.path.realpath(target.root)
        self._folders: dict[str, tarfile.TarInfo] = {}
        self._made: set[str] = set()
        self._own: dict[str, str] = {}
        self._there: dict[str, str] = {}
        self._contents: dict[str, tarfile.TarInfo] = {}
        self._seekable = hasattr(archive.fileobj, "seekable")
        self._written = 0
        self._longest = _longest_path(self._root)
        self._cut_off = ""

    @property
    def count(self) -> int:
        """How many files, links and folders were extracted."""
        return len(self._own) + len(self._folders)

    def saw(self, member: tarfile.TarInfo) -> None:
        """Know a member again when a further link needs its content; `tarfile` would search."""
        if self._seekable:
            target = self._contents.get(clean(member.linkname)) if member.islnk() else None
            self._contents[clean(member.name)] = target or member

    def extract(self, member: tarfile.TarInfo, name: str) -> list[str]:
        """Extract a member as `name`; what did not work of its attributes."""
        path = os.path.join(self._root, name)
        self._check(member, path)
        with _naming(member.name):
            self._make_folders(os.path.dirname(path), name)
            if member.isdir():
                return self._folder(member, path)
            if member.issym():
                problems = self._symbolic_link(member, path)
            elif member.islnk():
                problems = self._hard_link(member, path)
            else:
                problems = self._file(member, path)
        self._own[path] = clean(member.name)
        if member.issym():
            return problems
        self._there[clean(member.name)] = path
        return problems

    def _check(self, member: tarfile.TarInfo, path: str) -> None:
        """Raise `_Refused` unless the member stays below the root; InputError if it cannot be."""
        if member.name.startswith(("/", os.sep)) or os.path.isabs(member.name):
            raise _Refused("refused: an absolute name")
        if ".." in member.name.split("/") or "\0" in member.name:
            raise _Refused("refused: a name that leaves the folder")
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise _Refused("refused: a device or FIFO")
        if len(os.fsencode(path)) >= self._longest:
            if self._cut_off and path.startswith(self._cut_off):
                raise _Skipped
            longer = f"its path would be longer than {self._longest - 1:,} bytes"
            if member.isdir():
                self._cut_off = os.path.join(path, "")
                longer += "; what lies below is left out with it"
            raise InputError(longer)
        if member.islnk():
            if member.linkname.startswith("/") or ".." in member.linkname.split("/"):
                raise _Refused("refused: a link that leaves the folder")
        elif member.issym():
            if len(os.fsencode(member.linkname)) >= self._longest:
                raise InputError(f"its target is longer than {self._longest - 1:,} bytes")
            if member.linkname.startswith(("/", os.sep)) or os.path.isabs(member.linkname):
                raise _Refused("refused: a link with an absolute target")
            if self._leads_out(os.path.dirname(path), member.linkname):
                raise _Refused("refused: a link that leaves the folder")
        if os.sep != "/":  # what else may stand in names is what `tarfile` knows
            try:
                tarfile.data_filter(member, self._root)
            except tarfile.FilterError as error:
                raise _Refused(f"refused: {error}") from error

    def _leads_out(self, folder: str, target: str) -> bool:
        """Whether a link in `folder`, below the root and without links in it, leads out."""
        path, there = folder, True
        for part in target.split("/"):
            if part == "..":
                path, there = os.path.dirname(path), True
            elif part not in {"", "."}:
                path = os.path.join(path, part)
                if there and path not in self._made:
                    if os.path.islink(path):
                        path = os.path.realpath(os.path.join(folder, target))
                        break
                    there = os.path.exists(path)
        return path != self._root and not path.startswith(os.path.join(self._root, ""))

    def _make_folders(self, folder: str, name: str) -> None:
        """Have `folder`, in which a member called `name` will be."""
        if folder in self._made:
            return
        path = self._root
        for part in name.split("/")[:-1]:
            path = os.path.join(path, part)
            self._make_folder(path)

    def _make_folder(self, path: str) -> None:
        if path in self._made:  # and no member takes the place of a folder
            return
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            os.mkdir(path)
            self._made.add(path)
            return
        if stat.S_ISLNK(mode):
            raise _Refused("refused: it would be written through a symbolic link")
        if not stat.S_ISDIR(mode):
            raise InputError(f"{path} exists already and is not a folder")
        self._made.add(path)

    def _folder(self, member: tarfile.TarInfo, path: str) -> list[str]:
        self._make_folder(path)
        self._folders[path] = member
        # What lies in it is written first; its own permissions may forbid that.
        os.chmod(path, 0o700)
        return []

    def _symbolic_link(self, member: tarfile.TarInfo, path: str) -> list[str]:
        self._place(member, path, lambda name: os.symlink(member.linkname, name))
        if os.utime in os.supports_follow_symlinks:
            time = nanoseconds(member)
            try:
                os.utime(path, ns=(time, time), follow_symlinks=False)
            except OverflowError as error:
                return [f"its times could not be kept: {error}"]
        return []

    def _hard_link(self, member: tarfile.TarInfo, path: str) -> list[str]:
        there = self._there.get(clean(member.linkname))
        if there is None:
            return self._file(member, path)
        try:
            self._place(member, path, lambda name: os.link(there, name, follow_symlinks=False))
        except OSError:
            return self._file(member, path)
        return []

    def _file(self, member: tarfile.TarInfo, path: str) -> list[str]:
        overwrite = self._may_replace(member, path)
        source = self._contents.get(clean(member.name), member)
        try:
            content = None if source.islnk() else self._archive.extractfile(source)
        except (KeyError, tarfile.StreamError):
            source, content = member, None
        if content is None:
            what = "not there" if source.islnk() else "no file"
            raise InputError(f"is a link to {member.linkname}, which is {what}")
        size = left = getattr(getattr(content, "raw", None), "size", source.size)
        self._take(member, size)
        if os.path.islink(path):
            os.unlink(path)
        with content, AtomicFile(path, overwrite=overwrite, durable=False) as output:
            file = SparseFile(output.file) if self._target.sparse else output.file
            while chunk := content.read(_CHUNK):
                file.write(chunk)
                left -= len(chunk)
            if left:
                raise FormatError(f"damaged archive: it ends inside of {member.name}")
            file.flush()
            problems = set_attributes(output.file.fileno(), member)
            own = os.fstat(output.file.fileno())
            return problems + output.commit(status(own, member))

    def _take(self, member: tarfile.TarInfo, size: int) -> None:
        """Count what is to be written. LimitError if it is too much."""
        limit = self._target.max_output
        if limit is not None and self._written + size > limit:
            raise LimitError(
                f"with {member.name} the output would exceed the limit of {limit} bytes; raise"
                " --max-output if you trust the file"
            )
        self._written += size

    def _may_replace(self, member: tarfile.TarInfo, path: str) -> bool:
        """Whether what there is at `path` may be replaced: with -f, or if it is an earlier member
        of this name. InputError for anything else that is there."""
        if self._target.overwrite or self._own.get(path) == clean(member.name):
            return True
        if os.path.lexists(path):
            raise InputError("exists already; use -f to overwrite it")
        return False

    def _place(self, member: tarfile.TarInfo, path: str, make: Callable[[str], None]) -> None:
        """Have `make` make a link at `path`; what was there stays until the link is."""
        if not self._may_replace(member, path) or not os.path.lexists(path):
            make(path)
            return
        beside = os.path.join(os.path.dirname(path), f".edgezip-{secrets.token_hex(8)}")
        make(beside)
        try:
            os.replace(beside, path)
        finally:  # it is still there, too, if both names are links to one file
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)

    def finish_folders(self) -> Iterable[tuple[str, str]]:
        """Give the folders their permissions and times, the innermost first; what did not work."""
        for path in sorted(self._folders, reverse=True):
            member = self._folders[path]
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError as error:
                yield path, error.strerror or str(error)
                continue
            try:
                yield from ((path, problem) for problem in set_attributes(descriptor, member))
                os.fchmod(descriptor, member.mode & 0o777)
                time = nanoseconds(member)
                os.utime(descriptor, ns=(time, time))
            except (OSError, OverflowError) as error:
                yield path, getattr(error, "strerror", None) or str(error)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _naming(name: str):  # type: ignore[no-untyped-def]
    """Turn what fails for one file into an `InputError`; a full disk stays what it is."""
    import errno

    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT}:
            raise
        raise InputError(f"cannot be written: {error.strerror or error}") from error


def _shown(name: str) -> str:
    """A name for a message; one that may be megabytes only begins."""
    return name if len(name) <= _PATH_MAX else f"{name[:100]}..."


def _longest_path(root: str) -> int:
    """Bytes of a path that no path reaches, with the zero byte behind it."""
    try:
        return os.pathconf(root, "PC_PATH_MAX")
    except (AttributeError, OSError, ValueError):
        return _PATH_MAX
