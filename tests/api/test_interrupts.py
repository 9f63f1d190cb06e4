"""An interrupt or a lack of memory in the middle of a call: never wrong, never a hole."""

from __future__ import annotations

import contextlib
import gc
import io
import linecache
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import edgezip
from edgezip import Compressor, Decompressor, EdgezipFile, PackOptions, UnpackOptions
from edgezip.errors import EdgezipError
from edgezip.pipeline.frames import encode_frame

NONE = PackOptions(model="none", frame_size=1024)
# Stored, so that it is quick.
CONTENT = random.Random(8).randbytes(5000)
PIECES = [CONTENT[k : k + 700] for k in range(0, len(CONTENT), 700)]
PACKED = edgezip.compress(CONTENT, options=NONE)[:0] + edgezip.compress(
    CONTENT[:3000], options=NONE
) + edgezip.compress(CONTENT[3000:], options=NONE)  # fmt: skip
MOST = 120
ALL = 10_000


class Stop:
    """Raises an exception at a certain line that is run in edgezip, counted from `start`."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.left = -1
        self.seen = 0

    @contextlib.contextmanager
    def after(self, lines: int) -> Iterator[None]:
        """Counts from here on; nothing is collected meanwhile, and so the lines stay the same.

        A collection while a generator is made would also run traced code in a frame that is not
        complete: Python 3.11 then takes what lies there for a function.
        """
        self.left, self.seen = lines, 0
        gc.disable()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            gc.enable()

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if "edgezip/" not in name or "/tests/" in name:
            return None
        if event == "line" and not self._cannot_be_stopped(frame):
            self.seen += 1
            if self.seen == self.left:
                raise self.error
        return self._trace

    @staticmethod
    def _cannot_be_stopped(frame: FrameType) -> bool:
        """Python looks for signals in calls and loops, not before it returns what it has."""
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return re.fullmatch(r"return [\w.]+", line) is not None


@pytest.fixture(params=[KeyboardInterrupt, MemoryError])
def stop(request: pytest.FixtureRequest) -> Stop:
    return Stop(request.param)


def moments(stop: Stop, work: Callable[[], object], most: int = MOST) -> list[int]:
    """Numbers of all lines that `work` runs, or of `most` of them, after running it once."""
    work()
    with stop.after(-1):
        work()
    choice = random.Random(stop.seen)
    lines = range(1, stop.seen + 1)
    return sorted(choice.sample(lines, most)) if len(lines) > most else list(lines)


def again(stop: Stop, call: Callable[[], bytes]) -> bytes:
    """What a caller gets who tries once more after the interrupt."""
    try:
        return call()
    except stop.error:
        return call()


def test_decompressor(stop: Stop) -> None:
    def work() -> bytes:
        first, rest = Decompressor(), PACKED
        out = b""
        for _ in range(2):
            while not first.eof:
                piece, rest = (rest[:900], rest[900:]) if first.needs_input else (b"", rest)
                assert piece or not first.needs_input
                out += again(stop, partial(first.decompress, piece, 600))
            first, rest = Decompressor(), first.unused_data + rest
        return out

    assert work() == CONTENT
    refused = 0
    for lines in moments(stop, work):
        with stop.after(lines):
            try:
                assert work() == CONTENT
            except (EdgezipError, stop.error):
                refused += 1
    assert refused > 15


def test_reading_goes_on(stop: Stop) -> None:
    def work(seekable: bool = True) -> bytes:
        source = io.BytesIO(PACKED)
        if not seekable:
            source.seekable = lambda: False  # type: ignore[method-assign]
        file = EdgezipFile(source)
        start = again(stop, lambda: file.read(100))
        start += again(stop, file.readline)
        return start + again(stop, file.read)

    assert work() == work(False) == CONTENT
    for lines in moments(stop, work, ALL):
        with stop.after(lines), contextlib.suppress(stop.error):
            assert work() == CONTENT
        with stop.after(lines), contextlib.suppress(stop.error, EdgezipError):
            assert work(False) == CONTENT


def test_seeking_goes_on(stop: Stop) -> None:
    def work() -> bytes:
        file = EdgezipFile(io.BytesIO(PACKED))
        again(stop, lambda: bytes([file.seek(-100, io.SEEK_END) % 7]))
        end = again(stop, file.read)
        again(stop, lambda: bytes([file.seek(0)]))
        return again(stop, file.read) + end

    for lines in moments(stop, work):
        with stop.after(lines), contextlib.suppress(stop.error):
            assert work() == CONTENT + CONTENT[-100:]


def test_compressor(stop: Stop) -> None:
    def work() -> bytes:
        compressor = Compressor(options=NONE)
        out = b""
        for piece in PIECES:
            out += again(stop, partial(compressor.compress, piece))
        out += again(stop, compressor.end_frame)
        return out + again(stop, compressor.flush)

    refused = 0
    for lines in moments(stop, work):
        with stop.after(lines):
            try:
                packed = work()
            except (EdgezipError, stop.error):
                refused += 1
                continue
        assert edgezip.decompress(packed) == CONTENT
    assert refused > 15


def test_appending_leaves_the_older_content(stop: Stop, tmp_path: Path) -> None:
    path = tmp_path / "log.ez"
    older = edgezip.compress(b"older content", options=NONE)

    path.write_bytes(older)
    sizes = set()
    never = sys.maxsize
    for lines in [*moments(stop, lambda: _append(path, []), 40), never]:
        path.write_bytes(older)
        written = [0]
        with contextlib.suppress(stop.error, EdgezipError), stop.after(lines):
            _append(path, written)
        gc.collect()
        content = edgezip.decompress(path.read_bytes())
        assert content in (b"older content", b"older content" + CONTENT[: written[-1]]), lines
        sizes.add(len(content))
    # An interrupt between two calls of write() ends the file with what was written before it.
    assert sizes >= {len(b"older content"), len(b"older content") + len(CONTENT)}


def _append(path: Path, written: list[int]) -> None:
    done = 0
    with edgezip.open(path, "ab", options=NONE) as file:
        for piece in PIECES:
            done += file.write(piece)
            written.append(done)
        file.flush()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an interval timer")
def test_reading_with_a_model_goes_on(
    data_dir: Path, stories_model: Path, strict_library: Path
) -> None:
    """Interrupts in the middle of the model's work, whose caches are half filled then."""

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    text = (data_dir / "courage.txt").read_bytes()[:1500]
    options = PackOptions(model=stories_model, threads=2, frame_size=1024)
    packed = edgezip.compress(text, options=options)
    reading = UnpackOptions(model=stories_model, threads=2)
    assert edgezip.decompress(packed, options=reading) == text
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for milliseconds in (4, 30):
            file = EdgezipFile(io.BytesIO(packed), options=reading)
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
                file.read()
            signal.setitimer(signal.ITIMER_REAL, 0)
            file.seek(0)
            assert file.read() == text
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_writing_after_an_interrupt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample of the report: the frame is lost, and the archive must not look complete."""
    from edgezip.pipeline import writer

    calls: list[int] = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode_frame(*arguments)

    monkeypatch.setattr(writer, "encode_frame", interrupted)
    target = io.BytesIO(b"before")
    target.seek(6)
    file = EdgezipFile(target, "w", options=NONE)
    with pytest.raises(KeyboardInterrupt):
        file.write(CONTENT)
    for _ in range(2):
        with pytest.raises(ValueError, match="interrupted"):
            file.write(CONTENT)
    with pytest.raises(ValueError, match="interrupted"):
        file.close()
    assert file.closed
    with pytest.raises(EdgezipError):
        edgezip.decompress(target.getvalue()[6:] or b"x")


def test_a_disk_that_is_full_while_appending(tmp_path: Path) -> None:
    class Full(io.FileIO):
        room = 2000

        def write(self, data: Any) -> int:
            if self.room < len(data):
                part = super().write(memoryview(data)[: self.room])
                self.room = 0
                if not part:
                    raise OSError(28, "No space left on device")
                return part
            self.room -= len(data)
            return super().write(data)

    older = edgezip.compress(b"older content", options=NONE)
    path = tmp_path / "log.ez"
    path.write_bytes(older)
    with Full(path, "ab") as raw:
        file = EdgezipFile(raw, "ab", options=NONE)
        with pytest.raises(OSError, match="No space left"):
            file.write(CONTENT)
        with pytest.raises(ValueError, match="interrupted"):
            file.close()
    assert path.read_bytes() == older
