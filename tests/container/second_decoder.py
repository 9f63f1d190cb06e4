"""A second decoder, written from docs/format.md alone: it shares no code with edgezip.

It decodes the coders 0 to 3 of complete files and asserts everything else that the page says.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zlib


def crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def digest(data: bytes, person: str, salt: bytes = b"") -> bytes:
    return hashlib.blake2b(data, digest_size=8, person=person.encode(), salt=salt).digest()


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        assert len(part) == size
        self.at += size
        return part

    def varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            if byte < 128:
                assert byte or not shift
                return value
            shift += 7
            assert shift < 63

    def since(self, start: int) -> bytes:
        return self.data[start : self.at]


NOT_IN_NAMES = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x200E, 0x200F, 0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
}


def settings(extras: Reader) -> None:
    """Skip the settings."""
    last = 0
    while extras.at < len(extras.data):
        tag = extras.varint()
        extras.varint()
        assert last < tag <= 3
        last = tag


def header(r: Reader) -> tuple[bool, bool]:
    """Skip a member header: whether it is short, and whether its member is auxiliary."""
    start = r.at
    assert r.take(3) == bytes.fromhex("9E455A")
    (byte,) = r.take(1)
    assert byte >> 4 == 1
    short = bool(byte & 1)
    model = not byte & 4
    if model:
        r.take(8) if byte & 8 else r.varint()
        r.take(4 if short else 8)
    auxiliary = False
    if byte & 2:
        extras = Reader(r.take(r.varint()))
        bits = extras.varint()
        assert bits < 32
        extras.take(4 if bits & 1 else 0)
        assert not (bits & 2 and short)
        extras.varint() if bits & 2 else None
        extras.take((4 if short else 8) if bits & 4 else 0)
        auxiliary = bool(bits & 8)
        extras.varint() if auxiliary else None
        if bits & 16:
            assert model
            name = extras.take(extras.varint())
            assert 1 <= len(name) <= 64
            assert not NOT_IN_NAMES & set(map(ord, name.decode()))
        settings(extras)
    if not short:
        assert crc32(r.since(start)) == r.take(4)
    assert not (short and auxiliary)
    return short, auxiliary


def kind(r: Reader) -> int:
    """Skip a kind byte with its extensions and params; the coder number."""
    (byte,) = r.take(1)
    coder = r.varint() if byte & 15 == 15 else byte & 15
    if byte >> 4 & 7 == 7:
        r.varint()
    if byte & 128:
        r.take(r.varint())
    return coder


def decode(coder: int, payload: bytes, size: int) -> bytes:
    if coder == 1:
        return zlib.decompress(payload, -15)
    if coder == 2:
        return bz2.decompress(payload)
    if coder == 3:
        filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 4096}]
        while filters[0]["dict_size"] < size:
            filters[0]["dict_size"] *= 2
        return lzma.decompress(payload, lzma.FORMAT_RAW, filters=filters)
    assert coder == 0
    return payload


def short_member(r: Reader, start: int) -> bytes:
    coder = kind(r)
    size = r.varint()
    payload_size = r.varint() if coder else size
    prefix = r.since(start)
    raw = decode(coder, r.take(payload_size), size)
    check = crc32(prefix + raw) if size < 65536 else digest(prefix + raw, "edgezip short")
    assert len(raw) == size
    assert r.take(len(check)) == check
    return raw


def frame(r: Reader, start: int, tag: bytes) -> tuple[bytes, bytes]:
    """Raw content and digest; the mark has been taken."""
    offset = r.varint()
    assert not offset or r.take(4) == tag
    size, count = r.varint(), r.varint()
    spans, previous = [(size, 0)], -1
    if count > 1:
        spans = []
        for _ in range(r.varint()):
            value = r.varint()
            previous = (previous + 1 + value % (count - 1)) % count
            spans.append((value // (count - 1), previous))
    sizes = [sum(length for length, number in spans if number == k) for k in range(count)]
    heads = []
    for raw_size in sizes:
        coder = kind(r)
        heads.append((coder, r.varint() if coder else raw_size, raw_size))
    assert crc32(r.since(start)) == r.take(4)
    assert all(coder != 9 for coder, _, _ in heads)  # it would come first
    contents = [decode(coder, r.take(length), raw) for coder, length, raw in heads]
    assert [len(content) for content in contents] == sizes
    raw = b""
    for length, number in spans:
        raw += contents[number][:length]
        contents[number] = contents[number][length:]
    check = r.take(8)
    assert check == digest(raw, "edgezip frame", offset.to_bytes(8, "little"))
    return raw, check


def long_member(r: Reader, start: int) -> bytes:
    head, raw, index, tag = r.since(start), b"", [], b""
    while True:
        begin = r.at
        mark = r.take(4)
        if mark != bytes.fromhex("9E4652F5"):
            break
        content, check = frame(r, begin, tag)
        tag = tag or digest(head + check, "edgezip member")[:4]
        index.append((r.at - begin, len(content), check))
        raw += content
    assert mark == bytes.fromhex("9E454EF5")
    assert r.take(r.varint()) == head
    assert [(r.varint(), r.varint(), r.take(8)) for _ in range(r.varint())] == index
    size = r.take(4)
    assert crc32(r.since(begin)) == r.take(4)
    assert r.take(4) == bytes.fromhex("9E4F4BF5")
    assert int.from_bytes(size, "little") == r.at - begin
    return raw


def decode_file(data: bytes) -> bytes:
    r, raw = Reader(data), b""
    while True:
        start = r.at
        short, auxiliary = header(r)
        content = short_member(r, start) if short else long_member(r, start)
        raw += b"" if auxiliary else content
        if r.at == len(data):
            return raw
