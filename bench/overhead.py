"""Where the time of packing and unpacking goes: the model, the coder, everything around them.

    python -m bench.overhead                     # alice29.txt, bundled model, 16 streams
    python -m bench.overhead FILE --streams 8

One thread, so that nothing runs side by side and the parts add up to the whole; the second of two
runs. `model` is the time inside llama_decode, `coder` what the coder does with logits and
tokens, `around` the rest: Python, batches, tokenizer, frames, checks. To tell them apart each step
of unpacking goes through Python here, which costs time that unpacking does not take otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.common import EVAL, RESULTS, load_average, log, print_table, provenance, write_csv
from edgezip import api
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.plain import PlainDecoder, PlainEncoder
from edgezip.engine import Session, engine
from edgezip.pipeline.options import PackOptions, UnpackOptions

_spent: dict[str, float] = defaultdict(float)


def main() -> None:
    """Measure both coders and print the table."""
    parser = argparse.ArgumentParser(
        prog="bench.overhead", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=EVAL / "text" / "alice29.txt")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--csv", type=Path, default=RESULTS / "overhead.csv")
    arguments = parser.parse_args()
    data = arguments.file.read_bytes()
    for name in ("measure", "add", "prefix_added", "_code"):
        _time(MixingEncoder, name, "coder")
    for name in ("measure", "add", "finish"):
        _time(PlainEncoder, name, "coder")
    for decoder in (MixingDecoder, PlainDecoder):
        _time(decoder, "decode_rows", "coder")
    _time_llama_decode()
    rows = []
    for coder in ("plain", "mix"):
        options = PackOptions(threads=1, streams=arguments.streams, coder=coder)
        packed = b""
        for _ in range(2):
            pack = _row(partial(api.compress, data, options=options))
            packed = pack.pop("result")
            unpack = _row(partial(api.decompress, packed, options=UnpackOptions(threads=1)))
            if unpack.pop("result") != data:
                raise SystemExit("the file did not come back")
        for what, row in (("pack", pack), ("unpack", unpack)):
            fields = {
                "file": arguments.file.name,
                "coding": coder,
                "streams": arguments.streams,
                "what": what,
            }
            rows.append({**fields, **row})
            log(str(rows[-1]))
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = {"load": load_average(), **provenance()}
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])


def _row(work: Callable[[], bytes]) -> dict[str, Any]:
    _spent.clear()
    start = time.perf_counter()
    result = work()
    total = time.perf_counter() - start
    model, coder = _spent["model"], _spent["coder"]
    return {
        "result": result,
        "seconds": f"{total:.3f}",
        "model": f"{model:.3f}",
        "coder": f"{coder:.3f}",
        "around": f"{total - model - coder:.3f}",
        "model %": f"{100 * model / total:.1f}",
        "coder %": f"{100 * coder / total:.1f}",
        "around %": f"{100 * (1 - (model + coder) / total):.1f}",
    }


def _time(owner: Any, name: str, part: str) -> None:
    """Add the time of each call of owner.name to a part."""
    wrapped = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return wrapped(*args, **kwargs)
        finally:
            _spent[part] += time.perf_counter() - start

    setattr(owner, name, timed)


def _time_llama_decode() -> None:
    """Time the library's function itself, so that filling batches counts as around."""

    class Api:
        def __init__(self, wrapped: Any) -> None:
            self._wrapped = wrapped
            self.llama_decode = wrapped.llama_decode
            _time(self, "llama_decode", "model")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._wrapped, name)

    class Timed(Session):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._api = Api(self._api)

        def step_function(self) -> None:
            """There is none: it would call the library by itself."""

    setattr(engine, "Session", Timed)  # noqa: B010


if __name__ == "__main__":
    main()
