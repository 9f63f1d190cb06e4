"""How headers of a tar are written: field by field (docs/format.md).

Every field is predicted from the headers before it, and only those that are not as predicted are
written, in columns of like with like. A header that is no ordinary one is written as it is.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from itertools import accumulate, pairwise, takewhile

from edgezip.archive.tars import EXTENDED
from edgezip.container import varint
from edgezip.container.source import Source, run
from edgezip.errors import FormatError, TruncatedError

WRONG = "damaged: the headers of a tar in a frame make no sense"
_BLOCK = tarfile.BLOCKSIZE
_SIZES = (100, 8, 8, 8, 12, 12, 8, 1, 100, 8, 32, 32, 8, 8, 155, 12)
_BOUNDS = tuple(pairwise(accumulate(_SIZES, initial=0)))
NAME, _MODE, _UID, _GID, SIZE, MTIME, _CHECKSUM, TYPE, _LINK, _MAGIC, _UNAME, _GNAME, *_, _REST = (
    range(len(_SIZES))
)
_OWNER = (_UID, _GID, _UNAME, _GNAME)
_NUMBERS = (SIZE, MTIME)
_FIELDS = tuple(f for f in range(len(_SIZES)) if f not in {_CHECKSUM, TYPE, _MAGIC, _REST})
"""Those that a bit says of whether they are as predicted, from bit 0 on."""
_TIME, _WHOLE, _BLANK = 1 << len(_FIELDS), 2 << len(_FIELDS), 4 << len(_FIELDS)
"""Bits of headers: what follows is a time; the block is as it is in the column of odd ones; what
follows is a comment of blanks."""
_MODES = {ord("0"): 0o644, ord("5"): 0o755, ord("2"): 0o777}
"""Of the first header of a type."""
_EXTENDED_NAME = b"././@PaxHeader"
_SECOND = 10**9
(_MASKS, _SHARED, _NAMES, _TEXTS, _LENGTHS, _TIMES, _ODD) = range(7)
_COLUMNS = 7


class _Past:
    """What the next header is predicted from."""

    def __init__(self) -> None:
        self._last: dict[int, list[bytes]] = {}
        self._owner: list[bytes] | None = None
        self._time = 0
        self._seconds: int | None = None
        self._length: int | None = None

    def predicted(self, type_: int, length: int | None) -> list[bytes]:
        """The fields of the next header; length: of the time behind it, None if there is none."""
        fields = list(self._last.get(type_) or self._first(type_))
        if length is not None:
            fields[SIZE] = _octal(SIZE, length)
        if self._seconds is not None and type_ not in EXTENDED:
            fields[MTIME] = _octal(MTIME, self._seconds)
        return fields

    def _first(self, type_: int) -> list[bytes]:
        """As Python writes a header of root's, or of whom the last one was."""
        is_extended = type_ in EXTENDED
        fields = [bytes(size) for size in _SIZES]
        if is_extended:
            fields[NAME] = _EXTENDED_NAME.ljust(_SIZES[NAME], b"\0")
        for field, value in (
            (_MODE, _MODES.get(type_, 0)),
            (_UID, 0),
            (_GID, 0),
            (SIZE, 0),
            (MTIME, 0),
        ):
            fields[field] = _octal(field, value)
        fields[TYPE], fields[_MAGIC] = bytes([type_]), b"ustar\x0000"
        if self._owner is not None and not is_extended:
            for field in _OWNER:
                fields[field] = self._owner[field]
        return fields

    def saw(self, type_: int, fields: list[bytes]) -> None:
        """A header was read."""
        self._last[type_] = fields
        if type_ not in EXTENDED:
            self._seconds = None
            self._owner = fields

    def difference(self, time: int) -> int:
        """What `time` is more than the last one."""
        difference, self._time = time - self._time, time
        self._seconds = max(time, 0) // _SECOND
        return difference

    def time(self, difference: int) -> int:
        """The opposite of `difference`."""
        time = self._time + difference
        self.difference(time)
        return time


def _cut(block: bytes) -> list[bytes]:
    return [block[low:high] for low, high in _BOUNDS]


def _octal(field: int, number: int) -> bytes:
    return b"%0*o\0" % (_SIZES[field] - 1, number)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else -number * 2 - 1


