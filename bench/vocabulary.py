"""What a vocabulary costs per token beside the language model: its logits to weights in the order
of the tree, and the sums over the tree.

    python -m bench.vocabulary
    python -m bench.vocabulary --pieces 32000 128256

CPU time of one thread, the fastest of some rounds over made-up pieces and logits. `share` is the
part of packing that it takes beside a model that needs `--model-ms` a token; models of 135M
parameters on one core of a Zen 3 need about 2.1. `bytes` are those of a row: logits, weights and
sums.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.common import RESULTS, load_average, print_table, provenance, write_csv
from edgezip.coding.logistic import fine_stretch_table
from edgezip.coding.mixing.paths import collect, fill_weights, leaf_order, new_weights
from edgezip.coding.mixing.trie import build_trie


def main() -> int:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(
        prog="bench.vocabulary",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--pieces", nargs="*", type=int, default=[8192, 32000, 49152, 128256])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--model-ms", type=float, default=2.1, help="of a token (2.1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "vocabulary.csv")
    arguments = parser.parse_args()
    rows = [_measure(n, arguments.rounds, arguments.model_ms) for n in arguments.pieces]
    print_table(
        ["pieces", "weights us", "with path us", "share", "bytes"],
        [list(row.values())[:5] for row in rows],
    )
    write_csv(arguments.csv, rows)
    return 0


def _measure(n: int, rounds: int, model_ms: float) -> dict[str, object]:
    trie = build_trie(_pieces(n))
    leaves = leaf_order(trie)
    weights, sums = new_weights(trie)
    generator = np.random.default_rng(1)
    logits = (generator.standard_normal((1, n)) * 3).astype(np.float32)
    symbols = np.array([int(logits.argmax())], np.int32)
    bits = logits.view(np.uint32)
    stretch = fine_stretch_table()
    out, counts = np.zeros(4096, np.int16), np.zeros(1, np.int64)
    fill = _fastest(
        lambda: fill_weights(bits[0], leaves, trie.tokens.size, weights[0], sums[0]), rounds
    )
    whole = _fastest(
        lambda: collect(bits, leaves, trie, stretch, symbols, weights, sums, out, counts), rounds
    )
    return {
        "pieces": n,
        "weights_us": f"{1e6 * fill:.0f}",
        "with_path_us": f"{1e6 * whole:.0f}",
        "share": f"{whole / (whole + model_ms / 1000):.3f}",
        "row_bytes": logits.nbytes + weights.nbytes + sums.nbytes,
        "model_ms": model_ms,
        "load": load_average(),
        **provenance(),
    }


def _pieces(n: int) -> list[bytes | None]:
    """Every byte, then made-up words, in no order."""
    chance = random.Random(1)
    pieces = {bytes([i]) for i in range(256)}
    while len(pieces) < n:
        length = chance.randint(2, 9)
        pieces.add(bytes(chance.choices(b"etaoinshrdlu ,.bcdfg", k=length)))
    result: list[bytes | None] = [*sorted(pieces)]
    chance.shuffle(result)
    return result


def _fastest(call: Callable[[], object], rounds: int) -> float:
    call()
    best = float("inf")
    for _ in range(rounds):
        start = time.thread_time()
        call()
        best = min(best, time.thread_time() - start)
    return best


if __name__ == "__main__":
    raise SystemExit(main())
