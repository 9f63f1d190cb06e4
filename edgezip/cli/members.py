"""`edgezip list`: the members of archives."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.extracting import is_archive, members_of
from edgezip.cli.fileoptions import ARCHIVE_SUFFIX
from edgezip.cli.inputs import STDIN, InputRules, Source, open_source
from edgezip.errors import EdgezipError, FormatError, InputError
from edgezip.pipeline.options import UnpackOptions

if TYPE_CHECKING:
    from edgezip.archive.archive import Member


def has_members(names: Sequence[str]) -> bool:
    """Whether `list` is to look into the first of `names`: its name says that it is an archive, it
    is one, or what follows names members."""
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
