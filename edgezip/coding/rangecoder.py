"""A carry-correct 64-bit range coder in Numba.

Method: G. N. N. Martin, "Range encoding" (1979), with byte-wise renormalisation and the carry
propagated into the bytes already written. Every number is a 64-bit unsigned integer; docs/coding.md
gives the state machine in a form from which a decoder can be written.

The encoder is a `uint64[4]` array `state` and a `uint8` array `out`; the decoder is a `uint64[5]`
array and the payload as a `uint8` array. Read every written byte and LOW as one long binary
fraction: the code interval is [LOW, LOW + RANGE) in units of the last place of LOW.

Invariants, between any two calls:

- RANGE_NORMAL: 2**56 <= RANGE < 2**64.
- LOW_BELOW_ONE: the fraction LOW + RANGE stays <= 1, so that a carry never runs past `out[0]`.
- POS_EQUAL: POS, the bytes that have left the 64-bit window, is the same number in the encoder and
  the decoder after the same codings, whatever the symbols were. So the payload has POS + k bytes,
  where 0 <= k <= 8 is the flush, and the decoder knows its length at the end.
- CODE_INSIDE (decoder): CODE, the payload minus LOW, is < RANGE, unless the payload is not one that
  an encoder could have written; then ERROR is set and decoding goes on with wrong symbols, but
  without reading or writing out of bounds.

Room in `out`: a coding with a total of `bits` bits writes at most `ceil(bits / 8)` bytes, the flush
at most 8. The kernels do not check; callers size `out` with `output_bound`, or grow it between
codings (POS is `state[POS]`).

In pure Python (NUMBA_DISABLE_JIT=1) the same functions work on NumPy scalars; they wrap around as
they do in Numba, with a RuntimeWarning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.jit import njit
from edgezip.errors import FormatError

LOW = 0
"""Encoder: lower end of the code interval (64-bit window)."""
CODE = 0
"""Decoder: payload window minus the encoder's LOW."""
RANGE = 1
"""Width of the code interval."""
POS = 2
"""Bytes that have left the window."""
ERROR = 3
"""Decoder: 0, or a sum of ERROR_INVALID and ERROR_OVERREAD."""
UNIT = 4
"""Decoder: RANGE divided by the total, kept between `decode_target` and `decode_update`."""

ERROR_INVALID = 1
ERROR_OVERREAD = 2

MAX_TOTAL_BITS = 32
"""Largest `total_bits` and `bits` of a coding."""

_U = np.uint64
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_BOTTOM = np.uint64(1 << 56)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_EIGHT = np.uint64(8)
_TOP = np.uint64(56)


