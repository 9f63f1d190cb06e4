"""The adaptive state of the image model: what the encoder and the decoder change alike."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.adaptive import HALF, MAP_BINS
from edgezip.coding.logistic import SQUASH_ZERO, reciprocal_table, squash_table, stretch_table

from . import layout, tables
from .layout import (
    CONTEXTS,
    FINAL_ROWS,
    FIRST_ROWS,
    INPUTS,
    NEAR,
    OWN,
    PAD,
    PREDICTIONS,
    RING,
    SETS,
    SYSTEM,
    TAPS,
    Level,
)

MAP_ROWS: Final = 4096, 256 * 8 * 16
"""Rows of the two probability maps of a plane."""
RADIUS: Final = 8
"""Columns on each side of the box whose samples a local fit is made from."""
FIRST_ERROR: Final = 20
"""Error, in eighths of a value, that every prediction is taken to have had."""
LINE_LOG2: Final = (10, 17)
"""Least and most binary logarithm of the lines of a context."""

(
    WIDTH, PLANES, FORMS, CROSS_FORMS, FITS, USED_CONTEXTS, USED_SETS, PALETTE, LINES,
    KIND, COUNT, BEST, STEP, GUESS, PHASE,
) = range(15)  # fmt: skip
"""Numbers in `State.now`. Of the picture: up to LINES (lines of exact contexts, less 1). Of the
sample: planes before it (0..2), predictions, best prediction, error step, last blend, parities of
row and column."""


class State(NamedTuple):
    """Arrays of the model; P planes, W samples in a row."""

    now: NDArray[np.int64]
    references: NDArray[np.int64]  # (P, 2): planes that a plane is predicted from, or -1
    carries: NDArray[np.int64]  # (P,): 1 for low bytes, whose plane 1 has the high ones
    offsets: NDArray[np.int64]  # (NEAR, 2)
    near_at: NDArray[np.int64]  # (NEAR,): where neighbours are in `rows`, of sample 0
    rows: NDArray[np.int32]  # P x RING x (W + 2 PAD)
    near: NDArray[np.int32]  # (NEAR,)
    forms: NDArray[np.int32]
    cross_forms: NDArray[np.int32]
    differences: NDArray[np.int32]  # (OWN,): neighbours minus those of plane 1
    predictions: NDArray[np.int32]  # (PREDICTIONS,): eighths of a value
    errors: NDArray[np.int32]  # P x (W + 2 PAD) x PREDICTIONS: their errors
    recent: NDArray[np.int32]  # (PREDICTIONS,): weighted sums of neighbours' errors
    step_of: NDArray[np.uint8]
    logs: NDArray[np.int32]
    squash: NDArray[np.int32]
    stretch: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    taps: NDArray[np.int64]  # (3, TAPS)
    seen: NDArray[np.int32]  # (TAPS,)
    added: NDArray[np.int32]  # (SYSTEM,)
    systems: NDArray[np.int32]  # (P, 5, SYSTEM): of the whole picture; by phase
    columns: NDArray[np.int32]  # (P, W + 2 RADIUS + 2, SYSTEM)
    boxes: NDArray[np.int32]  # (P, SYSTEM)
    factors: NDArray[np.int32]
    roots: NDArray[np.int64]
    middle: NDArray[np.int64]
    solution: NDArray[np.int64]
    histograms: NDArray[np.uint16]
    bases: NDArray[np.int64]  # (2 PREDICTIONS,): of the histograms, of value 0
    low: NDArray[np.int32]  # (2 PREDICTIONS,): counts below what is left of the values
    middle_count: NDArray[np.int32]
    high: NDArray[np.int32]
    hashes: NDArray[np.int64]
    lines: NDArray[np.uint32]  # exact contexts: lines of 16
    line_at: NDArray[np.int64]
    inputs: NDArray[np.int32]
    weights: NDArray[np.int32]
    final: NDArray[np.int32]
    selected: NDArray[np.int64]
    outputs: NDArray[np.int64]
    maps: NDArray[np.uint16]
    sure: NDArray[np.uint32]
    coded: NDArray[np.int64]  # (P,): samples
    confidence: NDArray[np.int32]


def new_state(
    width: int, height: int, wide: bool, planes: int, palette: bool, level: Level
) -> State:
    """Return the state before the first sample of `planes` planes of `height` rows of `width`;
    `wide` if two planes after another are the bytes of 16-bit samples."""
    now = np.zeros(PHASE + 1, np.int64)
    log2 = min(max((width * height).bit_length() - 1, LINE_LOG2[0]), LINE_LOG2[1])
    now[WIDTH], now[PLANES], now[PALETTE] = width, planes, palette
    now[FORMS : USED_SETS + 1] = level
    per_plane = planes * level.contexts
    now[LINES] = (1 << (log2 + max(per_plane - 1, 0).bit_length())) - 1
    padded = width + 2 * PAD
    rows_of_weights = FIRST_ROWS[SETS]
    references, carries = _references(planes, wide)
    histograms = np.tile(tables.first_histograms().ravel(), planes * PREDICTIONS * 2)
    maps = np.tile(first_map(), planes * sum(MAP_ROWS))
    state = State(
        now, references, carries, layout.offsets(), np.zeros(NEAR, np.int64),
        np.zeros(planes * RING * padded, np.int32), np.zeros(NEAR, np.int32),
        _table(layout.GRAY_FORMS), _table(layout.CROSS_FORMS), np.zeros(OWN, np.int32),
        np.zeros(PREDICTIONS, np.int32),
        np.full(planes * padded * PREDICTIONS, FIRST_ERROR, np.int32),
        np.zeros(PREDICTIONS, np.int32), tables.step_table(), tables.log_table(), squash_table(),
        stretch_table(), reciprocal_table(), layout.taps(), np.zeros(TAPS, np.int32),
        np.zeros(SYSTEM, np.int32), np.zeros((planes, 5, SYSTEM), np.int32),
        np.zeros((planes, width + 2 * RADIUS + 2, SYSTEM), np.int32),
        np.zeros((planes, SYSTEM), np.int32), np.zeros((TAPS, TAPS), np.int32),
        np.zeros((2, TAPS), np.int64), np.zeros(TAPS, np.int64), np.zeros(TAPS, np.int64),
        histograms, np.zeros(2 * PREDICTIONS, np.int64), np.zeros(2 * PREDICTIONS, np.int32),
        np.zeros(2 * PREDICTIONS, np.int32), np.zeros(2 * PREDICTIONS, np.int32),
        np.zeros(CONTEXTS, np.int64), np.zeros(16 * (int(now[LINES]) + 1), np.uint32),
        np.zeros(CONTEXTS, np.int64), np.zeros(INPUTS, np.int32),
        np.zeros(planes * rows_of_weights * INPUTS, np.int32),
        np.full(planes * FINAL_ROWS * 8, (1 << 16) // level.sets, np.int32),
        np.zeros(SETS, np.int64), np.zeros(SETS, np.int64), maps,
        np.full(planes * MAP_ROWS[1], HALF, np.uint32), np.zeros(planes, np.int64),
        confidence_table(),
    )  # fmt: skip
    weights = state.weights.reshape(planes, rows_of_weights, INPUTS)
    for plane in range(planes):
        weights[plane] = _first_weights(level, int((references[plane] >= 0).sum()))
    return state


def _references(planes: int, wide: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    references = np.full((planes, 2), -1, np.int64)
    carries = np.zeros(planes, np.int64)
    for plane in range(planes):
        if wide and plane & 1:
            references[plane] = plane - 1, plane - 2
            carries[plane] = 1
        elif wide:
            references[plane] = plane - 2, plane - 4
        else:
            references[plane] = plane - 1, plane - 2
    return np.maximum(references, -1), carries


def _table(forms: tuple[str, ...]) -> NDArray[np.int32]:
    return np.stack([layout.factors(form) for form in forms])


def first_map() -> NDArray[np.uint16]:
    """A probability map that changes nothing."""
    logits = np.clip((np.arange(MAP_BINS) - 16) * 128, -2047, 2047)
    return squash_table()[logits + SQUASH_ZERO].astype(np.uint16)


def _first_weights(level: Level, kind: int) -> NDArray[np.int32]:
    count = count_of(level.forms, level.cross_forms, level.fits, kind)
    row = np.zeros(INPUTS, np.int32)
    row[: 2 * count] = (1 << 16) * 12 // 10 // (2 * count)
    row[2 * count : 2 * (count + level.contexts) : 2] = 1 << 12
    return row


def count_of(forms: int, cross_forms: int, fits: int, kind: int) -> int:
    """Predictions of a plane with `kind` planes before it."""
    if kind:
        forms = min(forms, layout.OWN_FORMS_OF_LATER_PLANES) + cross_forms
    return forms + layout.CURVES + fits + layout.BLENDS


def confidence_table() -> NDArray[np.int32]:
    """Return (16,) int32: what a logit seen i times (15 and more alike) counts, 8 fraction bits."""
    return np.array([256 * 5 * n // (5 * n + 3) for n in range(16)], np.int32)