def _signed(number: int) -> int:
    return number >> 1 if not number & 1 else -(number >> 1) - 1


def _time_record(time: int) -> bytes:
    """The pax record of a time in nanoseconds, without zeros at its end."""
    seconds, rest = divmod(abs(time), _SECOND)
    sign = "-" if time < 0 else ""
    text = f" mtime={sign}{seconds}.{rest:09d}".rstrip("0") + "\n"
    length = len(text) + 2  # two digits: between 11 and 30 bytes
    return f"{length}{text}".encode()


def _time_of(record: bytes) -> int | None:
    """The time in a pax record; None if there is none, or written in another way."""
    head, _, text = record.partition(b" mtime=")
    whole, _, rest = text.rstrip(b"\n").lstrip(b"-").partition(b".")
    if not (head.isdigit() and whole.isdigit() and rest.isdigit() and len(rest) < 10):
        return None
    time = int(whole) * _SECOND + int(rest.ljust(9, b"0"))
    time = -time if text.startswith(b"-") else time
    return time if abs(time) < 1 << 61 and _time_record(time) == record else None


def _blanks(size: int) -> bytes:
    """A pax record of `size` bytes: a comment of blanks."""
    head = b"%d comment=" % size
    if size % _BLOCK or size < _BLOCK:
        raise FormatError(WRONG)
    return head + b" " * (size - len(head) - 1) + b"\n"


