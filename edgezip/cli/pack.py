"""`edgezip pack`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from edgezip import api, streams
from edgezip.cli import descriptors, report
from edgezip.cli.archives import Packing, archive_name, is_folder, makes_one, pack_archive
from edgezip.cli.batch import Batch, batched, run_batch
from edgezip.cli.console import Console, for_each
from edgezip.cli.inputs import (
    STDIN,
    InputRules,
    Source,
    as_binary,
    open_source,
    packed_name,
    snapshot,
)
from edgezip.cli.outputs import STDOUT, Output, open_output
from edgezip.cli.progress import progress_bar
from edgezip.errors import ChecksumError, SettingsError
from edgezip.pipeline.options import PackOptions, UnpackOptions


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What `pack` and `unpack` do with files.

    Attributes:
        output: name of the output, None to derive it.
        to_stdout: -c.
        force: -f.
        remove: --rm.
        sparse: leave holes for zero bytes in unpacked files.
    """

    output: str | None = None
    to_stdout: bool = False
    force: bool = False
    remove: bool = False
    sparse: bool = True

    def check(self, names: Sequence[str]) -> None:
        """Raise `SettingsError` for options that do not go together."""
        if self.output is not None and self.to_stdout:
            raise SettingsError("-o and -c exclude each other")
        if self.output is not None and len(names) > 1 and not makes_one(names, self.output, False):
            raise SettingsError("-o takes one input; without it every file gets its own output")
        if self.remove and (self.to_stdout or self._to_descriptor()):
            raise SettingsError("--rm needs an output file, not stdout or another open descriptor")
        if names.count(STDIN) > 1:
            raise SettingsError("stdin (-) can be read only once")

    def rules(self) -> InputRules:
        """Which inputs are accepted."""
        special = self.force or self.to_stdout or self.output is not None
        return InputRules(special, self.remove, self.force)

    def uses_stdout(self, names: Sequence[str]) -> bool:
        """Whether content goes to stdout."""
        if self.output is None:
            return self.to_stdout or STDIN in names
        return self.output == STDOUT or descriptors.descriptor_of(self.output) == descriptors.STDOUT

    def _to_descriptor(self) -> bool:
        output = self.output
        return output is not None and (output == STDOUT or descriptors.is_descriptor(output))


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
    names = batch.inputs(names)

    def archive(target: str) -> int:
        return pack_archive(names, target, files, options, console, verify, packing)

    def pack(name: str) -> int:
        if is_folder(name):
            target = batch.place(archive_name(name))
            if batch.is_done(name, target):
                report.skipped(console, name, target)
                return 0
            return pack_archive([name], target, files, options, console, verify, packing)
        output = _output_name(name, files)
        if output != STDOUT and files.output is None:
            output = batch.place(output)
            if batch.is_done(name, output):
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
        return for_each([files.output or STDOUT], console, archive)
    with batched(console, "pack", names) as console:
        return run_batch(names, console, pack, batch.jobs)


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


def verify_output(
    output: Output, digest: tuple[int, bytes], options: PackOptions, progress: Any
) -> None:
    """Decode what was written and compare it with what was read, by its size and hash.

    Raises:
        ChecksumError: they differ.
    """
    check = HashingWriter()
    same = UnpackOptions(
        model=options.model,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        prime=options.prime,
    )
    try:
        api.unpack_stream(output.read_back(), as_binary(check), same, progress=progress)
    except ChecksumError:
        pass
    else:
        if check.digest() == digest:
            return
    raise ChecksumError(
        "verification failed: unpacking does not give the input back, so nothing was written;"
        " run edgezip doctor"
    )


class HashingReader:
    """Reads from a file and remembers a hash of what was read the first time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0
        self._first = True

    def seekable(self) -> bool:
        """Whether the file can be read again."""
        return self._file.seekable()

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go back: what is read from here on was read before, or should be the same."""
        self._first = False
        return self._file.seek(position)

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the file."""
        data = streams.read_some(self._file, size)
        if self._first:
            self._hash.update(data)
            self._size += len(data)
        return data

    def digest(self) -> tuple[int, bytes]:
        """Number of bytes read, and their SHA-256."""
        return self._size, self._hash.digest()


class HashingWriter:
    """Takes content and keeps only its hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Take `data`."""
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""

    def digest(self) -> tuple[int, bytes]:
        """Number of bytes written, and their SHA-256."""
        return self._size, self._hash.digest()
