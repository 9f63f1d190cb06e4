"""One measurement in a process of its own, so that memory and caches are its own.

Reads a JSON object from stdin and prints one; `bench.table` makes the requests. Speeds leave out
what a process does once: loading the model and the compiled kernels (`bench.startup` shows that).
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import ROOT, peak_memory
from edgezip import api
from edgezip.coding.probability import ideal_bits
from edgezip.pipeline.effort import at_level
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.pipeline.writer import Packer

Codec = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
WARM_UP_BYTES = 3000


def main() -> None:
    """Serve one request."""
    request = json.load(sys.stdin)
    action = {"pack": pack, "unpack": unpack, "ideal": ideal, "classic": classic}
    result = action[request["action"]](request)
    print(json.dumps({**result, "peak_memory": peak_memory()}))


def pack(request: dict[str, Any]) -> dict[str, Any]:
    """Pack `input` to `output`: size, seconds and what the report says."""
    options = _options(request)
    _warm_up(options)
    data = Path(request["input"]).read_bytes()
    target = io.BytesIO()
    report = api.pack_stream(io.BytesIO(data), target, options, size=len(data))
    Path(request["output"]).write_bytes(target.getvalue())
    coded = [c.coded_size for c in report.channels if c.coder.startswith("lm")]
    return {
        "bytes": len(target.getvalue()),
        "seconds": report.seconds,
        "model_size": report.model_size,
        "lm_coded": sum(coded) if coded else None,
        "channels": " ".join(f"{c.coder}:{c.raw_size}:{c.coded_size}" for c in report.channels),
    }


def unpack(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack `output` and compare it with `input`: seconds and whether they are equal."""
    options = _options(request)
    _warm_up(options)
    packed = Path(request["output"]).read_bytes()
    target = io.BytesIO()
    report = api.unpack_stream(io.BytesIO(packed), target, _unpack_options(options))
    same = target.getvalue() == Path(request["input"]).read_bytes()
    return {"seconds": report.seconds, "verified": same}


class IdealEncoder:
    """Sums -log2 p of the tokens instead of coding them; a `TokenEncoder`."""

    def __init__(self, banned: NDArray[np.bool_]) -> None:
        self._banned = banned
        self.bits = 0.0

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> float:
        """Bits of `symbols` (n,) under `logits` (n, n_vocab)."""
        return ideal_bits(logits, symbols, self._banned)

    def add(self, measured: float, symbols: NDArray[np.int32], slots: NDArray[np.int64]) -> None:
        """As in `TokenEncoder`."""
        self.bits += measured

    def prefix_added(self) -> Callable[[], None]:
        """As in `TokenEncoder`."""
        return lambda: None

    def finish(self) -> bytes:
        """No payload, so that the model's way is taken whatever it would cost."""
        return b""


def ideal(request: dict[str, Any]) -> dict[str, Any]:
    """The model's own code length of the tokens that packing would code, same windows and streams.

    What packing takes away from the model (repeats, binary parts) counts with its coded size.
    """
    options = _options(request)
    model = open_for_packing(options)
    if model is None:
        raise SystemExit("the ideal size needs a language model")
    encoders: list[IdealEncoder] = []

    def encoder(
        self: LanguageModel, coder: int, layout: TokenLayout, settings: object
    ) -> IdealEncoder:
        encoders.append(IdealEncoder(self.banned))
        return encoders[-1]

    setattr(LanguageModel, "encoder", encoder)  # noqa: B010
    data = Path(request["input"]).read_bytes()
    packer = Packer(PackOptions(model=options.model, threads=options.threads, coder="plain"))
    packer.feed(data)
    packer.finish()
    others = [c for c in packer.report(0.0).channels if not c.coder.startswith("lm")]
    bits = sum(e.bits for e in encoders)
    return {
        "bytes": math.ceil(bits / 8) + sum(c.coded_size for c in others),
        "lm_coded": bits / 8,
        "covered": bool(encoders),
    }


def classic(request: dict[str, Any]) -> dict[str, Any]:
    """Code and decode `input` with the codec `name`; `missing` where it is not installed."""
    codec = _codec(request["name"])
    if codec is None:
        return {"missing": True}
    encode, decode = codec
    data = Path(request["input"]).read_bytes()
    started = time.perf_counter()
    packed = encode(data)
    middle = time.perf_counter()
    same = decode(packed) == data
    ended = time.perf_counter()
    return {
        "bytes": len(packed),
        "seconds": middle - started,
        "unpack_seconds": ended - middle,
        "verified": same,
    }


def _codec(name: str) -> Codec | None:
    """Encoder and decoder by name and level, at their highest levels."""
    extreme = 9 | lzma.PRESET_EXTREME
    builtin: dict[str, Codec] = {
        "gzip -9": (lambda d: gzip.compress(d, 9, mtime=0), gzip.decompress),
        "bzip2 -9": (lambda d: bz2.compress(d, 9), bz2.decompress),
        "xz -9e": (lambda d: lzma.compress(d, preset=extreme), lzma.decompress),
    }
    if name in builtin:
        return builtin[name]
    try:
        if name == "zstd -19":
            import zstandard

            return zstandard.ZstdCompressor(level=19).compress, zstandard.decompress
        import brotli  # type: ignore[import-untyped]

        return lambda d: brotli.compress(d, quality=11, lgwin=24), brotli.decompress
    except ImportError:
        return None


def _options(request: dict[str, Any]) -> PackOptions:
    options = PackOptions(
        model=request.get("model"),
        threads=request.get("threads"),
        coder=request.get("coder", "auto"),
    )
    level = request.get("level")
    return options if level is None else at_level(level, options)


def _unpack_options(options: PackOptions) -> UnpackOptions:
    model = None if options.model == "none" else options.model
    return UnpackOptions(model=model, threads=options.threads)


def _warm_up(options: PackOptions) -> None:
    """Pack and unpack a little first: loads the model and the compiled kernels."""
    text = (ROOT / "tests" / "data" / "courage.txt").read_bytes()[:WARM_UP_BYTES]
    packed = api.compress(text, options=options)
    api.decompress(packed, options=_unpack_options(options))


if __name__ == "__main__":
    main()
