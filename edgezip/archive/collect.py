"""What goes into an archive: the files below folders, each as a header of a tar."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from edgezip.archive import kinds
from edgezip.archive.names import NO_MEMBER, by_folder, is_excluded, member_name
from edgezip.errors import SettingsError

Order = Literal["kind", "name"]
Report = Callable[[str, str], None]
"""Gets a file's name and what is wrong with it; the file is left out."""
XATTR = "SCHILY.xattr."
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """How files become members.

    Attributes:
        exclude: patterns of names that are left out, as tar's --exclude.
        order: "kind" puts files of one kind beside each other, equal ones above all; "name" sorts.
        owner, group: (name, number) for all members; None for the files' own.
        mtime: seconds since 1970 for all members; None for the files' own, to the nanosecond.
        skipped: devices and inodes of files that are left out without a word, as the archive.
        own: the `place` of the archive: of several hard links to a file in `skipped` only the one
            there is left out. None for all of them.
    """

    exclude: tuple[str, ...] = ()
    order: Order = "kind"
    owner: tuple[str, int] | None = None
    group: tuple[str, int] | None = None
    mtime: int | None = None
    skipped: frozenset[tuple[int, int]] = frozenset()
    own: str | None = None

    def __post_init__(self) -> None:
        """Raise `SettingsError` for an order that there is not."""
        if self.order not in ("kind", "name"):
            raise SettingsError(f"order must be kind or name, not {self.order!r}")

    def skips(self, path: str, status: os.stat_result) -> bool:
        """Whether a file is left out without a word."""
        if (status.st_dev, status.st_ino) not in self.skipped:
            return False
        return self.own is None or status.st_nlink < 2 or place(path) == self.own


def place(path: str) -> str:
    """A path by its real folder. A link at its end is not followed."""
    folder, base = os.path.split(path)
    return os.path.join(os.path.realpath(folder), base)


