"""Transform 2: deflate streams as their content, and what writes them again.

The transformed content is a list of the streams, then the bytes of the original, in which each
stream is replaced by its content. The list is varints (docs/format.md). Nothing of this calls a
deflate library: `edgezip.coding.deflate` writes what zlib and gzip would have written.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.deflate import codec, rows, trees
from edgezip.coding.deflate.codec import Method, Undone
from edgezip.container import varint
from edgezip.errors import FormatError, TruncatedError

RAW, ZLIB, CHUNKS, ROWS, ZLIB_ROWS = range(5)
"""What a stream is part of: nothing that is kept here; a zlib stream whose check follows; IDAT
chunks of a PNG, header and check of zlib with them; as CHUNKS and as ZLIB, the content being the
filters of all rows and then samples."""
IN_CHUNKS, IN_ROWS = (CHUNKS, ROWS), (ROWS, ZLIB_ROWS)

MOST_LIST, MOST_CHUNKS = 1 << 20, 1 << 16
"""Bytes of the list, and chunks of a PNG: in memory a list is a hundred times as large."""
_IDAT = b"IDAT"
_STRATEGIES, _WINDOWS, _MEMORIES = codec.FAR + 1, 7, 10
_EMPTY = np.zeros((0, 2), np.int64)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream.

    gap: bytes between the last one and this one. kind: RAW to ZLIB_ROWS. size: of its content.
    header: the two bytes of zlib's header, of PNG chunks only. chunks: their sizes. stride, pixel:
    bytes of a row of samples and of a pixel, for rows.
    """

    gap: int
    kind: int
    size: int
    undone: Undone
    header: int = 0
    chunks: tuple[int, ...] = ()
    stride: int = 0
    pixel: int = 0


def write_list(entries: Sequence[Entry]) -> bytes:
    """The list that stands before the bytes; it may have `MOST_LIST` bytes behind its length."""
    text = b"".join([varint.encode(len(entries)), *map(write_entry, entries)])
    return varint.encode(len(text)) + text


def write_entry(entry: Entry) -> bytes:
    """One stream in the list."""
    method = entry.undone.method
    number = (method.memory * _WINDOWS + method.window_bits - 9) * _STRATEGIES
    number = (number + method.strategy) * 9 + method.level - 1
    values = [entry.gap, entry.kind, entry.size, number, len(entry.undone.corrections)]
    last = -1
    for place, token in entry.undone.corrections.tolist():
        values += [place - last - 1, token]
        last = place
    values += [len(entry.undone.blocks), *(4 * n + kind for kind, n in entry.undone.blocks)]
    if entry.kind in IN_CHUNKS:
        values += [entry.header, len(entry.chunks), *entry.chunks]
    if entry.kind in IN_ROWS:
        values += [entry.stride, entry.pixel]
    return varint.encode_all(*values)


