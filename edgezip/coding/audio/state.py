"""Everything that adapts while one or two channels are coded, as records that kernels share.

A record costs a kernel one pointer where the same arrays as arguments would cost hundreds of words,
at every call and in compiling. Its arrays have the sizes of the strongest level.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.adaptive import HALF, MAP_BINS
from edgezip.coding.logistic import (
    SQUASH_ZERO,
    STRETCH_LIMIT,
    reciprocal_table,
    squash_table,
    stretch_table,
)

from .filters import MAX_TAPS
from .leastsquares import COEFFICIENT_BITS, MAX_ORDER
from .levels import MAX_COMBINERS, MAX_FILTERS, MAX_SQUARES, Level
from .tables import LIMIT, log_expm1_table, softplus_table
from .values import DOMAIN_BITS, MAX_LISTED, Values

SLACK = 4096
"""Samples between two moves of a buffer of past ones."""
SPEEDS = (2, 5, 7)
"""Shifts of the running errors of every prediction: its scales."""
SCALES = len(SPEEDS)
DECISIONS = 32
CONTEXTS = 8
"""Direct contexts: adaptive probabilities by decision and context."""
CONTEXT_SIZE = 1024
SETS = 3
SET_SIZE = 64
MAPS = 2

MAX_CENTERS = MAX_SQUARES + 1 + MAX_COMBINERS
MAX_EXPERTS = MAX_CENTERS * SCALES
INPUTS = -(-(MAX_EXPERTS + CONTEXTS + 1) // 8) * 8
_SIDE = MAX_ORDER + 1
_JOINT = MAX_FILTERS + MAX_SQUARES + 1

CHANNEL = np.dtype(
    [
        # the level: how many there are of each, and their settings as in levels.py
        ("n_squares", np.int64),
        ("n_filters", np.int64),
        ("n_combiners", np.int64),
        ("n_centers", np.int64),
        ("n_inputs", np.int64),
        ("squares", np.int64, (MAX_SQUARES, 5)),
        ("filters", np.int64, (MAX_FILTERS, 2)),
        ("combiners", np.int64, (MAX_COMBINERS, 2)),
        # the place that the block repeats, so many frames ago; 0 if there is none
        ("lag", np.int64),
        # samples coded, and the past ones in the domain, newest first from `at` on
        ("time", np.int64),
        ("at", np.int64),
        ("past", np.int32, (SLACK + MAX_ORDER,)),
        # least squares
        ("sums", np.int64, (MAX_SQUARES, _SIDE, _SIDE)),
        ("beta", np.int32, (MAX_SQUARES, MAX_ORDER)),
        ("loss", np.int64, (MAX_SQUARES,)),
        ("features", np.int32, (MAX_SQUARES, _SIDE)),
        ("factor", np.int32, (_SIDE, _SIDE)),
        ("rest", np.int64, (_SIDE,)),
        ("scale", np.int64, (_SIDE,)),
        ("scaled", np.int32, (_SIDE,)),
        # filters
        ("taps", np.int32, (MAX_FILTERS, MAX_TAPS)),
        ("inputs", np.int32, (MAX_FILTERS, SLACK + MAX_TAPS)),
        ("inputs_at", np.int64, (MAX_FILTERS,)),
        ("power", np.int64, (MAX_FILTERS,)),
        # combiners
        ("outputs", np.int32, (_JOINT,)),
        ("joint_sums", np.int64, (MAX_COMBINERS, _JOINT, _JOINT)),
        ("joint_beta", np.int32, (MAX_COMBINERS, _JOINT)),
        ("joint_loss", np.int64, (MAX_COMBINERS,)),
        # experts
        ("center", np.int64, (MAX_CENTERS,)),
        ("error", np.int64, (MAX_CENTERS, SCALES)),
        ("slope", np.int64, (MAX_EXPERTS,)),
        ("z", np.int64, (MAX_EXPERTS,)),
        # running errors of the final prediction, last distances, log2 of the ladder's unit
        ("spread", np.int64, (3,)),
        ("last", np.int64, (3,)),
        ("width", np.int64),
        ("context", np.int64, (CONTEXTS,)),
        ("row", np.int64, (SETS,)),
        ("map_row", np.int64, (MAPS,)),
        # mixing
        ("x", np.int32, (INPUTS,)),
        ("logits", np.int64, (SETS,)),
        ("final", np.int64, (DECISIONS * SETS,)),
        ("weights", np.int32, (SETS * DECISIONS * SET_SIZE * INPUTS,)),
        ("direct", np.uint32, (CONTEXTS * DECISIONS * CONTEXT_SIZE,)),
        ("maps", np.uint16, (MAPS * DECISIONS * SET_SIZE * MAP_BINS,)),
    ],
    align=True,
)

COMMON = np.dtype(
    [
        # log2 of a sample's unit in the domain; first and last index; typical distance of values
        ("fraction", np.int64),
        ("low", np.int64),
        ("high", np.int64),
        ("step", np.int64),
        # listed values in the domain, and the bounds between them
        ("n_listed", np.int64),
        ("listed", np.int32, (MAX_LISTED,)),
        ("bounds", np.int32, (MAX_LISTED + 1,)),
        ("squash", np.int32, (2 * SQUASH_ZERO,)),
        ("stretch", np.int32, (4096,)),
        ("reciprocal", np.int32, (1024,)),
        ("softplus", np.int32, (2 * LIMIT + 1,)),
        ("log_expm1", np.int32, (LIMIT + 1,)),
    ],
    align=True,
)


def _first_weights(n_experts: int) -> NDArray[np.int32]:
    """Weights of one row at the start: three eighths shared by the experts, little by the
    counters."""
    row = np.zeros(INPUTS, np.int32)
    row[:n_experts] = 24576 // n_experts
    row[n_experts : n_experts + CONTEXTS] = 3277
    return row


def _first_maps() -> NDArray[np.uint16]:
    """A row of a probability map at the start: every column its own logit's probability."""
    logits = np.clip((np.arange(MAP_BINS) - 16) * 128, -STRETCH_LIMIT, STRETCH_LIMIT)
    return squash_table()[logits + SQUASH_ZERO].astype(np.uint16)


