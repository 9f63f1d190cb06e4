"""One coder on some files, in a process of its own, so that its memory is its own.

Reads a JSON object from stdin and prints one. Packed data is decoded and compared. Times leave out
what a process does once: loading a model and compiled kernels.
"""

from __future__ import annotations

import gzip
import importlib
import json
import lzma
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgezip import api
from edgezip.cli.report import peak_memory
from edgezip.errors import EdgezipError
from edgezip.pipeline.effort import at_level
from edgezip.pipeline.options import PackOptions, UnpackOptions

Codec = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
_WARM_UP = 3000


def _program(name: str, *arguments: str) -> Callable[[bytes], bytes]:
    """A filter from stdin to stdout. Its start is in the times, its memory is not in ours."""

    def run(data: bytes) -> bytes:
        done = subprocess.run([name, *arguments], input=data, capture_output=True, check=True)
        return done.stdout

    return run


def _gzip(level: int) -> Codec:
    return partial(gzip.compress, compresslevel=level, mtime=0), gzip.decompress


def _xz(preset: int) -> Codec:
    return partial(lzma.compress, preset=preset), lzma.decompress


def _zstd(level: int) -> Codec:
    if find_spec("zstandard"):
        module: Any = importlib.import_module("zstandard")
        return module.ZstdCompressor(level=level).compress, module.ZstdDecompressor().decompress
    return _program("zstd", f"-{level}", "-q", "-c"), _program("zstd", "-d", "-q", "-c")


def _brotli(quality: int) -> Codec:
    if find_spec("brotli"):
        module: Any = importlib.import_module("brotli")
        return partial(module.compress, quality=quality), module.decompress
    return _program("brotli", f"-q{quality}", "-c"), _program("brotli", "-d", "-c")


PEERS: dict[str, Callable[[], Codec]] = {
    "gzip -6": partial(_gzip, 6),
    "gzip -9": partial(_gzip, 9),
    "xz -6": partial(_xz, 6),
    "xz -9e": partial(_xz, 9 | lzma.PRESET_EXTREME),
    "zstd -3": partial(_zstd, 3),
    "zstd -19": partial(_zstd, 19),
    "brotli 5": partial(_brotli, 5),
    "brotli 11": partial(_brotli, 11),
}


def available() -> list[str]:
    """The peers that this machine has, as a module or as a program."""
    needed = {"zstd": "zstandard", "brotli": "brotli"}
    return [
        name
        for name in PEERS
        if (module := needed.get(name.split()[0])) is None
        or find_spec(module)
        or shutil.which(name.split()[0])
    ]


def _edgezip(request: dict[str, Any]) -> Codec:
    options = PackOptions(**request["options"])
    if request.get("level") is not None:
        options = at_level(request["level"], options)
    unpacking = UnpackOptions(threads=options.threads)
    if options.model not in (None, "none"):
        unpacking = UnpackOptions(model=options.model, threads=options.threads)
    return partial(api.compress, options=options), partial(api.decompress, options=unpacking)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Bytes and seconds of every file, and the peak of memory.

    Raises:
        RuntimeError: something came back wrong.
    """
    encode, decode = PEERS[request["peer"]]() if request["peer"] else _edgezip(request)
    sizes: list[int] = []
    seconds = [0.0, 0.0]
    for number, name in enumerate(request["files"]):
        data = Path(name).read_bytes()
        if not number:
            decode(encode(data[:_WARM_UP]))
        start = time.perf_counter()
        packed = encode(data)
        seconds[0] += time.perf_counter() - start
        start = time.perf_counter()
        back = decode(packed)
        seconds[1] += time.perf_counter() - start
        if back != data:
            raise RuntimeError(f"{name} came back wrong")
        sizes.append(len(packed))
    return {"sizes": sizes, "seconds": seconds, "peak_memory": peak_memory()}


def main() -> int:
    """Serve one request."""
    try:
        print(json.dumps(measure(json.load(sys.stdin))))
    except (EdgezipError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(json.dumps({"error": str(error), "code": getattr(error, "exit_code", 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
