"""All linear predictors of one sample: what they say before it is known, and how they learn it."""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit

from . import filters as lms
from . import leastsquares as ls
from .repeats import AHEAD
from .state import SLACK
from .values import DOMAIN_BITS

_TOP = (1 << (DOMAIN_BITS - 1)) - 1
_RESIDUE = 1 << 22
"""Outputs of filters and differences of predictions are clipped to +-_RESIDUE."""
_INPUT_SHIFT = 8
"""From the domain to the 16 bits that sums and filters work with."""
_JOINT_SHIFT = 4
_OFFSET = 256
"""The constant feature of the combiners: it finds a bias."""
_RIDGE, _JOINT_RIDGE = 28, 18
_LOSS_BITS = 4
_LOSS_SPEED, _JOINT_LOSS_SPEED = 2, 4
_WEIGHT = 1 << 22


@njit(_nrt=False)
def _in_domain(value):  # type: ignore[no-untyped-def]
    return min(max(value, -_TOP - 1), _TOP)


@njit(_nrt=False)
def _residue(value):  # type: ignore[no-untyped-def]
    return min(max(value, -_RESIDUE), _RESIDUE)


@njit(_nrt=False)
def _fill(v, start, past, at, n):  # type: ignore[no-untyped-def]
    """Features from `start` on: the `n` newest samples."""
    for i in range(n):
        v[start + i] = past[at + i]


@njit(_nrt=False)
def _fill_lagged(v, start, history, newest, c, n):  # type: ignore[no-untyped-def]
    """Features from `start` on: `n` samples of channel `c` up to frame `newest`."""
    for i in range(n):
        v[start + i] = history[newest - i, c] if newest >= i else 0


@njit(_nrt=False)
def predict_sample(ch, beside, history, t, c):  # type: ignore[no-untyped-def]
    """Fill `ch.center` with every prediction of the next sample, in the domain; `beside` is the
    other channel of the pair, or the same one. `history`, int32 (frames, channels), has all
    samples before frame `t` of channel `c`.
    """
    n_squares, n_filters = ch.n_squares, ch.n_filters
    for m in range(n_squares):
        own, other, lagged = ch.squares[m, 0], ch.squares[m, 1], ch.squares[m, 4]
        if lagged and not ch.lag:
            ch.center[m] = ch.center[0]
            continue
        v = ch.features[m]
        _fill(v, 0, ch.past, ch.at, own)
        _fill(v, own, beside.past, beside.at, other)
        _fill_lagged(v, own + other, history, t - ch.lag + AHEAD, c, lagged)
        ch.center[m] = _in_domain(ls.predict(ch.beta[m], v, own + other + lagged))
    first = ch.center[0]
    total = first
    for s in range(n_filters):
        taps = ch.filters[s, 0]
        at = ch.inputs_at[s]
        past = ch.inputs[s, at : at + taps]
        output = _residue(lms.respond(ch.taps[s], past, taps))
        ch.outputs[s] = output
        total += output
    for m in range(1, n_squares):
        ch.outputs[n_filters + m - 1] = _residue(ch.center[m] - first)
    joint = n_filters + n_squares
    ch.outputs[joint - 1] = _OFFSET
    ch.center[n_squares] = _in_domain(total)
    for k in range(ch.n_combiners):
        correction = ls.predict(ch.joint_beta[k], ch.outputs, joint)
        ch.center[n_squares + 1 + k] = _in_domain(first + correction)


@njit(_nrt=False)
def _weight(loss):  # type: ignore[no-untyped-def]
    """Weight of a sample in the sums: falls with the running error."""
    return min(max(_WEIGHT // ((loss >> 8) + 16), 1), ls.MAX_WEIGHT)


@njit(_nrt=False)
def _learn_squares(ch, value):  # type: ignore[no-untyped-def]
    for m in range(ch.n_squares):
        lagged = ch.squares[m, 4]
        if lagged and not ch.lag:
            continue
        n = ch.squares[m, 0] + ch.squares[m, 1] + lagged
        v = ch.features[m]
        v[n] = value
        error = abs(value - ch.center[m]) << _LOSS_BITS
        ch.loss[m] += (error - ch.loss[m]) >> _LOSS_SPEED
        sums = ch.sums[m]
        ls.accumulate(sums, v, ch.scaled, n, _INPUT_SHIFT, _weight(ch.loss[m]))
        if (ch.time + 1) % ch.squares[m, 3] == 0:
            ls.fade(sums, n, ch.squares[m, 2])
            ls.solve(sums, ch.factor, ch.rest, ch.scale, ch.beta[m], n, _RIDGE)


@njit(_nrt=False)
def _learn_combiners(ch, value):  # type: ignore[no-untyped-def]
    n_squares = ch.n_squares
    n = ch.n_filters + n_squares
    ch.outputs[n] = _residue(value - ch.center[0])
    for k in range(ch.n_combiners):
        error = abs(value - ch.center[n_squares + 1 + k]) << _LOSS_BITS
        ch.joint_loss[k] += (error - ch.joint_loss[k]) >> _JOINT_LOSS_SPEED
        sums = ch.joint_sums[k]
        weight = _weight(ch.joint_loss[k])
        ls.accumulate(sums, ch.outputs, ch.scaled, n, _JOINT_SHIFT, weight)
        if (ch.time + 1) % ch.combiners[k, 1] == 0:
            ls.fade(sums, n, ch.combiners[k, 0])
            beta = ch.joint_beta[k]
            ls.solve(sums, ch.factor, ch.rest, ch.scale, beta, n, _JOINT_RIDGE)


@njit(_nrt=False)
def _push(buffer, at, length, value):  # type: ignore[no-untyped-def]
    """Put `value` in front of the `length` newest of `buffer`; returns where it is."""
    if at == 0:
        for i in range(length):
            buffer[SLACK + i] = buffer[i]
        at = SLACK
    at -= 1
    buffer[at] = value
    return at


@njit(_nrt=False)
def _learn_filters(ch, value):  # type: ignore[no-untyped-def]
    rest = value - ch.center[0]
    for s in range(ch.n_filters):
        taps = ch.filters[s, 0]
        at = ch.inputs_at[s]
        buffer = ch.inputs[s]
        past = buffer[at : at + taps]
        error = rest - ch.outputs[s]
        lms.adapt(ch.taps[s], past, taps, error, ch.filters[s, 1], ch.power[s])
        oldest = np.int64(past[taps - 1])
        newest = min(max(rest >> _INPUT_SHIFT, -32768), 32767)
        ch.power[s] += newest * newest - oldest * oldest
        ch.inputs_at[s] = _push(buffer, at, buffer.size - SLACK, newest)
        rest = error


@njit(_nrt=False)
def learn_sample(ch, value):  # type: ignore[no-untyped-def]
    """All predictors learn that the sample was `value`, in the domain."""
    _learn_squares(ch, value)
    _learn_combiners(ch, value)
    _learn_filters(ch, value)
    past = ch.past
    ch.at = _push(past, ch.at, past.size - SLACK, value)
