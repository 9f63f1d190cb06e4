"""The kernels as plain Python (NUMBA_DISABLE_JIT=1) give the bytes of the compiled ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from edgezip.coding.jit import PLAIN
from edgezip.coding.mixing import residuals, similarity
from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
from edgezip.coding.mixing.layout import (
    FAR,
    R_RESIDUALS,
    REGISTERS,
    RESIDUAL_KINDS,
    RESIDUAL_ROW,
    S_POS,
    S_SLOW,
    STREAM_FIELDS,
)
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import BINARY, CODE, LINES, RECORDS, TEXT
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder


def payloads() -> list[str]:
    """Hexadecimal payloads of bytes with every profile, and of tokens; each is decoded, too."""
    text = b"one, two; three\none, two; four\none, two; five\n"
    found = []
    for params, data in (
        (MixParams(16, TEXT), text),
        (MixParams(16, BINARY, 1), bytes(range(40)) + text),
        (MixParams(16, LINES), text),
        (MixParams(16, RECORDS), text[:24] * 2),
        (MixParams(16, CODE), bytes.fromhex("554889e5e8a4ffffff0f84100000008b44240cc3") * 2),
    ):
        payload = cm_encode(data, params)
        assert cm_decode(payload, len(data), params) == data
        found.append(payload.hex())
    pieces: list[bytes | None] = [None, *(bytes([i]) for i in range(97, 123)), b"the", b"then"]
    tokens = np.array([(i * i) % 28 + 1 for i in range(24)], np.int32)
    logits = ((np.outer(np.arange(24), np.arange(29)) % 97) / np.float32(8)).astype(np.float32)
    encoder = MixingEncoder(24, 2, pieces, MixParams(16), prime=text[:10])
    encoder.add(encoder.measure(logits, tokens), tokens, np.arange(24, dtype=np.int64))
    payload = encoder.finish()
    decoder = MixingDecoder(payload, 24, 2, pieces, MixParams(16), text[:10])
    decoded = [decoder.decode_rows(logits[i : i + 2], np.arange(2)) for i in range(0, 24, 2)]
    decoder.finish()
    assert np.concatenate(decoded).tolist() == tokens.tolist()
    return [*found, payload.hex()]


def states() -> list[str]:
    """What residual models learn where so few bytes do not get: counts that are halved, and bytes
    farther back than the greatest distance."""
    r, histograms = np.zeros(REGISTERS, np.int64), np.zeros(RESIDUAL_KINDS * RESIDUAL_ROW, np.uint8)
    r[R_RESIDUALS] = 1
    guesses, rows = np.zeros((2, 1), np.int64)
    for i in range(300):
        residuals.guess(guesses, rows, 0, i, 1)
        residuals._learn(r, histograms, guesses, rows, i * i & 255)
    stream = np.zeros(STREAM_FIELDS, np.int64)
    rng = np.random.default_rng(5)
    scores = rng.integers(0, similarity.WORST, 2 * FAR).astype(np.uint16)
    history = rng.integers(0, 256, FAR + 60).astype(np.uint8)
    found = []
    for pos in (2, 3, 700, FAR, FAR + 1, FAR + 2, FAR + 50):
        stream[S_POS] = pos
        similarity.follow_similarity(scores, history, stream, int(history[pos - 1]))
        found += [str(value) for value in stream[S_SLOW:STREAM_FIELDS]]
    return [histograms.tobytes().hex(), scores.tobytes().hex(), *found]


def test_python_gives_the_bytes_of_the_compiled_kernels() -> None:
    assert not PLAIN
    result = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", __file__],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == payloads() + states()


if __name__ == "__main__":
    assert PLAIN
    print("\n".join(payloads() + states()))
