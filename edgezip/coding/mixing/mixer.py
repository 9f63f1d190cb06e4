"""The mixer of a decision: several selected weight rows over the same inputs, then more rows over
their outputs, which are averaged."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.gated import clipped
from edgezip.coding.jit import njit
from edgezip.coding.logistic import CLIP, SQUASH_ZERO
from edgezip.coding.rows16 import BLOCK, dot, train

from .layout import (
    EARLY_DECISIONS,
    FINAL_BLOCK,
    R_DECISIONS,
    R_EARLY,
    R_FINAL_RATE,
    R_FINAL_ROWS,
    R_FINAL_WIDTH,
    R_FINALS,
    R_INPUTS,
    R_MIXEDS,
    R_RATE,
    R_SETS,
    SET_SIZE,
)

SHARES = (0, 65536, 32768, 21845, 16384, 13107, 10923)
"""Reciprocals of 1 to 6, 16 fraction bits."""

STEP_BITS = 17
"""From an error times a rate to the step of `train`."""

# Steps up to these move no weight of a row, because inputs and outputs are within CLIP: `train`
# then adds 0 everywhere, and so does the loop over a final row.
_STILL = 32767 // (CLIP + 1)
_FINAL_STILL = 32768 // (CLIP + 1)


@njit(inline="always", _nrt=False)
def _blocks(used):  # type: ignore[no-untyped-def]
    """Blocks that hold the first `used` inputs. Those behind the inputs are zero, which changes no
    sum and no weight."""
    return (used + BLOCK - 1) // BLOCK


@njit(_nrt=False, forceinline=True)
def mix(r, weights, final, x, selected, outputs, used):  # type: ignore[no-untyped-def]
    """Fill `outputs` (stretch units) of all sets from the first `used` inputs; returns their
    mixture."""
    width = r[R_INPUTS]
    blocks = _blocks(used)
    for k in range(r[R_SETS]):
        outputs[uintp(k)] = dot(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, blocks)
    total = 0
    finals = r[R_FINALS]
    # The mask tells LLVM that nothing is left over behind whole vectors.
    final_places = r[R_FINAL_WIDTH] & -FINAL_BLOCK
    for j in range(finals):
        row = (j * SET_SIZE + r[R_FINAL_ROWS + j]) * final_places
        acc = 0
        for k in range(final_places):
            acc += int(outputs[uintp(k)]) * int(final[uintp(row + k)])
        mixed = clipped(acc)
        r[R_MIXEDS + j] = mixed
        total += mixed
    return total * SHARES[finals] >> 16


@njit(_nrt=False, forceinline=True)
def learn(r, weights, final, squash, x, selected, outputs, used, bit):  # type: ignore[no-untyped-def]
    """Train each set on its own error and the final rows on the error of theirs, in
    some profiles faster at first, while there is most to learn."""
    width = r[R_INPUTS]
    blocks = _blocks(used)
    pace = 256
    if r[R_EARLY]:
        pace += (r[R_EARLY] * EARLY_DECISIONS << 8) // (EARLY_DECISIONS + r[R_DECISIONS])
        r[R_DECISIONS] += 1
    rate = r[R_RATE] * pace >> 8
    final_rate = r[R_FINAL_RATE] * pace >> 8
    full = bit << 16
    final_places = r[R_FINAL_WIDTH] & -FINAL_BLOCK
    for j in range(r[R_FINALS]):
        row = (j * SET_SIZE + r[R_FINAL_ROWS + j]) * final_places
        step = (full - squash[uintp(r[R_MIXEDS + j] + SQUASH_ZERO)]) * final_rate >> 8
        if abs(step) > _FINAL_STILL:
            for k in range(final_places):
                final[uintp(row + k)] += (int(outputs[uintp(k)]) * step + 32768) >> 16
    for k in range(r[R_SETS]):
        step = (full - squash[uintp(outputs[uintp(k)] + SQUASH_ZERO)]) * rate >> STEP_BITS
        if abs(step) > _STILL:
            train(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, step, blocks)
