"""What the plain coder loses against the model's own code length, on the same logits.

    python -m bench.loss                       # the texts of ../shared/eval, bundled model
    python -m bench.loss FILE... --top-k 64

The tokens of a whole file are coded, also where packing would choose another codec: payload bits
against the sum of -log2 p in float64 over the tokens that can be produced.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common import EVAL, RESULTS, log, print_table, provenance, write_csv
from edgezip.coding.plain import Intervals, PlainEncoder
from edgezip.coding.probability import ideal_bits
from edgezip.engine import Engine
from edgezip.models import checked_vocabulary, resolve
from edgezip.pipeline.lm import LmSettings, encode_tokens
from edgezip.tokens import Tokenizer

WINDOW, KEEP = 512, 128


class _Ideal:
    """A plain encoder that also sums the ideal code length of what it is given."""

    def __init__(self, encoder: PlainEncoder, banned: NDArray[np.bool_]) -> None:
        self._encoder, self._banned = encoder, banned
        self.bits = 0.0

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> Intervals:
        self.bits += ideal_bits(logits, symbols, self._banned)
        return self._encoder.measure(logits, symbols)

    def add(
        self, measured: Intervals, symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        self._encoder.add(measured, symbols, slots)

    def prefix_added(self) -> Callable[[], None]:
        return self._encoder.prefix_added()

    def finish(self) -> bytes:
        return self._encoder.finish()


def main() -> None:
    """Measure the files and print the table."""
    parser = argparse.ArgumentParser(
        prog="bench.loss", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--model", default="", help="GGUF path or name (default: the bundled one)")
    parser.add_argument("--top-k", type=int, default=0, help="0 for the whole vocabulary")
    parser.add_argument("--bytes", type=int, default=0, help="only the first bytes of each file")
    parser.add_argument("--csv", type=Path, default=RESULTS / "loss.csv")
    arguments = parser.parse_args()
    rows = []
    file = resolve(arguments.model or None)
    vocabulary = checked_vocabulary(file)
    with Engine.load(file.path) as engine:
        banned = np.array([piece is None for piece in vocabulary.pieces], np.bool_)
        tokenizer = Tokenizer(vocabulary, engine.tokenize)
        session = engine.session(1, WINDOW)
        for path in arguments.files or sorted((EVAL / "text").iterdir()):
            data = path.read_bytes()[: arguments.bytes or None]
            ids = tokenizer.encode(data)
            plain = PlainEncoder(len(ids), engine.n_vocab, arguments.top_k, banned)
            ideal = _Ideal(plain, banned)
            settings = LmSettings(WINDOW, KEEP, KEEP, WINDOW, 1)
            payload = encode_tokens(
                [session], engine.start_token, ids, settings, ideal, lambda _: None
            )
            coded = 8 * len(payload)
            rows.append(
                {
                    "file": path.name,
                    "bytes": len(data),
                    "tokens": len(ids),
                    "top_k": arguments.top_k,
                    "ideal bits": f"{ideal.bits:.1f}",
                    "coded bits": coded,
                    "loss %": f"{100 * (coded / ideal.bits - 1):.4f}",
                }
            )
            log(f"{path.name}: {rows[-1]['loss %']} %")
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = provenance()
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])


if __name__ == "__main__":
    main()
