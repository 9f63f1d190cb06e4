"""`edgezip pack FOLDER`, the extraction of archives, and `edgezip list`."""

from __future__ import annotations

import datetime
import importlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from edgezip.cli import report
from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.fileoptions import ARCHIVE_SUFFIX, FileOptions
from edgezip.cli.inputs import STDIN, SUFFIX, InputRules, Source, open_source
from edgezip.cli.outputs import open_output, written_to
from edgezip.cli.progress import progress_bar
from edgezip.errors import EdgezipError, FormatError, InputError, SettingsError
from edgezip.pipeline.options import PackOptions, UnpackOptions

if TYPE_CHECKING:
    import tarfile

    from edgezip.archive.archive import Member
    from edgezip.archive.collect import Entry, Rules


@dataclass(frozen=True, slots=True)
class Packing:
    """What `pack` was told about archives.

    Attributes:
        rules: how files become members; None for the usual way.
        files_from: file with further names, None for none.
        frame_size: bytes of the tar after which a frame ends, None for the default.
    """

    rules: Rules | None = None
    files_from: str | None = None
    frame_size: int | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What `unpack` was told about archives.

    Attributes:
        folder: -C.
        wanted: True to extract any archive, False to extract none, None to look at each.
        strip, exclude: as the options of those names.
    """

    folder: str | None = None
    wanted: bool | None = None
    strip: int = 0
    exclude: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether the options say that archives are extracted."""
        return bool(self.wanted or self.folder is not None or self.strip or self.exclude)


@dataclass
class Problems:
    """Complaints about members, and the exit code that they make."""

    console: Console
    archive: str
    code: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)

    def failed(self, name: str, error: EdgezipError) -> None:
        """A member was refused or could not be written."""
        self.lines.append((name, str(error)))
        self.console.warn(name, str(error))
        if not str(error).startswith("warning: "):
            self.code = self.code or error.exit_code

    def left_out(self, path: str, message: str) -> None:
        """A file was not packed, or not as it is."""
        self.failed(path, InputError(message))


def packing_options(
    exclude: Sequence[str] | None,
    files_from: str | None,
    sort: str,
    owner: str | None,
    group: str | None,
    mtime: str | None,
    frame_size: int | None,
) -> Packing:
    """What the options of `pack` say about archives. SettingsError for what makes no sense."""
    if sort == "kind" and not (exclude or owner or group or mtime):
        return Packing(None, files_from, frame_size)
    from edgezip.archive.collect import Rules

    rules = Rules(
        tuple(exclude or ()),
        "name" if sort == "name" else "kind",
        _account(owner, "pwd", "getpwnam", 2, "--owner"),
        _account(group, "grp", "getgrnam", 2, "--group"),
        _time(mtime),
    )
    return Packing(rules, files_from, frame_size)


def _account(
    text: str | None, module: str, function: str, field: int, option: str
) -> tuple[str, int] | None:
    """Name and number of an owner or group: NAME:NUMBER, a NAME known here, or a NUMBER."""
    if text is None:
        return None
    name, colon, number = text.partition(":")
    if not colon and name.isdecimal():
        return "", int(name)
    if colon and number.isdecimal():
        return name, int(number)
    try:
        entry = getattr(importlib.import_module(module), function)(name)
    except (ImportError, KeyError) as error:
        raise SettingsError(f"{option} {text}: not known here; use NAME:NUMBER") from error
    return name, int(entry[field])


