"""Many files in one call: several at once, a bar for all of them, a total at the end."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from edgezip.archive.names import NO_MEMBER, member_name
from edgezip.cli import report
from edgezip.cli.console import Console, Tally, for_each
from edgezip.cli.progress import overall_bar
from edgezip.errors import EdgezipError, InputError, SettingsError
from edgezip.pipeline.options import UnpackOptions

_FAT_STEP = 2 * 10**9
"""Nanoseconds: FAT keeps times in whole even seconds, not the very time of an input."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was asked for about many files.

    Attributes:
        jobs: files at once.
        mirror: folder below which outputs go, under the paths of the inputs; None for beside them.
        resume: leave out inputs whose output is there.
        recursive: the files in folders one by one, instead of an archive of each folder.
    """

    jobs: int = 1
    mirror: str | None = None
    resume: bool = False
    recursive: bool = False
    _sources: dict[str, str] = field(default_factory=dict)

    def check(self, output: str | None, to_stdout: bool) -> None:
        """Raise `SettingsError` for options that do not go together."""
        streams = output is not None or to_stdout
        if streams and (self.mirror is not None or self.jobs > 1 or self.resume):
            raise SettingsError("--jobs, --output-dir-mirror and --resume are without -o and -c")

    def inputs(
        self, names: Sequence[str], console: Console, suffix: str = ""
    ) -> tuple[list[str], int]:
        """`names` with the files in folders instead of those, if that is wanted.

        Args:
            names: arguments.
            console: is told of folders and files that cannot be read; the rest is listed.
            suffix: what names of files in folders must end in; without one, all but packed ones.

        Returns:
            The names, and how many were left out so.
        """
        if not self.recursive:
            return list(names), 0
        left_out: list[str] = []

        def leave_out(path: str, error: Exception) -> None:
            left_out.append(path)
            console.fail(path, error)

        return list(_files(names, suffix, leave_out)), len(left_out)

    def place(self, source: str, target: str) -> str:
        """Where the output `target` of `source` goes; the folders for it are made.

        Raises:
            InputError: the output of another input goes there: with -f it would be lost.
        """
        if self.mirror is None:
            return target
        placed = os.path.join(self.mirror, *member_name(target).split("/"))
        other = self._sources.setdefault(os.path.abspath(placed), source)
        if os.path.abspath(other) != os.path.abspath(source):
            raise InputError(f"{placed} is the output of {other} already")
        os.makedirs(os.path.dirname(placed), exist_ok=True)
        return placed

    def is_done(self, source: str, target: str, packed: str) -> bool:
        """Whether an earlier call has made `target`: outputs are there when they are complete, and
        have the time of their input.

        Args:
            source: the input.
            target: the output.
            packed: which of them is packed; what its index says of sizes must fit the other one.
        """
        if not self.resume:
            return False
        try:
            before, after = os.stat(source), os.stat(target)
            if not _is_same_time(before.st_mtime_ns, after.st_mtime_ns):
                return False
            size = _content_size(packed)
        except OSError:
            return False
        if packed == target:
            return size == before.st_size
        return size is None or size == after.st_size


def _is_same_time(source: int, target: int) -> bool:
    if target % _FAT_STEP == 0:
        return abs(source - target) < _FAT_STEP
    return source == target


def _content_size(name: str) -> int | None:
    """Bytes of content by the index of a packed file, None without a right one."""
    from edgezip.pipeline.content import IndexedContent

    with open(name, "rb") as file:
        try:
            return IndexedContent(file, UnpackOptions()).size
        except EdgezipError:
            return None


def _files(
    names: Sequence[str], suffix: str, leave_out: Callable[[str, Exception], None]
) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        leave_out(str(error.filename), error)

    for name in names:
        if not os.path.isdir(name):
            yield name
            continue
        for folder, files in _folders(name, unreadable):
            for file in files:
                path = os.path.join(folder, file)
                if not file.endswith(suffix) if suffix else file.endswith(".ez"):
                    continue
                try:
                    mode = os.stat(path).st_mode
                except OSError as error:
                    leave_out(path, error)
                    continue
                if stat.S_ISREG(mode):
                    yield path
                else:
                    leave_out(path, InputError(NO_MEMBER))


def _folders(top: str, unreadable: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """A folder and those below it, each with the names of its files.

    `os.walk` calls itself for each level, and folders may be deeper than calls.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            inner = {entry.name: entry.is_symlink() for entry in found if entry.is_dir()}
        except OSError as error:
            unreadable(error)
            continue
        yield folder, [entry.name for entry in found if entry.name not in inner]
        waiting += [os.path.join(folder, name) for name in reversed(inner) if not inner[name]]


@contextlib.contextmanager
def batched(
    console: Console, action: str, names: Sequence[str], left_out: int = 0
) -> Iterator[Console]:
    """A console for several files, which tells what all of them came to at the end, with those
    that were `left_out`.

    One file needs none of that and gets `console` itself.
    """
    if len(names) < 2:
        yield console
        return
    started = time.monotonic()
    tally = Tally(len(names) + left_out, failed=left_out)
    with overall_bar(console, action, list(names)) as overall:
        yield replace(console, tally=tally, overall=overall)
    report.total(console, tally, time.monotonic() - started)


def run_batch(
    names: Sequence[str], console: Console, work: Callable[[str], int], jobs: int = 1
) -> int:
    """Do `work` for every file, `jobs` at once; the exit code of the first one that failed."""
    tally, overall = console.tally, console.overall

    def one(name: str) -> int:
        code = 1
        try:
            code = for_each([name], console, work)
        finally:
            if tally is not None:
                tally.ended(code)
            if overall is not None:
                overall.ended(name)
        return code

    if jobs < 2 or len(names) < 2:
        return next((code for code in [one(name) for name in names] if code), 0)
    pool = ThreadPoolExecutor(min(jobs, len(names)), "edgezip-file")
    try:
        futures = [pool.submit(one, name) for name in names]
        codes = [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
    return next((code for code in codes if code), 0)
