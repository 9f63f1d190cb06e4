"""Members of a tar read as docs/format.md says, and by nothing of edgezip."""

from __future__ import annotations

import bz2
import lzma
import zlib

FIELDS = (  # name, offset, size, in the order of their bits
    ("name", 0, 100), ("mode", 100, 8), ("uid", 108, 8), ("gid", 116, 8), ("size", 124, 12),
    ("mtime", 136, 12), ("linkname", 157, 100), ("uname", 265, 32), ("gname", 297, 32),
    ("devmajor", 329, 8), ("devminor", 337, 8), ("prefix", 345, 155),
)  # fmt: skip
EXTENDED = b"xgXLK"


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed(self) -> int:
        value = self.varint()
        return -((value + 1) // 2) if value % 2 else value // 2

    def text(self) -> bytes:
        size = self.data.index(b"\0", self.at) - self.at
        return self.take(size + 1)[:-1]


def octal(field: bytes) -> int:
    text = field.strip(b"\0 ")
    return int(text, 8) if text and not text.strip(b"01234567") else 0


def first_of(kind: int, owner: bytes) -> bytes:
    """What is expected of the first header of a type."""
    block = bytearray(bytes(257) + b"ustar\x0000" + bytes(247))
    block[156] = kind
    for _, start, width in FIELDS[1:6]:
        block[start : start + width] = b"%0*o\0" % (width - 1, 0)
    block[100:108] = b"%07o\0" % {ord("0"): 0o644, ord("5"): 0o755, ord("2"): 0o777}.get(kind, 0)
    if kind in EXTENDED:
        block[:14] = b"././@PaxHeader"
    elif owner:
        block[108:124], block[265:329] = owner[108:124], owner[265:329]
    return bytes(block)


def read_table(table: bytes) -> tuple[bytes, bytes]:
    """The headers, with zeros for their checksums, and the last bytes."""
    reader = Reader(table)
    size, count = reader.varint(), reader.varint()
    sizes = [reader.varint() for _ in range(7)]
    heads, shared, names, texts, lengths, times, odd = (Reader(reader.take(n)) for n in sizes)
    out = b""
    last: dict[int, bytes] = {}
    time = 0
    seconds = None
    owner = b""
    for _ in range(count):
        kind, bits = heads.take(1)[0], heads.varint()
        assert bits < 1 << 15
        block = bytearray(last.get(kind) or first_of(kind, owner))
        record = None
        if bits >> 12 & 1:
            assert kind in EXTENDED
            time += times.signed()
            whole, rest = divmod(abs(time), 10**9)
            text = f" mtime={'-' if time < 0 else ''}{whole}.{rest:09}".rstrip("0") + "\n"
            record = f"{len(text) + 2}{text}".encode()
            seconds = max(time // 10**9, 0)
            block[124:136] = b"%011o\0" % len(record)
        elif kind not in EXTENDED and seconds is not None:
            block[136:148] = b"%011o\0" % seconds
        if bits >> 13 & 1:
            block = bytearray(odd.take(512))
        else:
            for bit, (name, start, width) in enumerate(FIELDS):
                if not bits >> bit & 1:
                    continue
                old = bytes(block[start : start + width])
                if name == "size":
                    new = b"%011o\0" % lengths.varint()
                elif name == "mtime":
                    new = b"%011o\0" % (octal(old) + times.signed())
                else:
                    new = old.rstrip(b"\0")[: shared.take(1)[0]]
                    new = (new + (names if name == "name" else texts).text()).ljust(width, b"\0")
                block[start : start + width] = new
        last[kind] = bytes(block)
        if kind not in EXTENDED:
            seconds = None
            owner = bytes(block)
        out += block
        if record is not None:
            out += record + bytes(-len(record) % 512)
        elif bits >> 14:
            assert kind in EXTENDED
            room = octal(bytes(block[124:136]))
            assert room % 512 == 0 < room
            comment = b"%d comment=" % room
            out += comment + b"\n".rjust(room - len(comment))
        elif block[156] in EXTENDED:
            out += odd.take(-(-octal(bytes(block[124:136])) // 512) * 512)
    assert len(out) == size
    assert all(len(column.data) == column.at for column in (heads, shared, names, texts, lengths))
    assert all(len(column.data) == column.at for column in (times, odd))
    return out, table[reader.at :]


def unpacked(coder: int, packed: bytes, size: int) -> bytes:
    if coder == 1:
        return zlib.decompress(packed, -15)
    if coder == 2:
        return bz2.decompress(packed)
    assert coder in (0, 3)
    dictionary = max(4096, 1 << (size - 1).bit_length())
    how = {"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": dictionary}
    return lzma.decompress(packed, lzma.FORMAT_RAW, filters=[how]) if coder else packed


def read_tarred(data: bytes, params: bytes, size: int) -> bytes:
    """Members of a tar, as docs/format.md says under "Tar members"."""
    head = Reader(params[:-4])
    assert zlib.crc32(params[:-4]) == int.from_bytes(params[-4:], "little")
    lead, end, every, count = (head.varint() for _ in range(4))
    assert end <= lead
    assert bool(every) == bool(count)
    checks = [int.from_bytes(head.take(4), "little") for _ in range(count)]
    coder, length = head.varint(), head.varint()
    assert length <= 2 * size + 64
    table = unpacked(coder, head.data[head.at :], length)
    assert len(table) == length
    headers, last = read_table(table)
    contents = Reader(data)
    out, place = contents.take(lead), 0
    found = out[end - 1 : end] if end else b""
    checked = 0
    while place < len(headers):
        block = headers[place : place + 512]
        behind = octal(block[124:136]) if block[156] in EXTENDED else 0
        stop = place + 512 + -(-behind // 512) * 512
        total = sum(block) + 8 * 32
        out += block[:148] + b"%06o\0 " % total + block[156:] + headers[place + 512 : stop]
        place = stop
        long = octal(block[124:136]) if block[156] == ord("0") else 0
        whole = long > 0 and len(out) + long <= size
        content = contents.take(long if place < len(headers) else len(data) - contents.at)
        out += content
        if whole and long % 512 == 0:
            found += content[long - 1 : long]
        if whole and every:
            at = contents.at - len(content) + long
            if at - checked >= every:
                assert zlib.crc32(data[checked:at]) == checks.pop(0)
                checked = at
        if place < len(headers):
            out += bytes(-long % 512)
    assert contents.at == len(data)
    assert len(out) <= size
    assert not checks
    assert found == last
    return out + bytes(size - len(out))
