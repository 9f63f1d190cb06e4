"""The stand-alone byte codec: the context mixer without a language model (coder 'cm')."""

from __future__ import annotations

import numpy as np
from edgezip.coding.jit import njit

from edgezip.coding import rangecoder
from edgezip.coding.rangecoder import decode_bit, encode_bit

from .contexts import begin_byte, end_byte
from .model import Model, new_model
from .params import MixParams
from .predictor import begin_nibble, predict, update

_BLOCK = 1 << 16


@njit()
def _encode(m, coder, out, data, coding):  # type: ignore[no-untyped-def]
    """Code `data`, uint8 (n,), as stream 0; with `coding` 0 only learn it."""
    for i in range(data.size):
        c = int(data[i])
        begin_byte(m, 0)
        for b in range(8):
            if b == 4:
                begin_nibble(m)
            bit = (c >> (7 - b)) & 1
            p = predict(m, 0, 0)
            if coding:
                encode_bit(coder, out, p, 16, bit)
            update(m, bit)
        end_byte(m, 0, c)


@njit()
def _decode(m, coder, payload, data):  # type: ignore[no-untyped-def]
    """Fill `data`, uint8 (n,), from the payload."""
    for i in range(data.size):
        begin_byte(m, 0)
        c = 0
        for b in range(8):
            if b == 4:
                begin_nibble(m)
            bit = decode_bit(coder, payload, predict(m, 0, 0), 16)
            update(m, bit)
            c = c << 1 | bit
        data[i] = c
        end_byte(m, 0, c)


def _primed(size: int, params: MixParams, prime: bytes) -> Model:
    model = new_model(params.mem_log2, 1, size + len(prime) + 1)
    coder = rangecoder.new_encoder()
    _encode(model, coder, np.zeros(1, np.uint8), np.frombuffer(prime, np.uint8), 0)
    return model


def cm_encode(data: bytes, params: MixParams, prime: bytes = b"") -> bytes:
    """Return the payload for `data`; `prime` is a reference text that the decoder has too."""
    array = np.frombuffer(data, np.uint8)
    model = _primed(len(data), params, prime)
    coder = rangecoder.new_encoder()
    out = np.zeros(len(data) // 2 + 16 * _BLOCK + 16, np.uint8)
    for start in range(0, len(data), _BLOCK):
        # Eight bits of at most 16 bits each: 16 bytes of room per byte of the block.
        room = int(coder[rangecoder.POS]) + 16 * _BLOCK + 16
        if out.size < room:
            out = np.concatenate([out, np.zeros(room, np.uint8)])
        _encode(model, coder, out, array[start : start + _BLOCK], 1)
    return out[: int(rangecoder.encode_finish(coder, out))].tobytes()


def cm_decode(payload: bytes, size: int, params: MixParams, prime: bytes = b"") -> bytes:
    """Return the `size` bytes of `payload`.

    Raises:
        FormatError: the payload is not one that `cm_encode` writes for `size` bytes.
    """
    array = np.frombuffer(payload, np.uint8)
    model = _primed(size, params, prime)
    coder = rangecoder.new_decoder(array)
    data = np.zeros(size, np.uint8)
    _decode(model, coder, array, data)
    rangecoder.decode_finish(coder, array)
    return data.tobytes()
