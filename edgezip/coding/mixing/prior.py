"""The state the mixer starts from: learned from the training corpus once, part of the stream
format.

`prior.bin` is an LZMA stream. Uncompressed it holds, for each of three kinds (tokens; bytes of
text; bytes of binary data), the maps and match maps as little-endian uint32; then for each kind, as
little-endian int16 in units of WEIGHT_STEP where they are weights: the mean row of every weight
set, the number of rows stored on their own, their indices, their values, and the final rows.
Without the file (only when it is made anew) plain starting values serve.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.histories import state_table

from .layout import CONTEXT_INPUT, INPUTS, MATCH_MAPS, MODEL_INPUT, N_CONTEXTS, SET_SIZE, SETS

FILE = Path(__file__).with_name("prior.bin")
KINDS = 3
COUNT_LIMIT = 100
WEIGHT_STEP = 64
_FINAL = SET_SIZE * 8


class Prior(NamedTuple):
    """Starting values: maps uint32 (N_CONTEXTS * 256,), matchmaps uint32, weights and final int32,
    all flat."""

    maps: NDArray[np.uint32]
    matchmaps: NDArray[np.uint32]
    weights: NDArray[np.int32]
    final: NDArray[np.int32]


def plain_prior(tokens: bool) -> Prior:
    """Return the starting values without any training."""
    _, counts = state_table()
    p = (counts[:, 1].astype(np.int64) * 2 + 1) * (1 << 22) // (2 * counts.sum(1) + 2)
    maps = np.tile((p << 10).astype(np.uint32), N_CONTEXTS)
    maps[::256] = 0x80000000
    row = np.full(INPUTS, 3250 if tokens else 13000, np.int32)
    row[CONTEXT_INPUT + 1 :: 2] = 500 if tokens else 2000
    row[MODEL_INPUT] = 30000 if tokens else 0
    row[MODEL_INPUT + 1] = 0
    row[CONTEXT_INPUT - 1] = 0
    return Prior(
        maps,
        np.full(MATCH_MAPS, 0xC0000000, np.uint32),
        np.tile(row, SETS * SET_SIZE),
        np.full(_FINAL, 65536 // SETS, np.int32),
    )


def pack_prior(kinds: list[Prior], kept: list[NDArray[np.int64]]) -> bytes:
    """Return the file's bytes; `kept[k]` are the indices of the weight rows of kind k stored on
    their own."""
    maps: list[NDArray[np.uint32]] = []
    weights: list[NDArray[Any]] = []
    for kind, (prior, rows) in enumerate(zip(kinds, kept, strict=True)):
        table = prior.weights.reshape(-1, INPUTS)
        plain = plain_prior(kind == 0).weights.reshape(-1, INPUTS)
        moved = np.abs(table.astype(np.int64) - plain).sum(1).astype(np.float64)
        for k in range(SETS):
            part = slice(k * SET_SIZE, (k + 1) * SET_SIZE)
            share = moved[part] if moved[part].sum() else np.ones(SET_SIZE)
            weights.append(np.rint(share @ table[part] / share.sum() / WEIGHT_STEP))
        maps += [_limited(prior.maps), _limited(prior.matchmaps)]
        weights += [np.array([rows.size]), rows, np.rint(table[rows] / WEIGHT_STEP).reshape(-1)]
        weights.append(np.rint(prior.final / WEIGHT_STEP))
    body = np.concatenate(maps).astype("<u4").tobytes()
    body += np.concatenate(weights).clip(-32768, 32767).astype("<i2").tobytes()
    return lzma.compress(body, preset=9 | lzma.PRESET_EXTREME)


def _limited(table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A map with 14-bit probabilities and counts of at most COUNT_LIMIT, so that it adapts to a
    document soon."""
    counts = np.minimum(table & np.uint32(1023), np.uint32(COUNT_LIMIT))
    return np.asarray((table & np.uint32(0xFFFC0000)) | counts, np.uint32)


@cache
def _stored() -> list[Prior]:
    body = lzma.decompress(FILE.read_bytes())
    per_kind = N_CONTEXTS * 256 + MATCH_MAPS
    maps = np.frombuffer(body, "<u4", KINDS * per_kind).reshape(KINDS, -1).astype(np.uint32)
    flat = np.frombuffer(body, "<i2", offset=4 * maps.size).astype(np.int32)
    kinds = []
    at = 0

    def take(n: int) -> NDArray[np.int32]:
        nonlocal at
        at += n
        return flat[at - n : at]

    for table in maps:
        means = take(SETS * INPUTS).reshape(SETS, INPUTS) * WEIGHT_STEP
        rows = take(int(take(1)[0]))
        weights = np.repeat(means, SET_SIZE, axis=0)
        weights[rows] = take(rows.size * INPUTS).reshape(-1, INPUTS) * WEIGHT_STEP
        final = take(_FINAL) * WEIGHT_STEP
        split = N_CONTEXTS * 256
        prior = Prior(table[:split], table[split:], weights.reshape(-1), final)
        for array in prior:
            array.flags.writeable = False
        kinds.append(prior)
    return kinds


def load_prior(tokens: bool, profile: int) -> Prior:
    """Return the starting values for token coding or for bytes of a profile, read-only."""
    if not FILE.exists():
        return plain_prior(tokens)
    return _stored()[0 if tokens else 1 + profile]
