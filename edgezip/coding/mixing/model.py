"""The state of one context mixer: every table that both sides adapt while coding."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import memory
from edgezip.coding.adaptive import HALF, MAP_BINS
from edgezip.coding.histories import state_table
from edgezip.coding.logistic import (
    SQUASH_ZERO,
    STRETCH_LIMIT,
    reciprocal_table,
    squash_table,
    stretch_table,
)

from .layout import (
    APM_SIZE,
    DIRECT,
    FAR,
    FIELD_ENTRIES,
    LASTS,
    LASTS_SIZE,
    MOST_SETS,
    R_CONTEXTS,
    R_EARLY,
    R_EVEN,
    R_FINAL_RATE,
    R_FINAL_SETS,
    R_FINAL_WIDTH,
    R_FINALS,
    R_INPUTS,
    R_MAPS,
    R_MASK,
    R_PROFILE,
    R_RATE,
    R_RESIDUALS,
    R_RUNS,
    R_SETS,
    REGISTERS,
    RESIDUAL_KINDS,
    RESIDUAL_ROW,
    STREAM_FIELDS,
)
from .params import LEVELS, MixParams
from .prior import load_prior
from .profile import Profile, profile_of
from .similarity import WORST

_TABLES = (
    "slots", "maps", "direct", "heads", "matchmaps", "weights", "final", "apms", "votes", "seen",
    "runs", "runmaps",
)  # fmt: skip
"""The adaptive tables: one block of memory holds them. The small ones of residual models are
besides."""


class Model(NamedTuple):
    """Arrays of the mixer; docs/modelling.md says what they hold. S is the number of streams.

    Constant tables: squash, stretch, reciprocal, follow, ends (1 for bytes that end a field).
    Adaptive: slots (bit histories), maps (their probabilities), direct, heads (last bytes behind a
    context), matchmaps, weights, final, apms, votes (record lengths), seen (places of hashed
    strings), runs (what came last in a context), runmaps. Per stream: streams (S, STREAM_FIELDS),
    fields (S, FIELD_ENTRIES), history and bounds (byte `pos` of stream s lies at pos * S + s). Of
    the only stream of a profile with residual models: scores (of distances), lasts (bytes that
    came last), histograms.
    run_slots lists the contexts with run models. silent lists inputs that count as 0: none, but in
    bench/ablation.py. The others are scratch.
    """

    squash: NDArray[np.int32]
    stretch: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    follow: NDArray[np.uint8]
    ends: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    maps: NDArray[np.uint32]
    direct: NDArray[np.uint32]
    heads: NDArray[np.int64]
    matchmaps: NDArray[np.uint32]
    runs: NDArray[np.uint32]
    runmaps: NDArray[np.uint32]
    weights: NDArray[np.int16]
    final: NDArray[np.int32]
    apms: NDArray[np.uint16]
    votes: NDArray[np.int32]
    seen: NDArray[np.int32]
    streams: NDArray[np.int64]
    fields: NDArray[np.int64]
    history: NDArray[np.uint8]
    bounds: NDArray[np.uint8]
    scores: NDArray[np.uint16]
    histograms: NDArray[np.uint8]
    silent: NDArray[np.int64]
    inputs: NDArray[np.int16]
    scratch: NDArray[np.int64]
    hashes: NDArray[np.int64]
    direct_hashes: NDArray[np.int64]
    bases: NDArray[np.int64]
    lasts: NDArray[np.uint16]
    last_places: NDArray[np.int64]
    guesses: NDArray[np.int64]
    guess_rows: NDArray[np.int64]
    run_slots: NDArray[np.int64]
    run_places: NDArray[np.int64]
    run_last: NDArray[np.int64]
    run_before: NDArray[np.int64]
    run_expected: NDArray[np.int64]
    direct_bases: NDArray[np.int64]
    selected: NDArray[np.int64]
    outputs: NDArray[np.int32]


def new_model(params: MixParams, streams: int, capacity: int, tokens: bool) -> Model:
    """Return a fresh model.

    Args:
        params: the stored settings.
        streams: number of streams, each with its own history.
        capacity: bytes of history per stream; history and bounds may be exchanged for longer ones.
        tokens: whether tokens with model logits are coded, or bytes.

    Raises:
        ValueError: the profile is for a single stream.
    """
    if streams > 1 and not tokens and profile_of(params.profile).residuals:
        raise ValueError("residual models follow a single stream")
    log2 = params.mem_log2
    squash = squash_table()
    profile = profile_of(params.profile, tokens)
    prior = load_prior(profile)
    runs = _runs_in_use(profile, params)
    residuals = _residuals_in_use(profile, params)
    apm = squash[
        np.clip((np.arange(MAP_BINS) - 16) * 128, -STRETCH_LIMIT, STRETCH_LIMIT) + SQUASH_ZERO
    ].astype(np.uint16)
    tables = memory.tables(
        {
            "slots": ((1 << log2) + (1 << log2 - 3) + 16, np.uint8),
            "direct": (1 << min(max(log2 - 4, 14), 21), np.uint32),
            "runs": (1 << log2 - 3 if runs else 0, np.uint32),
            "heads": (1 << 18, np.int64),
            "seen": (2 << max(log2 - 6, 14), np.int32),
            "votes": (profile.longest_record, np.int32),
            "apms": (profile.maps * APM_SIZE * MAP_BINS, np.uint16),
            **{name: (table.size, table.dtype) for name, table in prior._asdict().items()},
        }
    )
    tables["direct"].fill(HALF)
    tables["apms"].reshape(-1, MAP_BINS)[:] = apm
    for name, table in prior._asdict().items():
        tables[name][:] = table
    return Model(
        squash=squash,
        stretch=stretch_table(),
        reciprocal=reciprocal_table(),
        follow=state_table()[0],
        ends=_field_ends(profile),
        **tables,
        streams=np.zeros((streams, STREAM_FIELDS), np.int64),
        fields=np.zeros((streams, FIELD_ENTRIES), np.int64),
        history=np.zeros(streams * capacity, np.uint8),
        bounds=np.zeros(streams * capacity, np.uint8),
        scores=np.full(2 * FAR if residuals else 0, WORST, np.uint16),
        histograms=np.zeros(residuals * RESIDUAL_KINDS * RESIDUAL_ROW, np.uint8),
        silent=np.zeros(0, np.int64),
        inputs=np.zeros(profile.inputs, np.int16),
        scratch=_registers(profile, params),
        hashes=np.zeros(len(profile.contexts), np.int64),
        direct_hashes=np.zeros(DIRECT, np.int64),
        bases=np.zeros(len(profile.contexts), np.int64),
        lasts=np.zeros(LASTS * LASTS_SIZE if residuals else 0, np.uint16),
        last_places=np.zeros(LASTS if residuals else 0, np.int64),
        guesses=np.zeros(residuals, np.int64),
        guess_rows=np.zeros(residuals, np.int64),
        run_slots=np.array(profile.runs, np.int64),
        run_places=np.zeros(len(profile.runs), np.int64),
        run_last=np.zeros(len(profile.runs), np.int64),
        run_before=np.zeros(len(profile.runs), np.int64),
        run_expected=np.zeros(len(profile.runs), np.int64),
        direct_bases=np.zeros(DIRECT, np.int64),
        selected=np.zeros(MOST_SETS, np.int64),
        outputs=np.zeros(MOST_SETS, np.int32),
    )


def _runs_in_use(profile: Profile, params: MixParams) -> int:
    return len(profile.runs) if params.level == LEVELS - 1 else 0


def _residuals_in_use(profile: Profile, params: MixParams) -> int:
    return len(profile.residuals) if params.level == LEVELS - 1 else 0


def _field_ends(profile: Profile) -> NDArray[np.uint8]:
    ends = np.zeros(256, np.uint8)
    ends[list(profile.field_ends)] = 1
    return ends


def _registers(profile: Profile, params: MixParams) -> NDArray[np.int64]:
    """Scratch registers with all that the kernels must know of the profile."""
    r = np.zeros(REGISTERS, np.int64)
    r[R_MASK] = (1 << params.mem_log2 - 6) - 1
    r[R_PROFILE] = profile.number
    r[R_CONTEXTS] = profile.levels[params.level]
    r[R_RUNS] = _runs_in_use(profile, params)
    r[R_RESIDUALS] = _residuals_in_use(profile, params)
    r[R_INPUTS] = profile.inputs
    r[R_SETS] = profile.sets
    r[R_FINAL_WIDTH] = profile.final_width
    r[R_RATE] = profile.mixer_rate
    r[R_FINAL_RATE] = profile.final_rate
    r[R_FINALS] = len(profile.finals) + 1
    r[R_FINAL_SETS + 1 : R_FINAL_SETS + 1 + len(profile.finals)] = profile.finals
    r[R_MAPS] = profile.maps
    r[R_EVEN] = profile.even_maps
    r[R_EARLY] = profile.early
    return r


def copy_model(model: Model, size: int) -> Model:
    """A copy of `model` whose history has `size` bytes."""
    alone = {name: table.copy() for name, table in model._asdict().items() if name not in _TABLES}
    alone["history"], alone["bounds"] = np.zeros((2, size), np.uint8)
    used = min(size, model.history.size)
    alone["history"][:used] = model.history[:used]
    alone["bounds"][:used] = model.bounds[:used]
    tables = memory.tables({name: (table.size, table.dtype) for name, table in _tables_of(model)})
    for name, table in _tables_of(model):
        tables[name][:] = table
    return Model(**alone, **tables)


def _tables_of(model: Model) -> list[tuple[str, NDArray[Any]]]:
    return [(name, getattr(model, name)) for name in _TABLES]


def release(model: Model) -> None:
    """Leave the tables of `model`, which must not be used any more, to the next model."""
    memory.give_back(model.slots)
