"""The state the mixer starts from: learned from the training corpus once, part of the stream
format.

`priors/NAME.bin`, one for each profile, is an LZMA stream. Uncompressed it holds the maps, match
maps and run maps as little-endian uint32; then, as little-endian int16: the mean row of every
weight set in units of WEIGHT_STEP, the number of rows stored on their own, their indices, their
values in units of WEIGHT_STEP, and the final rows in units of FINAL_STEP. Without the file (only
when it is made anew) plain starting values serve.
"""

from __future__ import annotations

import lzma
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.histories import state_table

from .layout import CONTEXT_INPUT, MATCH_MAPS, MODEL_INPUT, OF_CONTEXT, SET_SIZE
from .profile import Profile

WEIGHT_STEP = 8
FINAL_STEP = 64
_TRUSTED = 0xC0000000
"""What matches and runs begin with: right three times in four."""


class Prior(NamedTuple):
    """Starting values, all flat: maps uint32 (contexts * 256,), matchmaps uint32, runmaps uint32
    (runs * 256,), weights int16, final int32."""

    maps: NDArray[np.uint32]
    matchmaps: NDArray[np.uint32]
    runmaps: NDArray[np.uint32]
    weights: NDArray[np.int16]
    final: NDArray[np.int32]


def plain_prior(profile: Profile) -> Prior:
    """Return the starting values without any training."""
    _, counts = state_table()
    p = (counts[:, 1].astype(np.int64) * 2 + 1) * (1 << 22) // (2 * counts.sum(1) + 2)
    maps = np.tile((p << 10).astype(np.uint32), len(profile.contexts))
    maps[::256] = 0x80000000
    row = np.full(profile.inputs, profile.plain_weight, np.int16)
    behind = CONTEXT_INPUT + OF_CONTEXT * len(profile.contexts)
    row[CONTEXT_INPUT + 1 : behind : OF_CONTEXT] = profile.plain_weight * 2 // 13
    row[CONTEXT_INPUT + 2 : behind : OF_CONTEXT] = 0
    row[behind:] = 0
    row[MODEL_INPUT] = profile.model_weight
    row[MODEL_INPUT + 1] = 0
    return Prior(
        maps,
        np.full(MATCH_MAPS, _TRUSTED, np.uint32),
        np.full(len(profile.runs) * 256, _TRUSTED, np.uint32),
        np.tile(row, profile.sets * SET_SIZE),
        np.full(
            SET_SIZE * profile.final_width * (1 + len(profile.finals)),
            65536 // profile.sets,
            np.int32,
        ),
    )


def pack_prior(profile: Profile, prior: Prior, rows: NDArray[np.int64]) -> bytes:
    """Return the file's bytes; `rows` are the indices of the weight rows stored on their own."""
    table = prior.weights.reshape(-1, profile.inputs)
    plain = plain_prior(profile).weights.reshape(-1, profile.inputs)
    moved = np.abs(table.astype(np.int64) - plain).sum(1).astype(np.float64)
    weights: list[NDArray[Any]] = []
    for k in range(profile.sets):
        part = slice(k * SET_SIZE, (k + 1) * SET_SIZE)
        share = moved[part] if moved[part].sum() else np.ones(SET_SIZE)
        weights.append(_in_steps(share @ table[part] / share.sum()))
    weights += [np.array([rows.size]), rows, _in_steps(table[rows]).reshape(-1)]
    weights.append(np.rint(prior.final / FINAL_STEP))
    maps = (prior.maps, prior.matchmaps, prior.runmaps)
    body = np.concatenate([_limited(profile, table) for table in maps]).astype("<u4").tobytes()
    body += np.concatenate(weights).clip(-32768, 32767).astype("<i2").tobytes()
    return lzma.compress(body, preset=9 | lzma.PRESET_EXTREME)


def _in_steps(weights: NDArray[Any]) -> NDArray[np.float64]:
    """Weights in units of WEIGHT_STEP, so that they are within 16 bits when they are read."""
    most = 32767 // WEIGHT_STEP
    return np.rint(weights / WEIGHT_STEP).clip(-most, most)


def _limited(profile: Profile, table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A map with 14-bit probabilities and limited counts, so that it adapts to a document soon."""
    counts = np.minimum(table & np.uint32(1023), np.uint32(profile.learned_count))
    return np.asarray((table & np.uint32(0xFFFC0000)) | counts, np.uint32)


@cache
def load_prior(profile: Profile) -> Prior:
    """Return the starting values of a profile, read-only."""
    prior = _stored(profile) if profile.prior_file.exists() else plain_prior(profile)
    for array in prior:
        array.flags.writeable = False
    return prior


def _stored(profile: Profile) -> Prior:
    body = lzma.decompress(profile.prior_file.read_bytes())
    sizes = [len(profile.contexts) * 256, MATCH_MAPS, len(profile.runs) * 256]
    words = np.frombuffer(body, "<u4", sum(sizes)).astype(np.uint32)
    flat = np.frombuffer(body, "<i2", offset=4 * words.size).astype(np.int16)
    inputs, sets = profile.inputs, profile.sets
    means, flat = np.split(flat, [sets * inputs])
    count, flat = np.split(flat, [1])
    rows, flat = np.split(flat, [int(count[0])])
    own, final = np.split(flat, [rows.size * inputs])
    weights = np.repeat(means.reshape(sets, inputs) * WEIGHT_STEP, SET_SIZE, axis=0)
    weights[rows] = own.reshape(-1, inputs) * WEIGHT_STEP
    maps, matchmaps, runmaps = np.split(words, np.cumsum(sizes[:2]))
    return Prior(maps, matchmaps, runmaps, weights.reshape(-1), final.astype(np.int32) * FINAL_STEP)