def encode(headers: bytes) -> bytes:
    """A sequence of headers, and of contents of extended ones; checksums are not kept."""
    columns = [bytearray() for _ in range(_COLUMNS)]
    past = _Past()
    count = 0
    for block, content in _parsed(headers):
        count += 1
        fields = _cut(block)
        fields[_CHECKSUM] = bytes(_SIZES[_CHECKSUM])
        type_ = block[_BOUNDS[TYPE][0]]
        time = _time_of(content.rstrip(b"\0")) if type_ in EXTENDED else None
        length = None if time is None else len(_time_record(time))
        if time is not None and len(content) != -(-len(_time_record(time)) // _BLOCK) * _BLOCK:
            time = length = None
        if time is not None:
            columns[_TIMES] += varint.encode(_zigzag(past.difference(time)))
        expected = past.predicted(type_, length)
        mask = _mask(fields, expected) | (0 if time is None else _TIME)
        blank = bool(content) and content == _blanks(len(content)) and not mask & _WHOLE
        mask |= _BLANK if blank else 0
        columns[_MASKS] += bytes([type_]) + varint.encode(mask)
        if mask & _WHOLE:
            columns[_ODD] += b"".join(fields)
        else:
            for bit, field in enumerate(_FIELDS):
                if mask >> bit & 1:
                    _write(columns, field, fields[field], expected[field])
        past.saw(type_, fields)
        if time is None and not blank:
            columns[_ODD] += content
    numbers = (len(headers), count, *map(len, columns))
    return b"".join([varint.encode_all(*numbers), *columns])


def _parsed(headers: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each header and the content behind it, with what fills its blocks."""
    position = 0
    while position + _BLOCK <= len(headers):
        block = headers[position : position + _BLOCK]
        position += _BLOCK
        size = content_size(block)
        yield block, headers[position : position + size]
        position += size


def content_size(block: bytes) -> int:
    """Bytes behind a header that belong to the next one. FormatError if that makes no sense."""
    if block[_BOUNDS[TYPE][0]] not in EXTENDED:
        return 0
    low, high = _BOUNDS[SIZE]
    try:
        size = int(block[low:high].rstrip(b"\0 ") or b"0", 8)
    except ValueError as error:
        raise FormatError(WRONG) from error
    if size < 0:  # headers that lead back to themselves
        raise FormatError(WRONG)
    return -(-size // _BLOCK) * _BLOCK


def _mask(fields: list[bytes], expected: list[bytes]) -> int:
    """The bits of a header."""
    mask = 0
    for bit, field in enumerate(_FIELDS):
        if fields[field] != expected[field]:
            mask |= 1 << bit
            value = fields[field].rstrip(b"\0")
            if field in _NUMBERS:
                if fields[field] != _octal(field, _number(value)):
                    return _WHOLE
            elif b"\0" in value:
                return _WHOLE
    return (
        mask if (fields[_MAGIC], fields[_REST]) == (expected[_MAGIC], expected[_REST]) else _WHOLE
    )


def _write(columns: list[bytearray], field: int, value: bytes, expected: bytes) -> None:
    if field in _NUMBERS:
        number = int(value.rstrip(b"\0"), 8)
        if field == MTIME:
            columns[_TIMES] += varint.encode(_zigzag(number - _number(expected)))
        else:
            columns[_LENGTHS] += varint.encode(number)
        return
    text = value.rstrip(b"\0")
    pairs = zip(text, expected.rstrip(b"\0"), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    columns[_SHARED].append(shared)
    columns[_NAMES if field == NAME else _TEXTS] += text[shared:] + b"\0"


def _number(field: bytes) -> int:
    """An expected number; one in a header that is written whole may be anything."""
    text = field.rstrip(b"\0 ")
    return int(text, 8) if text.isdigit() and not text.strip(b"01234567") else 0


def headers_size(table: bytes) -> int:
    """Bytes of headers that `decode` would give. FormatError if that is no table."""
    return varint.decode(table, 0)[0]


def decode(source: Source) -> bytes:
    """The headers, with zeros for checksums.

    Args:
        source: stands where the table starts.

    Raises:
        FormatError: that is no table.
    """
    try:
        size, count = run(source.varint()), run(source.varint())
        lengths = [run(source.varint()) for _ in range(_COLUMNS)]
        columns = [_Column(run(source.take(length))) for length in lengths]
        out = _decoded(columns, count, size)
    except (TruncatedError, IndexError, ValueError) as error:
        raise FormatError(WRONG) from error
    if len(out) != size or not all(column.used_up for column in columns):
        raise FormatError(WRONG)
    return out


class _Column:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def used_up(self) -> bool:
        return self._position == len(self._data)

    def byte(self) -> int:
        self._position += 1
        return self._data[self._position - 1]

    def number(self) -> int:
        value, self._position = varint.decode(self._data, self._position)
        return value

    def take(self, size: int) -> bytes:
        start, self._position = self._position, self._position + size
        if self._position > len(self._data):
            raise FormatError(WRONG)
        return self._data[start : self._position]

    def text(self) -> bytes:
        end = self._data.index(0, self._position)
        start, self._position = self._position, end + 1
        return self._data[start:end]


def _decoded(columns: list[_Column], count: int, size: int) -> bytes:
    out = bytearray()
    past = _Past()
    for _ in range(count):
        if len(out) >= size:
            raise FormatError(WRONG)
        type_, mask = columns[_MASKS].byte(), columns[_MASKS].number()
        if mask >= 2 * _BLANK or (mask & (_TIME | _BLANK) and type_ not in EXTENDED):
            raise FormatError(WRONG)
        record = b""
        if mask & _TIME:
            # Read first, as its length is expected in the header; it says nothing about this one.
            record = _time_record(past.time(_signed(columns[_TIMES].number())))
        fields = past.predicted(type_, len(record) if mask & _TIME else None)
        if mask & _WHOLE:
            fields = _cut(columns[_ODD].take(_BLOCK))
        else:
            for bit, field in enumerate(_FIELDS):
                if mask >> bit & 1:
                    fields[field] = _read(columns, field, fields[field])
        past.saw(type_, fields)
        block = b"".join(fields)
        out += block
        if mask & _TIME:
            out += record + bytes(-len(record) % _BLOCK)
        elif mask & _BLANK:
            blanks = content_size(block)
            if len(out) + blanks > size:
                raise FormatError(WRONG)
            out += _blanks(blanks)
        else:
            out += columns[_ODD].take(content_size(block))
    return bytes(out)


def _read(columns: list[_Column], field: int, expected: bytes) -> bytes:
    size = _SIZES[field]
    if field == SIZE:
        value = _octal(field, columns[_LENGTHS].number())
    elif field == MTIME:
        value = _octal(field, _number(expected) + _signed(columns[_TIMES].number()))
    else:
        shared = expected.rstrip(b"\0")[: columns[_SHARED].byte()]
        value = shared + columns[_NAMES if field == NAME else _TEXTS].text()
        value += bytes(max(size - len(value), 0))
    if len(value) != size:
        raise FormatError(WRONG)
    return value