def _time(text: str | None) -> int | None:
    """Seconds since 1970 from seconds (also @SECONDS) or a date in ISO 8601."""
    if text is None:
        return None
    if text.removeprefix("@").isdecimal():
        return int(text.removeprefix("@"))
    try:
        return int(datetime.datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise SettingsError(f"--mtime {text}: use seconds since 1970 or 2026-11-29") from error


def archive_name(folder: str) -> str:
    """The name of the archive of a folder: beside it, also where it is called `.`."""
    path = folder.rstrip("/") or "/"
    base = os.path.basename(path)
    if base in {"", ".", ".."}:
        # An archive in the folder itself would lie in what it holds.
        real = os.path.basename(os.path.abspath(path)) or "root"
        path = os.path.join("..", real) if base == "." else real
    return path + ARCHIVE_SUFFIX


def pack_archive(
    names: Sequence[str],
    target: str,
    files: FileOptions,
    options: PackOptions,
    console: Console,
    verify: bool,
    packing: Packing,
) -> int:
    """Pack files and folders into one archive; returns the exit code."""
    from edgezip.archive.collect import arranged
    from edgezip.archive.writing import write_archive
    from edgezip.cli.verifying import HashingWriter, verify_output

    if files.remove:
        raise SettingsError("--rm removes files only, no folders")
    title = names[0] if len(names) == 1 else target
    problems = Problems(console, title)
    rules = _rules_but(packing, target)
    paths = [*names, *_names_in(packing.files_from)]
    collected = _collected(paths, rules, problems)
    entries = arranged(collected, rules.order, problems.left_out)
    if not entries:
        raise InputError("nothing is left to pack; no archive is written")
    size = sum(entry.blocks_size for entry in entries)
    check = HashingWriter()
    with open_output(target, force=files.force, binary=True, spool=verify, source=None) as output:
        with progress_bar(console, "pack", title, size) as progress:
            done = write_archive(
                entries,
                output.file,
                options,
                report=problems.left_out,
                frame_size=packing.frame_size,
                progress=progress,
                watch=check.write if verify else None,
            )
        if verify:
            with progress_bar(console, "verify", title, done.raw_size) as progress:
                verify_output(output, check.digest(), options, progress)
        for problem in output.commit(None):
            console.warn(title, f"warning: {problem}")
    report.packed(console, title, target, done, verify, members=len(entries))
    return problems.code


def _rules_but(packing: Packing, target: str) -> Rules:
    """The rules for members, which leave out the archive itself."""
    from edgezip.archive.collect import Rules
    from edgezip.archive.itself import leaving_out

    return leaving_out(packing.rules or Rules(), written_to(target))


def packed_before(folder: str, target: str, console: Console, packing: Packing) -> int | None:
    """The exit code if `target` is an archive that holds what the folder holds now, else None."""
    from edgezip.archive.current import is_current

    problems = Problems(console, folder)
    rules = _rules_but(packing, target)
    there = os.path.isfile(target) and is_current(folder, target, rules, problems.left_out)
    return problems.code if there else None


def _collected(paths: Iterable[str], rules: Rules, problems: Problems) -> Iterator[Entry]:
    from edgezip.archive.collect import from_path

    for path in paths:
        # A link to a folder that is named is followed, as one to a file is.
        seen = os.path.join(path, "") if os.path.isdir(path) else path
        yield from from_path(seen, None, rules, problems.left_out)


def _names_in(files_from: str | None) -> list[str]:
    """The names in a file, one a line, or ended by zero bytes if there is one."""
    if files_from is None:
        return []
    if files_from == STDIN:
        data = sys.stdin.buffer.read()
    else:
        with open(files_from, "rb") as file:
            data = file.read()
    separator = b"\0" if b"\0" in data else b"\n"
    return [os.fsdecode(name) for name in data.split(separator) if name]


def members_of(names: Sequence[str], sure: bool) -> tuple[list[str], list[str]]:
    """The archives and the members among the arguments of `unpack`.

    What follows an archive and does not end in .ez names members of it.
    """
    if not names or not (sure or names[0].endswith(ARCHIVE_SUFFIX)):
        return list(names), []
    rest = names[1:]
    return (
        [names[0], *(name for name in rest if name.endswith(SUFFIX))],
        [name for name in rest if not name.endswith(SUFFIX)],
    )


def is_archive(source: Source) -> bool:
    """Whether a packed file was made from a folder: it has a table of contents."""
    from edgezip.pipeline.content import has_contents

    return source.size is not None and has_contents(source.file, 0)


def extract_archive(
    source: Source,
    members: Sequence[str],
    files: FileOptions,
    options: UnpackOptions,
    console: Console,
    how: Extraction,
) -> int:
    """Extract members of an archive; returns the exit code."""
    from edgezip.archive.extraction import Target, extract
    from edgezip.archive.names import Selection

    started = time.monotonic()
    problems = Problems(console, source.name)
    select = Selection(members, how.exclude)
    folder, limit = how.folder or ".", options.max_output
    target = Target(folder, how.strip, files.force, files.sparse, limit)
    count = 0
    with progress_bar(console, "unpack", source.name, _tar_size(source, console)) as progress:
        for archive in _archives(source, options, problems):
            # Counted where a member ends; what was left out before it counts as done.
            count += extract(
                archive,
                select,
                target,
                problems.failed,
                lambda _name, tar=archive: progress(tar.offset),  # type: ignore[misc]
            )
    for name in select.missing:
        problems.failed(name, InputError("is not in the archive"))
    seconds = time.monotonic() - started
    report.extracted(console, source.name, target.root, count, seconds, problems.lines)
    return problems.code


def _tar_size(source: Source, console: Console) -> int | None:
    """Bytes of the tar, so that a bar has an end; None where that cannot be known at once."""
    if not console.shows_progress or not is_archive(source):
        return None
    from edgezip.access import read_index

    try:
        last = read_index(source.file)[-1]
    except (EdgezipError, IndexError):
        return None
    return last.offset + last.raw_size


def _archives(
    source: Source, options: UnpackOptions, problems: Problems
) -> Iterator[tarfile.TarFile]:
    """The tar in a packed file, or the parts of it that are left of a damaged one."""
    from edgezip.archive.tars import open_tar
    from edgezip.file import EdgezipFile

    if options.recover:
        from edgezip.archive.rescue import rescued

        yield from rescued(source.file, options, problems.failed)
        return
    with EdgezipFile(source.file, options=options) as content:
        seekable = content.seekable()
        yield open_tar(content, stream=not seekable)
        # What follows the last member is verified as well where nothing else was left out.
        while not seekable and content.read(1 << 20):
            pass


def has_members(names: Sequence[str]) -> bool:
    """Whether `list` is to look into the first of `names`: its name says that it is an archive, it
    has a table of contents, or what follows names members."""
    archives, wanted = members_of(names, sure=True)
    if wanted or archives[0] == STDIN or archives[0].endswith(ARCHIVE_SUFFIX):
        return True
    try:
        with open_source(archives[0], InputRules(special=True), packed=True) as source:
            return is_archive(source)
    except (OSError, EdgezipError):  # whoever lists it says what is wrong
        return False


def list_files(names: Sequence[str], options: UnpackOptions, console: Console) -> int:
    """Print the members of archives; returns the exit code."""
    archives, wanted = members_of(names, sure=True)
    from edgezip.archive.names import Selection

    select = Selection(wanted)

    def show(name: str) -> int:
        with open_source(name, InputRules(special=True), packed=True) as source:
            members = [member for member in _listed(source, options) if select(member.name)]
        if console.json:
            rows = [{**asdict(member), "mode": f"{member.mode:04o}"} for member in members]
            console.result({"file": name, "members": rows})
            return 0
        if len(archives) > 1:
            write_line(sys.stdout, printable(f"{label(name)}:"))
        for line in _lines(members, console.verbose):
            write_line(sys.stdout, line)
        return 0

    code = for_each(archives, console, show)
    for name in select.missing:
        code = code or console.fail(name, InputError("is not in the archive"))
    return code


def _listed(source: Source, options: UnpackOptions) -> list[Member]:
    from edgezip.archive.archive import describe, listed
    from edgezip.archive.tars import as_format_error, open_tar
    from edgezip.file import EdgezipFile

    with EdgezipFile(source.file, options=options) as content:
        archive = open_tar(content, stream=not content.seekable())
        try:
            with as_format_error():
                found = [describe(info) for info in archive]
        except OSError as error:
            raise FormatError(f"the content is no sound tar archive: {error}") from error
    return listed(found)


def _lines(members: Sequence[Member], verbose: bool) -> Iterator[str]:
    from edgezip.archive.archive import mode_text

    width = max((len(f"{member.size:,}") for member in members), default=0)
    for member in members:
        name = printable(member.name + ("/" if member.type == "folder" else ""))
        if not verbose:
            yield name
            continue
        when = _when(member.mtime)
        arrow = {"link": " -> ", "hard link": " link to "}.get(member.type, "")
        who = printable(f"{member.owner}/{member.group}")
        yield (
            f"{mode_text(member)} {who:<16} {member.size:>{width},} {when} {name}"
            f"{arrow}{printable(member.target)}"
        )


def _when(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OSError, OverflowError, ValueError):  # a year that the calendar has not
        return f"@{seconds:.0f}"
