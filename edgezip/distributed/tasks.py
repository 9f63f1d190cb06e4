"""What one worker does: functions of URLs and options, which can be pickled and repeated.

A target appears complete or not at all: on local file systems under a temporary name beside it,
that is then renamed; elsewhere by what fsspec's file systems do with `autocommit=False` (an upload
that is completed at the end).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from edgezip import api
from edgezip.errors import FormatError, InputError, ModelError
from edgezip.pipeline.options import PackOptions, UnpackOptions

EXISTS = "{} exists already and is not the same; overwrite replaces it"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Done:
    """One file or part that is done.

    Attributes:
        source, target: URLs.
        raw_size, packed_size: bytes.
        sha256: of the content.
        packed_sha256: of what is packed; the same on every worker.
        seconds: that it took, with reading and writing.
        worker: host and process.
        peak_memory: of that process so far, in bytes; None where it is not told.
        skipped: whether it was there already.
    """

    source: str
    target: str
    raw_size: int
    packed_size: int
    sha256: str
    packed_sha256: str
    seconds: float
    worker: str
    peak_memory: int | None
    skipped: bool = False


class _Counted:
    """A binary file that counts and digests what passes."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def _take(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.size += len(data)
        return data

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        return self._take(self._file.read(size))

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        view = memoryview(data)
        while len(view):
            view = view[self._file.write(view) or len(view) :]
        self._take(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""

    def hexdigest(self) -> str:
        """SHA-256 of what has passed."""
        return self._digest.hexdigest()

    def as_binary(self) -> BinaryIO:
        """The same, for type checkers."""
        return cast(BinaryIO, self)


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path there."""
    found: tuple[Any, str] = importlib.import_module("fsspec").url_to_fs(url)
    return found


def place(url: str) -> str:
    """Where a URL leads: `x`, `./x`, `file:///.../x`, links and caches before it are one place."""
    system, path = filesystem(url)
    while hasattr(system, "fs") and "cache" in type(system).__module__:
        system = system.fs  # what a cache keeps has the path that it has there
    if _is_local(system):
        return os.path.realpath(path)
    return str(system.unstrip_protocol(path))


def _is_local(system: Any) -> bool:
    protocols = system.protocol
    return "file" in ((protocols,) if isinstance(protocols, str) else protocols)


def check_apart(source: str, target: str) -> None:
    """Raise `InputError` if `target`, which is to be written, is `source` by whatever name."""
    one, two = place(source), place(target)
    same = one == two
    with contextlib.suppress(OSError, ValueError):  # not there yet, or not local
        same = same or os.path.samefile(one, two)
    if same:
        raise InputError(f"{target} is the source and would be replaced: use another name")


@contextlib.contextmanager
def committed(url: str) -> Iterator[_Counted]:
    """A file to write that appears at the end of the block, and not if it raises."""
    system, path = filesystem(url)
    if _is_local(system):
        final = Path(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f".edgezip-{uuid.uuid4().hex}.tmp")
        try:
            with part.open("xb") as file:
                yield _Counted(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
        return
    file = system.open(path, "wb", autocommit=False)
    try:
        yield _Counted(file)
        file.close()
    except BaseException:
        with contextlib.suppress(Exception):
            file.close()
        file.discard()
        raise
    file.commit()


def _done(
    source: str, target: str, raw: _Counted, packed: _Counted, start: float, skipped: bool = False
) -> Done:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    return Done(
        source, target, raw.size, packed.size, raw.hexdigest(), packed.hexdigest(),
        time.monotonic() - start, worker, _peak_memory(), skipped,
    )  # fmt: skip


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pack_url(
    source: str,
    target: str,
    options: PackOptions | None = None,
    *,
    resume: bool = False,
    overwrite: bool = True,
) -> Done:
    """Pack the file `source` into `target`.

    Args:
        source: URL of the file.
        target: URL of what is written.
        options: how; the model must be one that the worker has.
        resume: leave a target alone that unpacks to the source (it is decoded for that).
        overwrite: replace any other target.

    Raises:
        InputError: the target is there, and not to be replaced; or it is the source.
        EdgezipError: as `pack_stream`.
        OSError: a place cannot be read or written.
    """
    start = time.monotonic()
    check_apart(source, target)
    options = options or PackOptions()
    if resume and (there := _same(source, target, options, start)) is not None:
        return there
    system, path = filesystem(target)
    if not overwrite and system.exists(path):
        raise InputError(EXISTS.format(target))
    system, path = filesystem(source)
    with system.open(path, "rb") as file, committed(target) as packed:
        raw = _Counted(file)
        api.pack_stream(raw.as_binary(), packed.as_binary(), options)
    return _done(source, target, raw, packed, start)


def _same(source: str, target: str, options: PackOptions, start: float) -> Done | None:
    """The target, if it is there, sound, and has the content of the source."""
    system, path = filesystem(target)
    if not system.exists(path):
        return None
    content = _Counted(_Nothing())
    how = UnpackOptions(model=options.model, threads=options.threads, prime=options.prime)
    with system.open(path, "rb") as file:
        packed = _Counted(file)
        try:
            api.unpack_stream(packed.as_binary(), content.as_binary(), how)
        except (FormatError, ModelError):  # damaged, or packed with what is not here
            return None
    system, path = filesystem(source)
    with system.open(path, "rb") as file:
        raw = _Counted(file)
        while raw.read(_CHUNK):
            pass
    if raw.hexdigest() != content.hexdigest():
        return None
    return _done(source, target, raw, packed, start, skipped=True)


class _Nothing:
    def write(self, data: bytes) -> int:
        return len(data)


def unpack_url(source: str, target: str, options: UnpackOptions | None = None) -> Done:
    """Unpack the file `source` into `target`; raises as `pack_url`."""
    start = time.monotonic()
    check_apart(source, target)
    system, path = filesystem(source)
    with system.open(path, "rb") as file, committed(target) as raw:
        packed = _Counted(file)
        api.unpack_stream(packed.as_binary(), raw.as_binary(), options or UnpackOptions())
    return _done(source, target, raw, packed, start)


def pack_range(
    source: str, target: str, begin: int, end: int, options: PackOptions | None = None
) -> Done:
    """Pack bytes `begin` to `end` of a large file as a member of its own; raises as `pack_url`."""
    start = time.monotonic()
    check_apart(source, target)
    system, path = filesystem(source)
    with system.open(path, "rb") as file, committed(target) as packed:
        file.seek(begin)
        raw = _Counted(_Limited(file, end - begin))
        api.pack_stream(raw.as_binary(), packed.as_binary(), options or PackOptions())
    if raw.size != end - begin:
        raise InputError(f"{source} ended at byte {begin + raw.size}: it changed meanwhile")
    return _done(source, target, raw, packed, start)


class _Limited:
    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def join(parts: Sequence[str], target: str) -> str:
    """Write packed files one after the other, which is a packed file of their contents in a row,
    and remove them. Returns the SHA-256 of the whole; raises as `pack_url`."""
    for part in parts:
        check_apart(part, target)
    with committed(target) as whole:
        for part in parts:
            system, path = filesystem(part)
            with system.open(path, "rb") as file:
                while data := file.read(_CHUNK):
                    whole.write(data)
    for part in parts:
        system, path = filesystem(part)
        system.rm_file(path)
    return whole.hexdigest()
