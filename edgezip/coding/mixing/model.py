"""The state of one context mixer: every table that both sides adapt while coding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .layout import (
    APM_BINS,
    APM_SIZE,
    APMS,
    DIRECT,
    FINAL_ROWS,
    INPUTS,
    MATCH_CONTEXTS,
    MODEL_INPUT,
    N_CONTEXTS,
    R_MASK,
    R_RATE,
    R_TOKENS,
    R_TUNE,
    REGISTERS,
    SET_SIZE,
    SETS,
    STREAM_FIELDS,
)
from .tables import reciprocal_table, squash_table, state_table, stretch_table

HALF = 0x80000000


class Model(NamedTuple):
    """Arrays of the mixer. Shapes and meaning are in docs/modelling.md; S is the number of streams."""

    squash: NDArray[np.int32]
    stretch: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    follow: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    maps: NDArray[np.uint32]
    direct: NDArray[np.uint32]
    heads: NDArray[np.int64]
    matchmaps: NDArray[np.uint32]
    weights: NDArray[np.int32]
    final: NDArray[np.int32]
    apms: NDArray[np.int32]
    inputs: NDArray[np.int32]
    scratch: NDArray[np.int64]
    hashes: NDArray[np.int64]
    bases: NDArray[np.int64]
    dbases: NDArray[np.int64]
    selected: NDArray[np.int64]
    outputs: NDArray[np.int32]
    streams: NDArray[np.int64]
    history: NDArray[np.uint8]
    bounds: NDArray[np.uint8]
    votes: NDArray[np.int32]
    seen: NDArray[np.int32]


def _initial_maps() -> NDArray[np.uint32]:
    _, counts = state_table()
    maps = np.empty((N_CONTEXTS, 256), np.uint32)
    for s in range(256):
        zeros, ones = int(counts[s, 0]), int(counts[s, 1])
        p = (ones * 2 + 1) * (1 << 22) // (2 * (zeros + ones) + 2)
        maps[:, s] = p << 10
    maps[:, 0] = HALF
    return maps.reshape(-1)


def new_model(mem_log2: int, streams: int, capacity: int, tokens: bool = False) -> Model:
    """Return a fresh model.

    Args:
        mem_log2: log2 of the bytes of the slot table, 16 to 26.
        streams: number of streams, each with its own history.
        capacity: bytes of history per stream; the arrays can be exchanged for longer ones later.
    """
    squash = squash_table()
    follow, _ = state_table()
    weights = np.zeros((SETS * SET_SIZE, INPUTS), np.int32)
    weights[:, : MODEL_INPUT] = int(__import__('os').environ.get('W0','13000'))
    weights[:, 1 : 2 * N_CONTEXTS : 2] = int(__import__('os').environ.get('W1','2000'))
    apm = squash[np.clip((np.arange(APM_BINS) - 16) * 128, -2047, 2047) + 3072]
    return Model(
        squash=squash,
        stretch=stretch_table(),
        reciprocal=reciprocal_table(),
        follow=follow,
        slots=np.zeros((1 << mem_log2) + (1 << mem_log2 - 3) + 16, np.uint8),
        maps=_initial_maps(),
        direct=np.full(1 << max(min(mem_log2 - 4, 21), 14), HALF, np.uint32),
        heads=np.zeros(1 << 18, np.int64),
        matchmaps=np.full(MATCH_CONTEXTS, 0xC0000000, np.uint32),
        weights=weights.reshape(-1),
        final=np.full(FINAL_ROWS * 8, 65536 // SETS, np.int32),
        apms=np.tile(apm, APMS * APM_SIZE).astype(np.int32),
        inputs=np.zeros(INPUTS, np.int32),
        scratch=_registers(mem_log2, tokens),
        hashes=np.zeros(N_CONTEXTS + DIRECT, np.int64),
        bases=np.zeros(N_CONTEXTS, np.int64),
        dbases=np.zeros(DIRECT, np.int64),
        selected=np.zeros(SETS, np.int64),
        outputs=np.zeros(SETS, np.int32),
        streams=np.zeros((streams, STREAM_FIELDS), np.int64),
        history=np.zeros(streams * capacity, np.uint8),
        bounds=np.zeros(streams * capacity, np.uint8),
        votes=np.zeros(2048, np.int32),
        seen=np.zeros(2 << max(mem_log2 - 6, 14), np.int32),
    )


def _registers(mem_log2: int, tokens: bool) -> NDArray[np.int64]:
    registers = np.zeros(REGISTERS, np.int64)
    registers[R_RATE] = 14000
    registers[R_MASK] = (1 << mem_log2 - 6) - 1
    registers[R_TOKENS] = tokens
    registers[R_TUNE : R_TUNE + 6] = 128, 255, 60, 6, 0, 0
    import os
    for item in os.environ.get("TUNE", "").split():
        a, b = item.split("=")
        registers[int(a)] = int(b)
    return registers