@dataclass(slots=True)
class Entry:
    """A member to be.

    Attributes:
        info: its header; for a file the size that it had.
        path: where the content is, None if there is none or it is in `data`. A further link to a
            file keeps it.
        data: the content if it is in memory.
        twins: a number that files with the same content share.
        kind: of content, by which members are arranged.
        status: of the file on disk, if it comes from one.
    """

    info: tarfile.TarInfo
    path: str | None = None
    data: bytes | None = None
    twins: int | None = None
    kind: int = kinds.FOLDERS
    status: os.stat_result | None = field(default=None, repr=False)

    @property
    def header(self) -> bytes:
        """The blocks before the content."""
        return self.info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

    @property
    def content_size(self) -> int:
        """Bytes of content, without what fills the last block."""
        return self.info.size if self.info.isreg() else 0

    @property
    def blocks_size(self) -> int:
        """Bytes that header and content take in the tar."""
        return len(self.header) + -(-self.content_size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

    def become_file(self) -> None:
        """Have the content, if this is a further link to a file whose first name is gone."""
        assert self.status is not None
        self.info.type, self.info.linkname = tarfile.REGTYPE, ""
        self.info.size = self.status.st_size


def from_bytes(name: str, data: bytes, rules: Rules, mtime: int = 0) -> Entry:
    """A member that is a file of mode 0644 with the content `data`."""
    info = tarfile.TarInfo(member_name(name))
    if not info.name:
        raise SettingsError(f"{name!r} is no name for a member")
    info.size, info.mode, info.mtime = len(data), 0o644, mtime
    _normalise(info, rules)
    return Entry(info, data=data, kind=kinds.kind_of(name, data[: kinds.SNIFFED]))


def from_path(path: str, name: str | None, rules: Rules, report: Report) -> Iterator[Entry]:
    """A file as a member; a folder with everything below it.

    Args:
        path: where it is.
        name: the member's name, None for the path's. What is below an empty name has its own.
        rules: what is left out, and how headers are made.
        report: is told of what cannot be read, and of sockets, FIFOs and devices.
    """
    # Not by recursion: folders may be deeper than calls.
    waiting = [(path, member_name(path) if name is None else name)]
    while waiting:
        path, name = waiting.pop()
        try:
            status = os.lstat(path)
        except OSError as error:
            report(path, error.strerror or str(error))
            continue
        if rules.skips(path, status):
            continue
        if name:
            entry = _entry(path, name, status, rules, report)
            if entry is None:
                continue
            yield entry
        if stat.S_ISDIR(status.st_mode):
            waiting += reversed(_below(path, name, rules, report))


def _below(path: str, name: str, rules: Rules, report: Report) -> list[tuple[str, str]]:
    """Paths and names of what lies in a folder."""
    try:
        found = sorted(os.listdir(path))
    except OSError as error:
        report(path, error.strerror or str(error))
        return []
    named = ((os.path.join(path, base), f"{name}/{base}" if name else base) for base in found)
    return [(below, inner) for below, inner in named if not is_excluded(inner, rules.exclude)]


def _entry(
    path: str, name: str, status: os.stat_result, rules: Rules, report: Report
) -> Entry | None:
    mode = status.st_mode
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(mode)
    info.uid, info.gid = status.st_uid, status.st_gid
    info.uname, info.gname = _names(status.st_uid, status.st_gid)
    kind = kinds.FOLDERS
    if stat.S_ISREG(mode):
        info.size = status.st_size
        start = _start(path, report)
        if start is None:
            return None
        kind = kinds.kind_of(path, start)
    elif stat.S_ISDIR(mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(mode):
        info.type = tarfile.SYMTYPE
        try:
            info.linkname = os.readlink(path)
        except OSError as error:
            report(path, error.strerror or str(error))
            return None
    else:
        report(path, NO_MEMBER)
        return None
    _set_time(info, status.st_mtime_ns)
    _normalise(info, rules)
    if not stat.S_ISLNK(mode):
        info.pax_headers = {**info.pax_headers, **_attributes(path, report)}
    return Entry(info, path if info.isreg() else None, kind=kind, status=status)


def _start(path: str, report: Report) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(kinds.SNIFFED)
    except OSError as error:
        report(path, error.strerror or str(error))
        return None


def _set_time(info: tarfile.TarInfo, nanoseconds: int) -> None:
    """Whole seconds in the header, the exact time beside it only where it has a fraction."""
    seconds, rest = divmod(nanoseconds, 10**9)
    info.mtime = seconds
    if rest:
        sign = "-" if nanoseconds < 0 else ""
        seconds, rest = divmod(abs(nanoseconds), 10**9)
        info.pax_headers = {"mtime": f"{sign}{seconds}.{rest:09d}".rstrip("0")}


def _normalise(info: tarfile.TarInfo, rules: Rules) -> None:
    if rules.owner is not None:
        info.uname, info.uid = rules.owner
    if rules.group is not None:
        info.gname, info.gid = rules.group
    if rules.mtime is not None:
        info.mtime = rules.mtime
        info.pax_headers = {}


def _attributes(path: str, report: Report) -> dict[str, str]:
    """The user's extended attributes as pax records; none where the system knows none."""
    if not hasattr(os, "listxattr"):
        return {}
    found = {}
    try:
        for name in sorted(os.listxattr(path)):
            if not name.startswith("user."):
                continue
            try:
                name.encode()
            except UnicodeEncodeError:  # keywords of pax records are UTF-8, values any bytes
                report(path, f"its extended attribute {name!r} is not in UTF-8; it is left out")
                continue
            value = os.getxattr(path, name)
            found[XATTR + _as_keyword(name)] = value.decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    return found


def _as_keyword(name: str) -> str:
    """The name of an attribute in a pax record, where `=` ends it; as GNU tar writes it."""
    return name.replace("%", "%25").replace("=", "%3D")


def attribute_name(keyword: str) -> str | None:
    """The name of the attribute that a pax record has the value of; None if it has another one."""
    name = keyword.removeprefix(XATTR)
    return name.replace("%3D", "=").replace("%25", "%") if name != keyword else None


_known_names: dict[tuple[int, int], tuple[str, str]] = {}


def _names(uid: int, gid: int) -> tuple[str, str]:
    if (uid, gid) not in _known_names:
        _known_names[uid, gid] = (
            _name_of("pwd", "getpwuid", uid),
            _name_of("grp", "getgrgid", gid),
        )
    return _known_names[uid, gid]


def _name_of(module: str, function: str, number: int) -> str:
    import importlib

    try:
        return str(getattr(importlib.import_module(module), function)(number)[0])
    except (ImportError, KeyError):
        return ""


def arranged(entries: Iterable[Entry], order: Order, report: Report) -> list[Entry]:
    """The members in the order in which they are written, further links to a file as links.

    Folders come first; equal files follow each other. Of a name that comes twice the last counts;
    `report` is told if that is another file.
    """
    ordered = in_order(entries, order, report)
    return _with_twins_together(ordered) if order == "kind" else ordered


def in_order(entries: Iterable[Entry], order: Order, report: Report) -> list[Entry]:
    """As `arranged`, but equal files are not looked for, and no content is read."""
    named: dict[str, Entry] = {}
    for entry in entries:
        before = named.get(entry.info.name)
        if before is not None and _are_others(before, entry):
            report(entry.info.name, "is the name of two files; only the last one is packed")
        named[entry.info.name] = entry
    ordered = sorted(named.values(), key=lambda entry: by_folder(entry.info.name))
    if order == "kind":
        ordered.sort(key=lambda entry: (entry.kind, kinds.extension(entry.info.name)))
    return list(_linked(ordered))


def _are_others(first: Entry, second: Entry) -> bool:
    """Whether two members of a name are not of one place or content. Folders become one."""
    if first.info.isdir() and second.info.isdir():
        return False
    one, two = first.status, second.status
    if one is None or two is None:
        return one is not two or first.data != second.data
    return (one.st_dev, one.st_ino) != (two.st_dev, two.st_ino)


def _linked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """`entries` with hard links to the first name of a file instead of its further names."""
    files: dict[tuple[int, int], str] = {}
    for entry in entries:
        status = entry.status
        if status is not None and entry.path is not None and status.st_nlink > 1:
            first = files.setdefault((status.st_dev, status.st_ino), entry.info.name)
            if first != entry.info.name:
                info = entry.info
                info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
        yield entry


def _with_twins_together(entries: list[Entry]) -> list[Entry]:
    """Equal files behind the first of them."""
    by_size: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.content_size:
            by_size[entry.content_size].append(entry)
    by_content: dict[bytes, list[Entry]] = defaultdict(list)
    for group in by_size.values():
        if len(group) > 1:
            for entry in group:
                by_content[_digest(entry)].append(entry)
    behind: dict[int, list[Entry]] = {}
    moved: set[int] = set()
    for number, twins in enumerate(group for group in by_content.values() if len(group) > 1):
        for twin in twins:
            twin.twins = number
        behind[id(twins[0])] = twins[1:]
        moved.update(id(twin) for twin in twins[1:])
    out: list[Entry] = []
    for entry in entries:
        if id(entry) not in moved:
            out += [entry, *behind.get(id(entry), [])]
    return out


def _digest(entry: Entry) -> bytes:
    digest = hashlib.blake2b(entry.content_size.to_bytes(8, "little"))
    if entry.data is not None:
        digest.update(entry.data)
        return digest.digest()
    assert entry.path is not None
    try:
        with open(entry.path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return entry.path.encode("utf-8", "surrogateescape")  # told when it is to be written
    return digest.digest()
