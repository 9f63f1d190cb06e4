"""One binary decision: the logits in `ch.x` are mixed, the bit is coded, everything learns it."""

from __future__ import annotations

import numpy as np

from edgezip.coding.adaptive import CERTAIN, MAP_BINS, TO_12_BITS, adapted, between, moved_map
from edgezip.coding.gated import dot, train
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO, STRETCH_LIMIT
from edgezip.coding.rangecoder import decode_bit, encode_bit

from .state import CONTEXT_SIZE, CONTEXTS, DECISIONS, INPUTS, MAPS, SCALES, SET_SIZE, SETS

_ONE = 256
"""The constant input."""
_COUNT_LIMIT = 250
_RATE, _EARLY_RATE, _EARLY = 32, 960, 256
"""Rate of the weights: _RATE + _EARLY_RATE * _EARLY / (_EARLY + samples), by 2**-6; below 1000, so
that products with inputs fit 32 bits."""
_FINAL_RATE = 10
_MAP_RATE = 6


@njit(_nrt=False)
def _gather(ch, cm, decision):  # type: ignore[no-untyped-def]
    """Inputs behind the experts': the direct contexts and the constant."""
    experts = ch.n_centers * SCALES
    for k in range(CONTEXTS):
        i = (k * DECISIONS + decision) * CONTEXT_SIZE + ch.context[k]
        ch.x[experts + k] = cm.stretch[ch.direct[i] >> TO_12_BITS]
    ch.x[experts + CONTEXTS] = _ONE


@njit(_nrt=False)
def _mix(ch, cm, decision):  # type: ignore[no-untyped-def]
    """The mixture's logit; each set's stays in `ch.logits`."""
    total = np.int64(0)
    used = ch.n_inputs
    for s in range(SETS):
        row = (s * DECISIONS + decision) * SET_SIZE + ch.row[s]
        ch.logits[s] = dot(ch.weights, row * INPUTS, ch.x, used)
        total += ch.logits[s] * ch.final[decision * SETS + s]
    return min(max(total >> 16, -STRETCH_LIMIT), STRETCH_LIMIT)


@njit(_nrt=False)
def _refined(ch, cm, decision, p, logit):  # type: ignore[no-untyped-def]
    """The mixture's probability averaged with two maps of it by context."""
    column, part = (logit + 2048) >> 7, ((logit + 2048) & 127) << 5
    total = 2 * p
    for k in range(MAPS):
        i = ((k * DECISIONS + decision) * SET_SIZE + ch.map_row[k]) * MAP_BINS + column
        total += between(ch.maps, i, part)
    return min(max(total >> 2, 4), 65532)


@njit(_nrt=False)
def _learn_weights(ch, cm, decision, logit, bit):  # type: ignore[no-untyped-def]
    target = np.int64(bit) << 16
    rate = _RATE + _EARLY_RATE * _EARLY // (_EARLY + ch.time)
    error = target - cm.squash[logit + SQUASH_ZERO]
    used = ch.n_inputs
    for s in range(SETS):
        row = (s * DECISIONS + decision) * SET_SIZE + ch.row[s]
        step = (target - cm.squash[ch.logits[s] + SQUASH_ZERO]) * rate >> 6
        train(ch.weights, row * INPUTS, ch.x, step, used)
        i = decision * SETS + s
        ch.final[i] += (ch.logits[s] * error * _FINAL_RATE + (1 << 17)) >> 18


@njit(_nrt=False)
def _learn_counts(ch, cm, decision, logit, bit):  # type: ignore[no-untyped-def]
    for k in range(CONTEXTS):
        i = (k * DECISIONS + decision) * CONTEXT_SIZE + ch.context[k]
        entry = np.int64(ch.direct[i])
        ch.direct[i] = adapted(entry, CERTAIN if bit else 0, _COUNT_LIMIT, cm.reciprocal)
    column = (logit + 2048 + 64) >> 7
    for k in range(MAPS):
        i = ((k * DECISIONS + decision) * SET_SIZE + ch.map_row[k]) * MAP_BINS + column
        ch.maps[i] = moved_map(np.int64(ch.maps[i]), bit, _MAP_RATE)


@njit(_nrt=False)
def code_decision(ch, cm, decision, bit, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code `bit`, or return the one decoded."""
    _gather(ch, cm, decision)
    logit = _mix(ch, cm, decision)
    p = _refined(ch, cm, decision, np.int64(cm.squash[logit + SQUASH_ZERO]), logit)
    if encoding:
        encode_bit(coder, payload, p, 16, bit)
    else:
        bit = decode_bit(coder, payload, p, 16)
    _learn_weights(ch, cm, decision, logit, bit)
    _learn_counts(ch, cm, decision, logit, bit)
    return bit