def output_bound(n_codings: int, bits: int = MAX_TOTAL_BITS) -> int:
    """Return a number of bytes that `n_codings` codings of totals of `bits` bits never exceed."""
    return n_codings * -(-bits // 8) + 8


def new_encoder() -> NDArray[np.uint64]:
    """Return the state of a fresh encoder, `uint64[4]`."""
    return np.array([0, _FULL, 0, 0], dtype=np.uint64)


def new_decoder(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the state of a decoder at the start of the payload `data` (n,), `uint64[5]`."""
    first = int.from_bytes(data[:8].tobytes().ljust(8, b"\0"), "big")
    invalid = ERROR_INVALID if first == int(_FULL) else 0
    return np.array([first, _FULL, 0, invalid, 0], dtype=np.uint64)


@njit()
def _carry(out, pos):  # type: ignore[no-untyped-def]
    """Add one to the big-endian number `out[:pos]`."""
    i = np.int64(pos) - 1
    while out[i] == 255:
        out[i] = 0
        i -= 1
    out[i] += np.uint8(1)


@njit()
def _renormalise(state, out, low, width):  # type: ignore[no-untyped-def]
    """Write whole bytes until the width is back in [2**56, 2**64) and store the state."""
    pos = state[POS]
    while width < _BOTTOM:
        out[pos] = np.uint8(low >> _TOP)
        pos += _ONE
        low = low << _EIGHT
        width = width << _EIGHT
    state[LOW] = low
    state[RANGE] = width
    state[POS] = pos


@njit()
def encode(state, out, start, freq, total_bits):  # type: ignore[no-untyped-def]
    """Code the interval [start, start + freq) of [0, 2**total_bits).

    Needs 0 <= start, 1 <= freq, start + freq <= 2**total_bits and 0 <= total_bits <= 32.
    """
    unit = state[RANGE] >> _U(total_bits)
    low = state[LOW]
    moved = low + _U(start) * unit
    if moved < low:
        _carry(out, state[POS])
    _renormalise(state, out, moved, _U(freq) * unit)


@njit()
def encode_bit(state, out, p1, bits, bit):  # type: ignore[no-untyped-def]
    """Code one binary decision whose probability of being 1 is p1 / 2**bits.

    Needs 1 <= p1 <= 2**bits - 1 and 1 <= bits <= 32. No part of the range is wasted.
    """
    bound = (state[RANGE] >> _U(bits)) * _U(p1)
    low = state[LOW]
    if bit:
        _renormalise(state, out, low, bound)
    else:
        moved = low + bound
        if moved < low:
            _carry(out, state[POS])
        _renormalise(state, out, moved, state[RANGE] - bound)


@njit()
def _flush_value(low, width):  # type: ignore[no-untyped-def]
    """Return (value, k): the k-byte multiple of 2**(64 - 8k) in [low, low + width) with least k.

    The value is taken modulo 2**64: value < low means a carry.
    """
    mask = _FULL
    k = 0
    value = _ZERO
    while value - low >= width:
        k += 1
        mask = mask >> _EIGHT
        value = (low + mask) & ~mask
    return value, k


@njit()
def encode_finish(state, out):  # type: ignore[no-untyped-def]
    """Write the flush bytes and return the length of the payload `out[:length]`.

    The fewest bytes are written with which the decoder, which reads zeros behind the end, stays
    inside the interval.
    """
    low = state[LOW]
    value, k = _flush_value(low, state[RANGE])
    if value < low:
        _carry(out, state[POS])
    pos = np.int64(state[POS])
    for i in range(k):
        out[pos + i] = np.uint8(value >> _TOP)
        value = value << _EIGHT
    return pos + k


@njit()
def _refill(state, data, code, width):  # type: ignore[no-untyped-def]
    """Take in whole bytes until the width is back in [2**56, 2**64) and store the state."""
    size = _U(data.size)
    pos = state[POS]
    while width < _BOTTOM:
        code = code << _EIGHT
        if pos + _EIGHT < size:
            code |= _U(data[pos + _EIGHT])
        pos += _ONE
        width = width << _EIGHT
    if pos > size:
        state[ERROR] |= _U(ERROR_OVERREAD)
    state[CODE] = code
    state[RANGE] = width
    state[POS] = pos


@njit(error_model="numpy")
def decode_target(state, total_bits):  # type: ignore[no-untyped-def]
    """Return the number in [0, 2**total_bits) that lies in the interval of the next symbol."""
    unit = state[RANGE] >> _U(total_bits)
    state[UNIT] = unit
    target = state[CODE] // unit
    last = (_ONE << _U(total_bits)) - _ONE
    if target > last:
        state[ERROR] |= _U(ERROR_INVALID)
        target = last
    return target


@njit()
def decode_update(state, data, start, freq):  # type: ignore[no-untyped-def]
    """Remove the symbol with [start, start + freq); call once after each `decode_target`."""
    unit = state[UNIT]
    _refill(state, data, state[CODE] - _U(start) * unit, _U(freq) * unit)


@njit()
def decode_bit(state, data, p1, bits):  # type: ignore[no-untyped-def]
    """Return the binary decision coded by `encode_bit` with the same p1 and bits."""
    bound = (state[RANGE] >> _U(bits)) * _U(p1)
    code = state[CODE]
    if code < bound:
        _refill(state, data, code, bound)
        return 1
    _refill(state, data, code - bound, state[RANGE] - bound)
    return 0


@njit()
def is_settled(state, size):  # type: ignore[no-untyped-def]
    """Whether all symbols decoded so far are those that the encoder coded, if the payload was
    longer than its first `size` bytes, which are there: whatever bytes follow, zeros or others,
    CODE stays inside the interval."""
    if state[ERROR] != _ZERO:
        return False
    known = _U(size)
    pos = state[POS]
    if pos + _EIGHT <= known:
        return True
    if pos >= known:
        return False
    most = (_ONE << (_EIGHT * (pos + _EIGHT - known))) - _ONE
    return state[CODE] < state[RANGE] and state[RANGE] - state[CODE] > most


def decode_finish(state: NDArray[np.uint64], data: NDArray[np.uint8]) -> None:
    """Check that `data` is, byte for byte, what the encoder writes for the symbols decoded.

    Damage that leads to other symbols, of which the payload is the encoding, is not noticed: the
    container has a checksum for that.

    Raises:
        FormatError: it is not; bytes are missing, left over or wrong.
    """
    code, width, pos, error = (int(state[i]) for i in (CODE, RANGE, POS, ERROR))
    if error & ERROR_OVERREAD or pos > data.size:
        raise FormatError("payload is damaged: it ends before its last symbol")
    window = int.from_bytes(data[pos : pos + 8].tobytes().ljust(8, b"\0"), "big")
    low = (window - code) % (1 << 64)
    value, k = _flush_value(np.uint64(low), np.uint64(width))
    if error or code >= width or int(value) != window:
        raise FormatError("payload is damaged: no encoder writes these bytes")
    if pos + int(k) != data.size:
        raise FormatError("payload is damaged: its length does not fit its symbols")
