"""`edgezip pack`."""

from __future__ import annotations

from collections.abc import Sequence

from edgezip import api
from edgezip.cli import report
from edgezip.cli.batch import Batch, batched, run_batch
from edgezip.cli.console import Console, for_each
from edgezip.cli.fileoptions import FileOptions, is_folder, makes_one
from edgezip.cli.inputs import STDIN, Source, as_binary, open_source, packed_name, snapshot
from edgezip.cli.outputs import STDOUT, open_output
from edgezip.cli.packing import Packing, archive_name, pack_archive, packed_before
from edgezip.cli.progress import progress_bar
from edgezip.cli.verifying import HashingReader, verify_output
from edgezip.errors import SettingsError
from edgezip.pipeline.options import PackOptions


def pack_files(
    names: Sequence[str],
    files: FileOptions,
    options: PackOptions,
    console: Console,
    verify: bool,
    packing: Packing | None = None,
    batch: Batch | None = None,
) -> int:
    """Pack every file, and every folder as an archive; returns the exit code."""
    rules = files.rules()
    packing, batch = packing or Packing(), batch or Batch()
    batch.check(files.output, files.to_stdout)
    names, left_out = batch.inputs(names, console)

    def archive(target: str) -> int:
        return pack_archive(names, target, files, options, console, verify, packing)

    def pack(name: str) -> int:
        if is_folder(name):
            target = batch.place(name, archive_name(name))
            before = packed_before(name, target, console, packing) if batch.resume else None
            if before is not None:
                report.skipped(console, name, target)
                return before
            return pack_archive([name], target, files, options, console, verify, packing)
        output = _output_name(name, files)
        if output != STDOUT and files.output is None:
            output = batch.place(name, output)
            if batch.is_done(name, output, output):
                report.skipped(console, name, output)
                return 0
        with open_source(name, rules) as source:
            _pack(source, output, files, options, console, verify or files.remove)
            if files.remove and name != STDIN:
                source.remove()
        return 0

    if packing.files_from is not None or makes_one(names, files.output, files.to_stdout):
        if files.output is None and not files.to_stdout:
            raise SettingsError("--files-from needs the archive's name: -o NAME.tar.ez")
        return for_each([files.output or STDOUT], console, archive) or int(left_out > 0)
    with batched(console, "pack", names, left_out) as console:
        return run_batch(names, console, pack, batch.jobs) or int(left_out > 0)


def _output_name(name: str, files: FileOptions) -> str:
    if files.output is not None:
        return files.output
    return STDOUT if files.to_stdout or name == STDIN else packed_name(name, files.force)


def _pack(
    source: Source,
    target: str,
    files: FileOptions,
    options: PackOptions,
    console: Console,
    verify: bool,
) -> None:
    with open_output(
        target, force=files.force, binary=True, spool=verify, source=source.status
    ) as output:
        file = snapshot(source.file)
        reader = HashingReader(file) if verify else None
        file = file if reader is None else as_binary(reader)
        with progress_bar(console, "pack", source.name, source.size) as progress:
            done = api.pack_stream(file, output.file, options, progress=progress)
        if reader is not None:
            with progress_bar(console, "verify", source.name, done.raw_size) as progress:
                verify_output(output, reader.digest(), options, progress)
        problems = output.commit(source.regular)
        if not files.remove:  # that looks for changes itself
            problems += source.changes(done.raw_size)
    for problem in problems:
        console.warn(source.name, f"warning: {problem}")
    report.packed(console, source.name, target, done, verify)
