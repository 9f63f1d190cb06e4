"""How fast edgezip codes with the models of the study: validation text there and back.

Needs edgezip with its strict engine, not PyTorch. The model's own channel is timed, from bytes to
payload and back: packing a file would choose another coder where a model is worse than it.
"""

from __future__ import annotations

import lzma
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgezip.container import Settings
    from edgezip.pipeline.model import LanguageModel

_WARM_UP_BYTES = 2000


def measure(run: str, path: Path, text: bytes, threads: int, repeats: int) -> dict[str, Any]:
    """Speeds (the fastest of `repeats`) and sizes of `text` with the plain coder.

    Packing is timed and measured with one stream: its speed does not depend on the streams.
    Unpacking is timed with as many as edgezip takes for such a text.
    Raises SystemExit if the text does not come back.
    """
    from edgezip.pipeline.opening import open_for_packing
    from edgezip.pipeline.options import PackOptions

    options = PackOptions(model=path, threads=threads)
    model = open_for_packing(options)
    assert model is not None
    settings = model.settings(options)
    tokens = len(model.tokenizer.encode(text))
    streams = model.choose_streams(settings, tokens, len(lzma.compress(text)))
    for warm in (1, streams):
        _there_and_back(model, settings, text[:_WARM_UP_BYTES], warm)
    packing, reading, sizes = [], [], set()
    for _ in range(repeats):
        seconds, _, size = _there_and_back(model, settings, text, 1, unpack=False)
        packing.append(seconds)
        sizes.add(size)
        reading.append(_there_and_back(model, settings, text, streams)[1])
    return {
        "run": run,
        "text_bytes": len(text),
        "ideal_bits": _ideal_bits(model, settings, text),
        "coded_bytes": max(sizes),
        "pack_kb_s": len(text) / 1000 / min(packing),
        "unpack_kb_s": len(text) / 1000 / min(reading),
        "streams": streams,
        "threads": threads,
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "",
    }


def _ideal_bits(model: LanguageModel, settings: Settings, text: bytes) -> float:
    """What the model makes of the text as it is; `edgezip score` joins lines of prose first."""
    from edgezip.pipeline.collect import Collector
    from edgezip.pipeline.model import TokenLayout

    ids = model.tokenizer.encode(text)
    collector = Collector(len(ids), model.banned)
    model.encode(ids, collector, TokenLayout(len(text), len(ids), 1), settings, lambda count: None)
    return float(collector.bits.sum())


def _there_and_back(
    model: LanguageModel, settings: Settings, text: bytes, streams: int, unpack: bool = True
) -> tuple[float, float, int]:
    """Seconds of packing and of unpacking, and the bytes between them."""
    from edgezip.container import constants
    from edgezip.pipeline.model import TokenLayout

    def ignore(count: int) -> None:
        pass

    start = time.perf_counter()
    ids = model.tokenizer.encode(text)
    layout = TokenLayout(len(text), len(ids), streams)
    encoder = model.encoder(constants.LM, layout, settings)
    payload = model.encode(ids, encoder, layout, settings, ignore)
    packed = time.perf_counter()
    if unpack:
        back = model.decode(constants.LM, payload, layout, settings, ignore)
        if model.tokenizer.decode(back) != text:
            raise SystemExit(f"{model.file.path}: the text did not come back")
    return packed - start, time.perf_counter() - packed, len(payload)