def _records(count: int, kind: np.dtype[Any]) -> Any:
    """Return `count` records of zeros; kernels and plain Python read their fields alike."""
    return np.zeros(count, kind).view(np.recarray)


def new_pair(level: Level, channels: int) -> Any:
    """Return the records before the first sample of `channels`, 1 or 2."""
    pair = _records(channels, CHANNEL)
    for name, rows in (
        ("squares", level.stereo if channels == 2 else level.mono),
        ("filters", level.filters),
        ("combiners", level.combiners),
    ):
        pair[f"n_{name}"] = len(rows)
        if rows:
            pair[name][:, : len(rows)] = rows
    n_filters = len(level.filters)
    centers = len(level.mono) + 1 + len(level.combiners)
    pair.n_centers = centers
    pair.n_inputs = -(-(centers * SCALES + CONTEXTS + 1) // 8) * 8
    pair.at = SLACK
    pair.inputs_at = SLACK
    pair.joint_beta[:, :, :n_filters] = 1 << COEFFICIENT_BITS
    pair.spread = 1 << (DOMAIN_BITS - 4)
    pair.final = 65536 // SETS
    pair.weights.reshape(channels, -1, INPUTS)[:] = _first_weights(centers * SCALES)
    pair.direct = HALF
    pair.maps.reshape(channels, -1, MAP_BINS)[:] = _first_maps()
    return pair


def new_common(values: Values) -> Any:
    """Return the record of tables and values, (1,)."""
    common = _records(1, COMMON)
    for name in ("fraction", "low", "high", "step"):
        common[name] = getattr(values, name)
    size = values.places.size
    common.n_listed = size
    if size:
        common.listed[0, :size] = values.listed
        common.bounds[0, : size + 1] = values.bounds
    common.squash = squash_table()
    common.stretch = stretch_table()
    common.reciprocal = reciprocal_table()
    common.softplus = softplus_table()
    common.log_expm1 = log_expm1_table()
    return common
