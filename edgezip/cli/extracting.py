"""`edgezip unpack` of archives: their members to files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgezip.cli import report
from edgezip.cli.console import Console
from edgezip.cli.fileoptions import ARCHIVE_SUFFIX, FileOptions
from edgezip.cli.inputs import SUFFIX, Source
from edgezip.cli.problems import Problems
from edgezip.cli.progress import progress_bar
from edgezip.errors import EdgezipError, FormatError, InputError
from edgezip.pipeline.options import UnpackOptions

if TYPE_CHECKING:
    import tarfile


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
    """Whether a packed file was made from a folder."""
    from edgezip.pipeline import content

    return source.size is not None and content.is_archive(source.file, 0)


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

            def tell(_name: str, tar: tarfile.TarFile = archive) -> None:
                # Where a member ends; what was left out before it counts as done.
                progress(tar.offset)

            try:
                count += extract(archive, select, target, problems.failed, tell)
            except FormatError as error:
                if not options.recover:
                    raise
                problems.failed("(archive)", error)  # the other parts are still there
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

        yield from rescued(source.file, options, problems.failed, unchecked=True)
        return
    with EdgezipFile(source.file, options=options) as content:
        seekable = content.seekable()
        yield open_tar(content, stream=not seekable)
        # What follows the last member is verified as well where nothing else was left out.
        while not seekable and content.read(1 << 20):
            pass
