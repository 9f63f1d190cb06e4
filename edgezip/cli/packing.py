"""`edgezip pack FOLDER`: files and folders into an archive."""

from __future__ import annotations

import datetime
import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgezip.cli import report
from edgezip.cli.console import Console
from edgezip.cli.fileoptions import ARCHIVE_SUFFIX, FileOptions
from edgezip.cli.inputs import STDIN
from edgezip.cli.outputs import open_output, written_to
from edgezip.cli.problems import Problems
from edgezip.cli.progress import progress_bar
from edgezip.errors import InputError, SettingsError
from edgezip.pipeline.options import PackOptions

if TYPE_CHECKING:
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
