"""The loop over samples, for both directions."""

from __future__ import annotations

from edgezip.coding.jit import njit

from .experts import ERROR_BITS, learn_errors
from .prediction import learn_sample, predict_sample
from .sample import code_flat, code_index, value_at

_SPREADS = (3, 5, 8)
_FAST, _MIDDLE, _SLOW = _SPREADS


@njit(_nrt=False)
def _learn_spread(ch, value):  # type: ignore[no-untyped-def]
    """Running errors of the final prediction, which choose contexts and the ladder's unit."""
    error = abs(value - ch.center[ch.n_squares + 1]) << ERROR_BITS
    spread = ch.spread
    spread[0] += (error - spread[0]) >> _FAST
    spread[1] += (error - spread[1]) >> _MIDDLE
    spread[2] += (error - spread[2]) >> _SLOW


@njit(_nrt=False, nogil=True)
def run_samples(pair, common, history, start, indices, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code `indices`, int64 (n, channels), to `payload`, or fill it from there.

    pair: CHANNEL records (channels,). common: a COMMON record (1,). history: int32 (frames,
    channels), the samples in the domain, filled from frame `start` on.
    """
    cm = common[0]
    channels = pair.size
    for i in range(indices.shape[0]):
        t = start + i
        for c in range(channels):
            ch = pair[c]
            other = pair[channels - 1 - c]
            predict_sample(ch, other, history, t, c)
            index = code_index(
                ch, cm, other, channels == 1, indices[i, c], coder, payload, encoding
            )
            indices[i, c] = index
            value = value_at(cm, index)
            history[t, c] = value
            _learn_spread(ch, value)
            learn_errors(ch, value)
            learn_sample(ch, value)
            ch.time += 1


@njit(_nrt=False, nogil=True)
def run_flat(numbers, bits, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code `numbers`, int64 (n,), of `bits` bits each without a model, or fill it."""
    for i in range(numbers.size):
        numbers[i] = code_flat(numbers[i], bits, coder, payload, encoding)
