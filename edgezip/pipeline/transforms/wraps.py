"""Wrapped prose as paragraphs of one line each, which language models foretell better.

Where a line ends in such a text follows from where its next word would have ended; what does not is
in the params, coded by `edgezip.coding.wraps`.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder, wraps
from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError, TruncatedError
from edgezip.pipeline.transforms import lineends

_FEWEST = 32
"""Line ends between words below which nothing is looked at."""
_RARE = 8
"""A column of whose gaps less than one in so many is a line end keeps its line ends."""
_BITS = 2
"""What a line end may cost, in bits: not showing it to the model saves 2.6 to 3.9."""
_FIXED = 8
"""Bytes that must be saved besides."""
_GAPS = 3
"""Gaps and line ends together for each line end, at least: else it is a list."""
_NARROWEST = 24
"""Columns that half of the line ends' next words must reach: no prose is narrower."""
_LETTERS = 80
"""Percent of the bytes that are not blank that must be letters: logs and tables, whose lines can be
as regular, are foretold by their lines."""
_PIECE = 1 << 20
_LAST_WORD = re.compile(rb"[ \n][^ \t\n]")
"""The last word that is known to end, read backwards: what follows it, and its last byte."""
_IS_BLANK, _IS_LETTER = (
    np.array([bool(re.match(kind, bytes([byte]))) for byte in range(256)])
    for kind in (rb"[\s\0]", rb"[A-Za-z\x80-\xff]")
)


def shorten(data: bytes) -> tuple[bytes, bytes] | None:
    r"""`data` with spaces for the line ends of wrapped lines and LF for CR LF, and the params that
    undo it; None where that does not pay."""
    if data.count(b"\n") < _FEWEST:
        return None
    changed = lineends.shorten(data)
    text, ends = (data, None) if changed is None else changed
    source = np.frombuffer(text, np.uint8).copy()
    used = _counts_of_bytes(source)
    if 100 * used[_IS_LETTER].sum() < _LETTERS * used[~_IS_BLANK].sum():
        return None
    wide = 2 * text.count(b".  ") > text.count(b". ")
    none = np.zeros(0, np.uint8)
    allowed = np.zeros(wraps.COLUMNS, np.bool_)
    counts = wraps.new_counts()
    wraps.unwrap(source, True, wide, allowed, counts, rangecoder.new_encoder(), none, none)
    total, breaks = counts.sum(1), counts[:, 1]
    allowed[:] = (breaks > 0) & (_RARE * breaks >= total)
    chosen = int(breaks[allowed].sum())
    gaps = int(total.sum())
    if chosen < _FEWEST or _GAPS * chosen > gaps:
        return None
    if 2 * breaks[allowed & (np.arange(wraps.COLUMNS) < _NARROWEST)].sum() > chosen:
        return None
    payload = np.zeros(rangecoder.output_bound(gaps, 16), np.uint8)
    out = np.empty(2 * source.size, np.uint8)
    coder = rangecoder.new_encoder()
    counts = wraps.new_counts()
    size = wraps.unwrap(source, False, wide, allowed, counts, coder, payload, out)
    coded = payload[: rangecoder.encode_finish(coder, payload)].tobytes()
    params = varint.encode(0) if ends is None else varint.encode(len(ends) + 1) + ends
    if 8 * (len(coded) + _FIXED) > _BITS * chosen:
        return None
    made, params = out[:size].tobytes(), params + coded
    if len(params) > c.MAX_PARAMS // 2 or restore(made, params, len(data)) != data:
        return None
    return made, params


def _counts_of_bytes(source: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each of the 256 bytes comes; in pieces, as NumPy counts in copies of 64 bits."""
    pieces = (source[at : at + _PIECE] for at in range(0, source.size, _PIECE))
    return sum((np.bincount(piece, minlength=256) for piece in pieces), np.zeros(256, np.int64))


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params that do not fit the text, or another size.
    """
    ends, coded = _split(params)
    payload = np.frombuffer(coded, np.uint8).copy()
    coder = rangecoder.new_decoder(payload)
    text = _wrapped(data, coder, payload)
    rangecoder.decode_finish(coder, payload)
    if ends is not None:
        return lineends.restore(text, ends, size)
    if len(text) != size:
        raise FormatError("damaged: wrapped lines do not add up to the size of the text")
    return text


def restore_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them: up to the end of the last
    word that is known to end."""
    ends, coded = _split(params)
    last = _LAST_WORD.search(data[::-1])
    payload = np.frombuffer(coded, np.uint8).copy()
    text = b""
    if last is not None:
        known = data[: len(data) - last.end() + 1]
        text = _wrapped(known, rangecoder.new_decoder(payload), payload)
    return text[:size] if ends is None else lineends.restore_start(text, ends, size)


def _wrapped(data: bytes, coder: NDArray[np.uint64], payload: NDArray[np.uint8]) -> bytes:
    source = np.frombuffer(data, np.uint8).copy()
    out = np.empty(source.size, np.uint8)
    return out[: wraps.wrap(source, wraps.new_counts(), coder, payload, out)].tobytes()


def _split(params: bytes) -> tuple[bytes | None, bytes]:
    """Params of the line ends, if there are any, and what is coded."""
    try:
        length, position = varint.decode(params, 0)
    except TruncatedError as error:
        raise FormatError("damaged: wrapped lines without params") from error
    end = position + max(length - 1, 0)
    if end > len(params):
        raise FormatError("damaged: params of wrapped lines end too early")
    return (params[position:end] if length else None), params[end:]
