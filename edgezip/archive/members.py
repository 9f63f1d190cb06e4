"""What the head of a frame says of the members of a tar that begin in it (docs/format.md).

Their headers as a table, packed with a codec of the standard library, so that reading one needs
neither a model nor Numba's kernels, which take a second to load; and checks of the contents, by
which those can be told to be right that come before the place where a file was cut off.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from edgezip.archive import table
from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.container.source import Source
from edgezip.errors import FormatError, TruncatedError
from edgezip.pipeline.rawlzma import filters

WRONG = "damaged: headers and contents do not fit each other"
_BLOCK = 512
_CHECKSUM = slice(148, 156)
_SIZE = slice(124, 136)
_TYPE = 156
_FILE = ord("0")
_CRC = 4


@dataclass(frozen=True, slots=True)
class Item:
    """A header, with extended ones before it, and the content behind it.

    Attributes:
        place: where in the frame it starts.
        header: all of it.
        size: bytes of content by the header; of the last one more may follow, which belong to it.
    """

    place: int
    header: bytes
    size: int

    @property
    def start(self) -> int:
        """Where in the frame the content starts."""
        return self.place + len(self.header)

    @property
    def end(self) -> int:
        """Where in the frame, or behind it, the content ends."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class Members:
    """What a frame holds of a tar.

    Attributes:
        lead: bytes of the frame before its first header.
        end: where in these the content of a member ends that fills its blocks; 0 if none does.
        headers: all headers that begin in the frame.
        last: the last byte of each content that fills its blocks and ends in the frame.
        every: bytes of contents after which the end of the next one has a check; 0: there are none.
        checks: CRC32 of the contents from check to check.
    """

    lead: int
    end: int
    headers: bytes
    last: bytes
    every: int = 0
    checks: tuple[int, ...] = ()

    def items(self) -> Iterator[Item]:
        """The headers, in order."""
        place, start = self.lead, 0
        while start < len(self.headers):
            behind = start
            while True:
                block = self.headers[behind : behind + _BLOCK]
                size = table.content_size(block)
                behind += _BLOCK + size
                if not size or behind >= len(self.headers):
                    break
            item = Item(place, self.headers[start:behind], content_size(block))
            yield item
            place, start = item.end + -item.size % _BLOCK, behind

    def ends(self, size: int) -> Iterator[int]:
        """Where contents end that fill their blocks, as far as that is in a frame of `size`."""
        if self.end:
            yield self.end
        for item in self.items():
            if item.size and item.size % _BLOCK == 0 and item.end <= size:
                yield item.end

    def stretches(self, size: int) -> Iterator[tuple[int, int]]:
        """Start and end of what each check is of, in the contents behind each other.

        size: bytes of the frame.
        """
        start, end = 0, self.lead
        for item in self.items() if self.every else ():
            if item.end > size:
                return
            end += item.size
            if item.size and end - start >= self.every:
                yield start, end
                start = end


def content_size(header: bytes) -> int:
    """Bytes of the content of a member by its block; FormatError if that has no size."""
    if header[_TYPE] != _FILE:
        return 0
    digits = header[_SIZE].rstrip(b"\0 ")
    if not digits.isdigit() or digits.strip(b"01234567"):
        raise FormatError(WRONG)
    return int(digits, 8)


def encode(members: Members) -> bytes:
    """As params of transform 10."""
    raw = table.encode(members.headers) + members.last
    ways = (
        (c.STORED, raw),
        (c.DEFLATE, _deflate(raw)),
        (c.BZIP2, bz2.compress(raw)),
        (c.LZMA, lzma.compress(raw, lzma.FORMAT_RAW, filters=filters(len(raw)))),
    )
    coder, packed = min(ways, key=lambda way: len(way[1]))
    numbers = (members.lead, members.end, members.every, len(members.checks))
    checks = b"".join(check.to_bytes(_CRC, "little") for check in members.checks)
    head = varint.encode_all(*numbers) + checks + varint.encode_all(coder, len(raw))
    return _checked(head + packed)


def _deflate(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return packer.compress(raw) + packer.flush()


def _checked(params: bytes) -> bytes:
    return params + zlib.crc32(params).to_bytes(_CRC, "little")


def decode(params: bytes, size: int) -> Members:
    """The opposite of `encode`, for a frame of `size` bytes.

    Raises:
        FormatError: these are no such params, or their headers do not fit into the frame.
    """
    if _checked(params[:-_CRC]) != params:
        raise FormatError(WRONG)
    position, numbers = 0, []
    try:
        for _ in range(4):
            number, position = varint.decode(params, position)
            numbers.append(number)
        lead, end, every, count = numbers
        checks = params[position : position + count * _CRC]
        position += len(checks)
        coder, position = varint.decode(params, position)
        length, position = varint.decode(params, position)
    except TruncatedError as error:
        raise FormatError(WRONG) from error
    # An odd header takes a few bytes more in a table than in a tar, and an empty table has some.
    if len(checks) != count * _CRC or length > 2 * size + 64:
        raise FormatError(WRONG)
    if end > lead or bool(every) != bool(count):
        raise FormatError(WRONG)
    raw = _unpacked(coder, params[position:-_CRC], length)
    if table.headers_size(raw) + lead > size:
        raise FormatError(WRONG)
    source = Source(raw, closed=True)
    headers = with_checksums(table.decode(source))
    parts = (checks[i : i + _CRC] for i in range(0, len(checks), _CRC))
    found = tuple(int.from_bytes(part, "little") for part in parts)
    last = bytes(source.buffer)
    # One of a member, and one of a content from before: more would be memory for nothing.
    if len(last) > len(headers) // _BLOCK + 1:
        raise FormatError(WRONG)
    return Members(lead, end, headers, last, every, found)


def _unpacked(coder: int, packed: bytes, size: int) -> bytes:
    if coder == c.STORED:
        raw, over = packed, False
    else:
        decoder: zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor
        if coder == c.DEFLATE:
            decoder = zlib.decompressobj(-15)
        elif coder == c.BZIP2:
            decoder = bz2.BZ2Decompressor()
        elif coder == c.LZMA:
            decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters(size))
        else:
            raise FormatError(WRONG)
        try:
            raw = decoder.decompress(packed, size + 1)
        except (OSError, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise FormatError(WRONG) from error
        over = not decoder.eof or bool(decoder.unused_data)
    if len(raw) != size or over:
        raise FormatError(WRONG)
    return raw


def with_checksums(headers: bytes) -> bytes:
    """Headers with their checksums as Python and GNU tar write them; the table has none."""
    out = bytearray(headers)
    position = 0
    while position + _BLOCK <= len(headers):
        block = headers[position : position + _BLOCK]
        before, behind = block[: _CHECKSUM.start], block[_CHECKSUM.stop :]
        total = b"%06o\0 " % (sum(before) + sum(behind) + 8 * ord(" "))
        out[position + _CHECKSUM.start : position + _CHECKSUM.stop] = total
        position += _BLOCK + table.content_size(block)
    return bytes(out)
