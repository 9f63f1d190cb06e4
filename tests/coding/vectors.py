"""Known answers of the plain coder: payloads that must never change without a new format number.

Run as a script it prints the payloads; test_vectors.py also runs it with Numba switched off.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.plain import PlainDecoder, PlainEncoder

# (name, tokens, vocabulary, spread of the logits in 1/1024, top_k, every how manieth id is banned)
CASES = [
    ("flat", 12, 50, 0, 0, 0),
    ("usual", 40, 97, 4096, 0, 0),
    ("peaked", 40, 97, 20000, 0, 13),
    ("extreme", 24, 61, 1 << 26, 0, 0),
    ("blocks", 6, 1000, 3000, 0, 7),
    ("top1", 30, 64, 4096, 1, 0),
    ("top8", 40, 97, 4096, 8, 5),
    ("two", 64, 2, 4096, 0, 0),
    ("one", 5, 1, 4096, 0, 0),
]


class Lcg:
    """The 64-bit linear congruential generator of Knuth's MMIX, upper 32 bits."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, n: int) -> int:
        """Return an integer in [0, n)."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 32) * n >> 32


Row = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.bool_]]


def make(case: tuple[str, int, int, int, int, int]) -> Row:
    """Return logits (n, n_vocab), symbols (n,) and banned (n_vocab,); exact in float32."""
    _, n, n_vocab, spread, _, step = case
    draw = Lcg(n * 1000 + n_vocab)
    values = [
        [(draw.below(2 * spread + 1) - spread) / 1024 for _ in range(n_vocab)] for _ in range(n)
    ]
    banned = np.zeros(n_vocab, dtype=np.bool_)
    if step:
        banned[::step] = True
    allowed = np.flatnonzero(~banned)
    logits = np.array(values, dtype=np.float32)
    symbols = np.array([allowed[draw.below(allowed.size)] for _ in range(n)], dtype=np.int32)
    # Two in three symbols are the most likely id, so that payloads look like real ones.
    best = np.where(banned, -np.inf, logits).argmax(axis=1)
    for i in range(n):
        if i % 3:
            symbols[i] = best[i]
    return logits, symbols, banned


def payload(case: tuple[str, int, int, int, int, int]) -> bytes:
    """Encode a case; decode it again as a check."""
    logits, symbols, banned = make(case)
    n, n_vocab = logits.shape
    encoder = PlainEncoder(n, n_vocab, case[4], banned)
    encoder.add(encoder.measure(logits, symbols), symbols, np.arange(n))
    data = encoder.finish()
    decoder = PlainDecoder(data, n, n_vocab, case[4], banned)
    decoded = decoder.decode_rows(logits, np.zeros(n, dtype=np.int32))
    decoder.finish()
    if decoded.tolist() != symbols.tolist():
        raise AssertionError(f"case {case[0]} does not come back")
    return data


if __name__ == "__main__":
    # NumPy scalars wrap around as the kernels do, but warn.
    warnings.simplefilter("ignore", RuntimeWarning)
    for chosen in CASES:
        sys.stdout.write(f"{chosen[0]} {payload(chosen).hex()}\n")
