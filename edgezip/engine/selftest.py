"""Known answers: does this engine compute what the engine that wrote the file computed?"""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgezip.engine.library import EngineKind
from edgezip.engine.session import Session
from edgezip.errors import EngineError

TOKENS = 32
SINGLE_TOKENS = 4
STORED_TOKENS = 16
"""Of which files store the known answer (docs/format.md); the others are for this machine only."""
DIGEST_BYTES = 32

# Multiplier and increment of Knuth's MMIX generator; the upper bits choose the token.
_MULTIPLIER, _INCREMENT, _SEED = 6364136223846793005, 1442695040888963407, 2309_10668


class Tested(Protocol):
    """What is tested: an `engine.Engine`, as far as the test needs it."""

    kind: EngineKind
    n_vocab: int

    def session(self, n_streams: int, window: int, *, batch: int | None = None) -> Session:
        """A cache of `n_streams` streams of `window` tokens, for batches of `batch`."""


def fixed_tokens(n_vocab: int) -> NDArray[np.int32]:
    """Return int32[TOKENS], token ids that depend on `n_vocab` only and are valid for it."""
    state, ids = _SEED, []
    for _ in range(TOKENS):
        state = (state * _MULTIPLIER + _INCREMENT) % (1 << 64)
        ids.append((state >> 32) * n_vocab >> 32)
    return np.array(ids, dtype=np.int32)


def fixed_logits(
    engine: Tested, rows_per_call: int = TOKENS, n: int = TOKENS
) -> NDArray[np.float32]:
    """Return float32[n, n_vocab] of the first `n` fixed tokens, `rows_per_call` at a time."""
    tokens = fixed_tokens(engine.n_vocab)[:n]
    positions = np.arange(n, dtype=np.int32)
    streams = np.zeros(n, dtype=np.int32)
    wanted = np.ones(n, dtype=np.bool_)
    out = np.empty((n, engine.n_vocab), dtype=np.float32)
    with engine.session(1, TOKENS, batch=TOKENS) as session:
        for start in range(0, n, rows_per_call):
            part = slice(start, start + rows_per_call)
            out[part] = session.evaluate(tokens[part], streams[part], positions[part], wanted[part])
    return out


def digest(logits: NDArray[np.float32]) -> bytes:
    """Return the 32-byte BLAKE2b digest of the bits of `logits`, little-endian, row by row."""
    data = np.ascontiguousarray(logits, dtype="<f4")
    return hashlib.blake2b(data.tobytes(), digest_size=DIGEST_BYTES).digest()


def known_answer(engine: Tested) -> bytes:
    """Return the digest of the logits of the first STORED_TOKENS fixed tokens, from one batch."""
    return digest(fixed_logits(engine, n=STORED_TOKENS))


def long_answer(engine: Tested) -> bytes:
    """The same of all fixed tokens, as the manifest of the bundled models has it."""
    return digest(fixed_logits(engine))


def agreed_answer(engine: Tested) -> bytes:
    """Return the long answer; EngineError unless all tokens one by one give it as well."""
    answer = long_answer(engine)
    if digest(fixed_logits(engine, 1)) != answer:
        raise _failed("single tokens and batches do not give the same logits")
    return answer


def check(engine: Tested, expected: bytes | None, proven: bool = False) -> bytes:
    """Return the known answer; EngineError unless the long answer is `expected`, where it is known.

    Unless a model is `proven` (bundled ones are, by the tests), the strict engine must also give
    single tokens the bits that it gives them in a batch, which other kernels compute: packing and
    unpacking depend on that.
    """
    if engine.kind != "strict":
        return known_answer(engine)
    logits = fixed_logits(engine)
    if expected is not None and digest(logits) != expected:
        raise _failed("its logits are not the known ones for this model")
    if not proven:
        single = fixed_logits(engine, 1, SINGLE_TOKENS)
        if digest(single) != digest(logits[:SINGLE_TOKENS]):
            raise _failed("single tokens and batches do not give the same logits")
    return digest(logits[:STORED_TOKENS])


def _failed(what: str) -> EngineError:
    return EngineError(
        f"the engine's self-test failed: {what}; nothing was written. Run edgezip doctor, and"
        " install edgezip again"
    )


def batch_independent(engine: Tested) -> bool:
    """Tell whether one batch and single tokens give the same bits, as they must when strict."""
    return digest(fixed_logits(engine, 1)) == digest(fixed_logits(engine, TOKENS))
