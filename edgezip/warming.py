"""Compiles the kernels ahead of their first use: `edgezip warm`.

A kernel is compiled, or found compiled, when it is first called. So each step packs and unpacks a
small sample that needs a group of them, in a process of its own (`python -m edgezip.warming STEP`),
which compiles for a level of processors (`coding/levels.py`) and tells of every kernel on stdout.
A new coder with kernels adds a row to `STEPS`; tests/pipeline/test_warming.py misses it otherwise.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import struct
import subprocess
import sys
import tempfile
import textwrap
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgezip.errors import EdgezipError, EngineError, InputError, SettingsError
from edgezip.pipeline.options import PackOptions

_TEXT = (
    b"Every kernel that packing or unpacking a text calls is called for this one, too.\n"
    b"It says nothing, in plain words; some of them come again and again.\n"
)


def _noise(size: int) -> bytes:
    return random.Random(26).randbytes(size)


def _gradient(width: int, height: int, channels: int, top: int) -> bytes:
    """Samples of a smooth picture with a little noise, big-endian if they have two bytes."""
    rng = random.Random(26)
    size = 1 if top < 256 else 2
    return b"".join(
        ((x * (2 + c) + y + rng.randrange(4)) % (top + 1)).to_bytes(size, "big")
        for y in range(height)
        for x in range(width)
        for c in range(channels)
    )


def _bmp(width: int, pixels: bytes) -> bytes:
    """A bitmap of 24 bits a pixel from rows of `width` + 1 pixels: their ends are its padding."""
    stride = (3 * width + 3) // 4 * 4
    height = len(pixels) // stride
    form = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, stride * height, 0, 0, 0, 0)
    return struct.pack("<2sIII", b"BM", 54 + stride * height, 0, 54) + form + pixels


def _wav(channels: int, size: int, frames: int) -> bytes:
    """A WAV file of a wandering tone, `size` bytes to a sample."""
    rng = random.Random(26)
    value, samples = 0, bytearray()
    for _ in range(frames * channels):
        value = (value * 7 + rng.randrange(-900, 900)) // 8
        wide = value << 8 * size - 16 if size > 1 else (value >> 8) + 128
        samples += wide.to_bytes(size, "little", signed=size > 1)
    form = struct.pack(
        "<HHIIHH", 1, channels, 8000, 8000 * channels * size, channels * size, 8 * size
    )
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(chunks) + len(samples)) + chunks + bytes(samples)


def _round_trip(data: bytes, options: PackOptions) -> None:
    import edgezip

    packed = edgezip.compress(data, options=options)
    if edgezip.decompress(packed) != data:
        raise EngineError("a sample does not come back as it was; run edgezip doctor")


_MODEL = PackOptions(threads=1)
_NO_MODEL = PackOptions(model="none", threads=1)


def _text() -> None:
    _round_trip(_TEXT * 4 + _noise(40), replace(_MODEL, coder="mix"))
    _round_trip(_TEXT * 4, replace(_MODEL, coder="mix", streams=2))
    _round_trip(textwrap.fill(_TEXT.decode() * 60, 24).encode(), replace(_MODEL, coder="mix"))


def _plain() -> None:
    for top_k in (0, 20):
        _round_trip(_TEXT, replace(_MODEL, coder="plain", top_k=top_k))


def _bytes() -> None:
    import edgezip
    from edgezip.pipeline.options import UnpackOptions

    _round_trip(_noise(9000) + _TEXT * 9 + _noise(9000), _NO_MODEL)
    primed = edgezip.compress(_TEXT, options=replace(_NO_MODEL, prime=_TEXT))
    edgezip.decompress(primed, options=UnpackOptions(prime=_TEXT))


def _pictures() -> None:
    pixels = _gradient(40, 30, 3, 255)
    _round_trip(b"P6\n40 30\n255\n" + pixels, _NO_MODEL)
    _round_trip(b"P5\n40 30\n255\n" + _gradient(40, 30, 1, 255), _NO_MODEL)
    _round_trip(_bmp(39, pixels), _NO_MODEL)  # rows with padding
    _round_trip(b"P5\n40 30\n65535\n" + _gradient(40, 30, 1, 65535), _NO_MODEL)
    _round_trip(b"P4\n320 96\n" + _gradient(40, 96, 1, 255), _NO_MODEL)


def _sounds() -> None:
    for channels, size in ((2, 2), (1, 1), (1, 3)):
        _round_trip(_wav(channels, size, 1200), _NO_MODEL)


def _png(width: int, rows: bytes) -> bytes:
    """A PNG of three bytes a pixel, its rows as differences to the left and to above."""
    stride = 3 * width
    filtered = bytearray()
    for number, begin in enumerate(range(0, len(rows), stride)):
        row = rows[begin : begin + stride]
        before = rows[begin - stride : begin] if number % 2 else bytes(3) + row[:-3]
        filtered.append(2 if number % 2 else 1)
        filtered += bytes((a - b) & 255 for a, b in zip(row, before, strict=True))

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, len(rows) // stride, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(filtered), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _deflate() -> None:
    text = b"".join(b"%d %s" % (i * i, _TEXT) for i in range(200))
    _round_trip(gzip.compress(text, 6, mtime=0), _NO_MODEL)
    _round_trip(_png(60, _gradient(60, 50, 3, 255)), _NO_MODEL)


STEPS: dict[str, Callable[[], None]] = {
    "text": _text,
    "pictures": _pictures,
    "sounds": _sounds,
    "deflate": _deflate,
    "bytes": _bytes,
    "plain": _plain,
}
"""What needs kernels, the longest to compile first."""


@dataclass
class Warmed:
    """What `warm` found and did.

    Attributes:
        level: what was compiled for; None for this very processor.
        kernels: what packing and unpacking load: "store/name" of each kernel.
        compiled: how many had to be compiled, with those that they call.
        failures: a line for every step that failed.
    """

    level: str | None
    kernels: set[str] = field(default_factory=set)
    compiled: int = 0
    failures: list[str] = field(default_factory=list)


Tell = Callable[[str, str], None]
"""Called with a step and the kernel that is being compiled for it, or "" when the step is done."""


def warm(
    tell: Tell, *, level: str | None = None, folder: Path | None = None, jobs: int | None = None
) -> Warmed:
    """Compile all kernels that are not there yet.

    Args:
        tell: told how far it is, from several threads.
        level: a name of `levels.LEVELS` that this processor has; None for the best.
        folder: where to put them, whatever lies elsewhere; None for the usual cache.
        jobs: processes at a time; None for one for each core, 4 at most.

    Raises:
        InputError: no folder can be written.
        SettingsError: this processor cannot run code of the level.
    """
    from edgezip.coding import jit
    from edgezip.coding.levels import levels_of_this_processor

    if folder is None and not jit.store().works():
        raise InputError(
            "no folder for compiled kernels can be written: set NUMBA_CACHE_DIR to one of your own"
        )
    possible = levels_of_this_processor()
    if level is not None and level not in possible:
        raise SettingsError(f"this processor is no {level}, but: {', '.join(possible) or 'none'}")
    level = level or next(iter(possible), None)
    found = Warmed(level)
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        if level is not None:
            environment |= {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": ""}
        if folder is not None:  # what lies in the other folders does not count
            private = stack.enter_context(tempfile.TemporaryDirectory(prefix="edgezip-warm-"))
            environment |= {"NUMBA_CACHE_DIR": str(folder), "TMPDIR": private}
        pool = stack.enter_context(ThreadPoolExecutor(jobs or min(os.cpu_count() or 1, 4)))
        list(pool.map(lambda step: _warm(step, environment, found, tell), STEPS))
    return found


def _warm(step: str, environment: dict[str, str], found: Warmed, tell: Tell) -> None:
    """Do a step in a process, and if that compiled, again, to see what is loaded later."""
    kernels, compiled, failure = _run(step, environment, tell)
    if compiled and not failure:
        kernels, _, failure = _run(step, environment, tell)
    found.kernels |= kernels
    found.compiled += compiled
    if failure:
        found.failures.append(f"{step}: {failure}")
    tell(step, "")


def _run(step: str, environment: dict[str, str], tell: Tell) -> tuple[set[str], int, str]:
    """The kernels that were loaded, how many were compiled, and what went wrong."""
    kernels: set[str] = set()
    compiled, failure = 0, ""
    # This very package, wherever the program was started.
    places = [str(Path(__file__).resolve().parent.parent), environment.get("PYTHONPATH", "")]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "edgezip.warming", step],
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, places))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kind, _, text = line.rstrip("\n").partition(" ")
            if kind == "kept":
                kernels.add(text)
            elif kind == "compile":
                compiled += 1
                tell(step, text.rpartition("/")[2].partition("-")[0])
            elif kind == "failed":
                failure = text
    if process.returncode and not failure:
        failure = f"ended with code {process.returncode}"
    return kernels, compiled, failure


def cold() -> list[str]:
    """Return the steps whose kernels are not known to be compiled."""
    from edgezip.coding import jit

    return [step for step in STEPS if not (jit.PLAIN or jit.is_marked(step))]


def main(step: str) -> int:
    """Do a step and tell of every kernel in a line; returns the exit code."""
    from edgezip.coding import jit
    from edgezip.coding.watch import watching

    needed: set[str] = set()
    compiled = False

    def watcher(name: str, kept: bool) -> None:
        nonlocal compiled
        if kept:
            needed.add(name)
        compiled = compiled or not kept
        print("kept" if kept else "compile", name, flush=True)

    with watching(watcher):
        try:
            STEPS[step]()
        except (EdgezipError, OSError) as error:
            print("failed", " ".join(str(error).split()), flush=True)
            return 1
    # Whoever compiles sees the kernels that are called from kernels too, which nobody loads later.
    if not compiled and not jit.is_marked(step):
        jit.mark(step, needed)
    return 0


def ship(tell: Tell, levels: Sequence[str | None], jobs: int | None = None) -> list[Warmed]:
    """Fill the package's own folder with kernels for `levels`: those that packing and unpacking
    load, readable for all. What lay there for these sources stays, such as kernels for other levels
    and other Pythons; whatever other folder lies there goes.

    Raises:
        OSError: the package's folder cannot be written.
        SettingsError: as `warm`.
    """
    from edgezip.coding import jit

    jit.SHIPPED.mkdir(mode=0o755, exist_ok=True)
    before = set(jit.SHIPPED.glob("*/*"))
    found = [warm(tell, level=level, folder=jit.SHIPPED, jobs=jobs) for level in levels]
    if not any(warmed.failures for warmed in found):
        wanted = set[str]().union(*(warmed.kernels for warmed in found))
        _tidy(jit.SHIPPED, wanted, before)
    return found


def _tidy(folder: Path, wanted: set[str], before: set[Path]) -> None:
    from edgezip.coding.kernelcache import SUFFIX

    folder.chmod(0o755)
    stores = {name.partition("/")[0] for name in wanted}
    for below in sorted(folder.iterdir()):
        for path in sorted(below.iterdir()):
            name = path.name.removesuffix(SUFFIX)
            mine = name.startswith("group.") or f"{below.name}/{name}" in wanted
            if below.name in stores and (mine or path in before):
                path.chmod(0o644)
            else:
                path.unlink()
        if any(below.iterdir()):
            below.chmod(0o755)
        else:
            below.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
