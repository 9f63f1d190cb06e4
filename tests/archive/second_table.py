"""A table of contents read as docs/format.md says, and by nothing of edgezip."""

from __future__ import annotations

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
    for _ in range(count):
        kind, bits = heads.take(1)[0], heads.varint()
        assert bits < 1 << 14
        block = bytearray(last.get(kind) or bytes(257) + b"ustar\x0000" + bytes(247))
        block[156] = kind
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
        if bits >> 13:
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
        out += block
        if record is not None:
            out += record + bytes(-len(record) % 512)
        elif block[156] in EXTENDED:
            out += odd.take(-(-octal(bytes(block[124:136])) // 512) * 512)
    assert len(out) == size
    assert all(len(column.data) == column.at for column in (heads, shared, names, texts, lengths))
    assert all(len(column.data) == column.at for column in (times, odd))
    return out, table[reader.at :]


def read_tarred(data: bytes, params: bytes, size: int) -> bytes:
    """Members of a tar, as docs/format.md says under "Tar members"."""
    numbers = Reader(params)
    lead, length = numbers.varint(), numbers.varint()
    assert numbers.at == len(params)
    headers, rest = read_table(data[lead : lead + length])
    assert not rest
    contents = Reader(data[lead + length :])
    out, place = data[:lead], 0
    while place < len(headers):
        block = headers[place : place + 512]
        behind = octal(block[124:136]) if block[156] in EXTENDED else 0
        end = place + 512 + -(-behind // 512) * 512
        total = sum(block) + 8 * 32
        out += block[:148] + b"%06o\0 " % total + block[156:] + headers[place + 512 : end]
        place = end
        if block[156] == ord("0"):
            left = len(contents.data) - contents.at
            content = contents.take(min(octal(block[124:136]), left))
            out += content
            if place < len(headers):
                out += bytes(-len(content) % 512)
    assert contents.at == len(contents.data)
    assert len(out) <= size
    return out + bytes(size - len(out))
