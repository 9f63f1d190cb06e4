"""The stand-alone byte codec: the context mixer without a language model (coder 'cm')."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.jit import njit
from edgezip.coding.portions import Progress, portions
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit, is_settled
from edgezip.errors import FormatError

from .guesses import note_byte
from .history import end_byte
from .layout import R_BITS, R_C0, R_NODE, R_STREAM
from .model import Model, copy_model, new_model, release
from .params import MixParams
from .predictor import announce_nibble, begin_nibble, predict, update
from .profiles import set_contexts
from .residuals import learn_residuals
from .runs import find_runs, learn_runs

LEARN, ENCODE, DECODE, DECODE_START = 0, 1, 2, 3

_ROOM = 16
"""Bytes that a byte takes at most: eight decisions of at most 16 bits each."""
_MOST_PER_BYTE = 46_000
"""Bytes that one byte of payload holds at most: no decision is surer than 65535 in 65536, so eight
of them take 1 / 45,425 of a byte."""


@njit(_nrt=False, nogil=True)
def run_bytes(m, s, coder, payload, data, mode):  # type: ignore[no-untyped-def]
    """Code `data`, uint8 (n,), as bytes of stream `s`: LEARN only, ENCODE to or DECODE from
    `payload`. Decoding ends behind the payload's end, or where it cannot go on; DECODE_START as
    soon as a byte depends on what follows the payload. Returns how many bytes are done."""
    r = m.scratch
    r[R_STREAM] = s
    for i in range(data.size):
        c = int(data[i])
        set_contexts(m, s)
        find_runs(m)
        r[R_C0] = 1
        for b in range(8):
            r[R_BITS] = b
            if b & 3 == 0:
                r[R_NODE] = 1
                begin_nibble(m)
                if b == 0 and mode < DECODE:
                    announce_nibble(m, c >> 4 | 16)
            p = predict(m, 0)
            if mode >= DECODE:
                bit = decode_bit(coder, payload, p, 16)
            else:
                bit = (c >> (7 - b)) & 1
                if mode == ENCODE:
                    encode_bit(coder, payload, p, 16, bit)
            update(m, bit)
        c = r[R_C0] & 255
        if mode >= DECODE and coder[ERROR] != 0:
            return i
        if mode == DECODE_START and not is_settled(coder, payload.size):
            return i
        data[i] = c
        learn_runs(m, c)
        learn_residuals(m, c)
        note_byte(m, c)
        end_byte(m, s, c, 2)
    return data.size


_Key = tuple[MixParams, int, bool, bytes]
_primed: dict[_Key, Model] = {}
_MOST_PRIMED = 2
_lock = Lock()


def primed_model(
    params: MixParams, streams: int, capacity: int, tokens: bool, prime: bytes
) -> Model:
    """Return a model as `new_model` does, that has learned `prime` as bytes of stream 0.

    The last two are kept, for tokens and for bytes, because whoever primes packs many short records
    with the same text, and learning it takes far longer than a record.
    """
    if not prime:
        return new_model(params, streams, capacity, tokens)
    key = (params, streams, tokens, prime)
    with _lock:
        kept = _primed.pop(key, None)
        if kept is None:
            kept = _learned(new_model(params, streams, len(prime) + 1, tokens), prime)
            while len(_primed) >= _MOST_PRIMED:
                del _primed[next(iter(_primed))]
        _primed[key] = kept  # the newest is the last
    return copy_model(kept, streams * capacity)


def _learned(model: Model, prime: bytes) -> Model:
    data = np.frombuffer(prime, np.uint8).copy()
    coder, nothing = rangecoder.new_encoder(), np.zeros(1, np.uint8)
    for begin, end in portions(data.size):
        run_bytes(model, 0, coder, nothing, data[begin:end], LEARN)
    return model


def cm_encode(
    data: bytes, params: MixParams, prime: bytes = b"", progress: Progress | None = None
) -> bytes:
    """Return the payload for `data`; `prime` is a reference text that the decoder has too.

    `progress` is told several times a second how many bytes of `data` are done.
    """
    array = np.frombuffer(data, np.uint8).copy()
    model = primed_model(params, 1, len(data) + len(prime) + 1, False, prime)
    coder = rangecoder.new_encoder()
    out = np.zeros(len(data) // 2 + 16, np.uint8)
    for begin, end in portions(array.size, progress):
        room = int(coder[rangecoder.POS]) + _ROOM * (end - begin) + 16
        if out.size < room:
            out = np.concatenate([out, np.zeros(room, np.uint8)])
        run_bytes(model, 0, coder, out, array[begin:end], ENCODE)
    release(model)
    return out[: int(rangecoder.encode_finish(coder, out))].tobytes()


def cm_decode(
    payload: bytes,
    size: int,
    params: MixParams,
    prime: bytes = b"",
    progress: Progress | None = None,
) -> bytes:
    """Return the `size` bytes of `payload`; `progress` as in `cm_encode`.

    Work and memory are bounded by the payload, whatever `size` says.

    Raises:
        FormatError: the payload is not one that `cm_encode` writes for `size` bytes.
    """
    if size > _MOST_PER_BYTE * (len(payload) + 1):
        raise FormatError("payload is damaged: so few bytes cannot hold as many as it states")
    data, coder, array = _decoded(payload, size, params, prime, progress)
    rangecoder.decode_finish(coder, array)
    return data.tobytes()


def cm_start(
    payload: bytes,
    size: int,
    params: MixParams,
    prime: bytes = b"",
    progress: Progress | None = None,
) -> bytes:
    """The first bytes of what `payload` held before it was cut off: those, at most `size`, that do
    not depend on what followed. Behind damage all is wrong."""
    size = min(size, _MOST_PER_BYTE * (len(payload) + 1))
    return _decoded(payload, size, params, prime, progress, DECODE_START)[0].tobytes()


def _decoded(
    payload: bytes,
    size: int,
    params: MixParams,
    prime: bytes,
    progress: Progress | None,
    mode: int = DECODE,
) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint8]]:
    """What is decoded up to the end of the payload, the decoder's state, and the payload."""
    array = np.frombuffer(payload, np.uint8).copy()
    model = primed_model(params, 1, size + len(prime) + 1, False, prime)
    coder = rangecoder.new_decoder(array)
    data = np.zeros(size, np.uint8)
    done = 0
    for begin, end in portions(size, progress):
        done = begin + run_bytes(model, 0, coder, array, data[begin:end], mode)
        if done < end:
            break
    release(model)
    return data[:done], coder, array