class _Values:
    """Varints one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __call__(self, most: int = varint.MAX_VALUE) -> int:
        """The next, at most `most`."""
        try:
            value, self._position = varint.decode(self._data, self._position)
        except TruncatedError as error:
            raise FormatError("damaged: a list of deflate streams that ends too early") from error
        if value > most:
            raise FormatError("damaged: a number in a list of deflate streams is too large")
        return value

    @property
    def left(self) -> int:
        """Bytes, and so at least numbers, that are left."""
        return len(self._data) - self._position


def read_list(text: bytes) -> list[Entry]:
    """What `write_list` was given, from what stands behind its length.

    Raises:
        FormatError: damaged.
    """
    if len(text) > MOST_LIST:
        raise FormatError("damaged: a list of deflate streams is too long")
    values = _Values(text)
    entries = [_read_entry(values) for _ in range(values(len(text)))]
    if values.left:
        raise FormatError("damaged: something behind a list of deflate streams")
    return entries


def _read_entry(values: _Values) -> Entry:
    gap, kind, size = values(), values(ZLIB_ROWS), values()
    number = values(_MEMORIES * _WINDOWS * _STRATEGIES * 9 - 1)
    number, level = divmod(number, 9)
    number, strategy = divmod(number, _STRATEGIES)
    memory, window = divmod(number, _WINDOWS)
    method = Method(level + 1, strategy, window + 9, memory)
    corrections, place = [], -1
    for _ in range(values(values.left)):
        place += values(1 << 40) + 1
        corrections.append((place, values((1 << 25) - 1)))
    blocks = tuple((v & 3, v >> 2) for v in (values(1 << 40) for _ in range(values(values.left))))
    if any(block > trees.DYNAMIC for block, _ in blocks):
        raise FormatError("damaged: a block of a deflate stream of no kind")
    undone = Undone(method, np.array(corrections, np.int64).reshape(-1, 2), blocks)
    header = stride = pixel = 0
    chunks: tuple[int, ...] = ()
    if kind in IN_CHUNKS:
        header = values(0xFFFF)
        chunks = tuple(values() for _ in range(values(min(MOST_CHUNKS, values.left))))
    if kind in IN_ROWS:
        stride, pixel = values(size), values(8)
        if not stride or not pixel or size % (stride + 1):
            raise FormatError("damaged: rows of a PNG that do not fill it")
    return Entry(gap, kind, size, undone, header, chunks, stride, pixel)


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """The original of `size` bytes.

    Raises:
        FormatError: params, a damaged list, or another size.
    """
    if params:
        raise FormatError("damaged: undone deflate streams with params")
    try:
        length, position = varint.decode(data, 0)
    except TruncatedError as error:
        raise FormatError("damaged: undone deflate streams without a list") from error
    entries = read_list(data[position : position + length])
    position += length
    if position + sum(entry.gap + entry.size for entry in entries) > len(data):
        raise FormatError("damaged: undone deflate streams beyond their content")
    content = np.frombuffer(data, np.uint8)
    out = bytearray()
    for entry in entries:
        out += data[position : position + entry.gap]
        position += entry.gap
        if len(out) > size:
            break
        out += written(content[position : position + entry.size], entry, size - len(out))
        position += entry.size
    out += data[position:]
    if len(out) != size:
        raise FormatError("damaged: deflate streams do not add up to the size of the channel")
    return bytes(out)


def written(content: NDArray[np.uint8], entry: Entry, limit: int) -> bytes:
    """The bytes of the original that `entry` stands for, at most `limit`; raises as `restore`."""
    if entry.kind in IN_ROWS:
        height = entry.size // (entry.stride + 1)
        filters = content[:height].copy()
        if height and filters.max() >= rows.FILTERS:
            raise FormatError("damaged: a filter of a PNG that there is not")
        samples = content[height:].reshape(height, entry.stride).copy()
        content = rows.refilter(filters, samples, entry.pixel).reshape(-1)
    stream = codec.restore(content, entry.undone, limit)
    if entry.kind == RAW:
        return stream
    check = adler32(content).to_bytes(4, "big")
    if entry.kind not in IN_CHUNKS:
        return stream + check
    return _chunked(entry.header.to_bytes(2, "big") + stream + check, entry.chunks)


def _chunked(data: bytes, sizes: Sequence[int]) -> bytes:
    """`data` as IDAT chunks."""
    if sum(sizes) != len(data):
        raise FormatError("damaged: the chunks of a PNG do not add up")
    out, position = [], 0
    for size in sizes:
        body = _IDAT + data[position : position + size]
        out += [size.to_bytes(4, "big"), body, binascii.crc32(body).to_bytes(4, "big")]
        position += size
    return b"".join(out)


def adler32(data: NDArray[np.uint8]) -> int:
    """The check of a zlib stream (RFC 1950)."""
    low, high, portion = 1, 0, 1 << 16
    for start in range(0, len(data), portion):
        part = data[start : start + portion].astype(np.int64)
        weights = np.arange(len(part), 0, -1, dtype=np.int64)
        high = (high + len(part) * low + int((part * weights).sum())) % 65521
        low = (low + int(part.sum())) % 65521
    return high << 16 | low
