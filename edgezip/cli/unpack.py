"""`edgezip unpack` and `edgezip test`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from edgezip import api
from edgezip.cli import report
from edgezip.cli.batch import Batch, batched, run_batch
from edgezip.cli.console import Console
from edgezip.cli.extracting import Extraction, extract_archive, is_archive, members_of
from edgezip.cli.fileoptions import FileOptions
from edgezip.cli.inputs import STDIN, SUFFIX, InputRules, Source, open_source, unpacked_name
from edgezip.cli.outputs import STDOUT, open_output
from edgezip.cli.progress import progress_bar
from edgezip.errors import EdgezipError, FormatError, SettingsError
from edgezip.pipeline.inspect import content_size
from edgezip.pipeline.options import UnpackOptions, UnpackReport
from edgezip.streams import chunks


def unpack_files(
    names: Sequence[str],
    files: FileOptions,
    options: UnpackOptions,
    console: Console,
    how: Extraction | None = None,
    batch: Batch | None = None,
) -> int:
    """Unpack every file, extract every archive of a folder; returns the exit code."""
    rules = files.rules()
    how, batch = how or Extraction(), batch or Batch()
    batch.check(files.output, files.to_stdout)
    names, left_out = batch.inputs(names, console, SUFFIX)
    names, members = members_of(names, how.is_sure)
    extracts = how.wanted if how.wanted is not None else (how.is_sure or bool(members)) or None
    if files.output is not None or files.to_stdout:
        if extracts:
            raise SettingsError("members are extracted to files: -o and -c are for the tar itself")
        extracts = False
    if files.remove and (members or how.strip or how.exclude):
        raise SettingsError(
            "--rm would remove members that are not extracted; leave out names, --exclude and"
            " --strip-components, or --rm"
        )

    def unpack(name: str) -> int:
        with open_source(name, rules, packed=True) as source:
            if extracts or (extracts is None and is_archive(source)):
                where = replace(how, folder=how.folder or batch.mirror)
                code = extract_archive(source, members, files, options, console, where)
                if files.remove and name != STDIN and not code:
                    if hasattr(os, "sync"):  # members are not synced one by one
                        os.sync()
                    source.remove()
                return code
            target = _output_name(name, files)
            if target != STDOUT and files.output is None:
                target = batch.place(name, target)
                if batch.is_done(name, target, name):
                    report.skipped(console, name, target)
                    return 0
            done = _unpack(source, target, files, options, console)
            if files.remove and name != STDIN and not done.lost:
                source.remove()
        report.unpacked(console, name, target, done)
        return FormatError.exit_code if done.lost else 0

    with batched(console, "unpack", names, left_out) as console:
        return run_batch(names, console, unpack, batch.jobs) or int(left_out > 0)


def test_files(
    names: Sequence[str], options: UnpackOptions, console: Console, jobs: int = 1
) -> int:
    """Decode every file without writing anything; returns the exit code."""

    def test(name: str) -> int:
        with open_source(name, InputRules(special=True), packed=True) as source:
            done = _decode(source, None, "test", options, console)
        report.unpacked(console, name, None, done)
        return FormatError.exit_code if done.lost else 0

    with batched(console, "test", names) as console:
        return run_batch(names, console, test, jobs)


def _output_name(name: str, files: FileOptions) -> str:
    if files.output is not None:
        return files.output
    return STDOUT if files.to_stdout or name == STDIN else unpacked_name(name)


def _unpack(
    source: Source, target: str, files: FileOptions, options: UnpackOptions, console: Console
) -> UnpackReport:
    with open_output(
        target,
        force=files.force,
        binary=False,
        spool=False,
        source=source.status,
        sparse=files.sparse,
    ) as output:
        done = _decode(source, output.file, "unpack", options, console)
        for problem in output.commit(source.regular):
            console.warn(source.name, f"warning: {problem}")
    return done


def _decode(
    source: Source,
    target: BinaryIO | None,
    action: str,
    options: UnpackOptions,
    console: Console,
) -> UnpackReport:
    total = _raw_size(source) if console.shows_progress else None
    with progress_bar(console, action, source.name, total) as progress:
        return api.unpack_stream(source.file, target, options, progress=progress)


def _raw_size(source: Source) -> int | None:
    """The size of the content, so that the progress bar has an end; None if unknown."""
    if source.size is None:
        return None
    try:
        return content_size(chunks(source.file))
    except EdgezipError:
        return None
    finally:
        source.file.seek(0)
