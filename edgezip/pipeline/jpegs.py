"""JPEG files: where they end, and what the package `lepton_jpeg_python` makes of them.

The package is an extra (`pip install 'edgezip[jpeg]'`). What it makes is decoded and compared
before it is used. It is called with one partition: several would be larger, and a thread each.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

PACKAGE = "lepton_jpeg_python"
ADVICE = "pip install 'edgezip[jpeg]' makes them a sixth smaller"
MOST_SAMPLES = 1 << 27
"""Of a picture, all components together: while it is decoded, each takes two bytes."""
_CONFIG = {"max_partitions": 1}

_NO_SIZE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment behind them."""
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, with Huffman codes: what the package knows."""
_SEGMENTS = frozenset({0xC4, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the data of a scan."""

_HEADER_SIZE = 28
_MAGIC = b"\xcf\x84"
_MOST_HEADER = 16 << 20
"""Bytes that the header of a JPEG may have, all that is not data of scans."""

_MEMO_BYTES = 64 << 20


class _Memo:
    """What `pack` made lately, by the digest of the JPEG: it is asked when a JPEG is found and
    again when it is coded."""

    def __init__(self) -> None:
        self._made: OrderedDict[bytes, bytes | None] = OrderedDict()
        self._size = 0

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()
        self._size = 0

    def get(self, jpeg: bytes, make: Callable[[bytes], bytes | None]) -> bytes | None:
        """`make(jpeg)`, from memory if it is there."""
        key = hashlib.blake2b(jpeg, digest_size=16).digest()
        if key not in self._made:
            self._made[key] = made = make(jpeg)
            self._size += 64 + len(made or b"")
            while self._size > _MEMO_BYTES and len(self._made) > 1:
                _, old = self._made.popitem(last=False)
                self._size -= 64 + len(old or b"")
            return made
        return self._made[key]


_memo = _Memo()


def installed() -> bool:
    """Whether the package is there."""
    return find_spec(PACKAGE) is not None


def version() -> str:
    """The package's version, three numbers."""
    from importlib import metadata  # takes longer than all of this

    numbers = re.findall(r"\d+", metadata.version(PACKAGE))
    return ".".join([*numbers, "0", "0"][:3])


def end_of(data: bytes, start: int, end: int, passed: Callable[[int], object] = int) -> int:
    """Behind the JPEG that begins at `start`. `passed` is told of each marker how many bytes were
    searched for it, and may raise what ends the work.

    Raises:
        ValueError: there is none, it does not end before `end`, or is of a kind that the package
            does not know.
    """
    if data[start : start + 2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    position, frames = start + 2, 0
    end = min(end, len(data))
    while position + 4 <= end or data[position : position + 2] == b"\xff\xd9":
        if data[position] != 0xFF:
            raise ValueError("no marker")
        code = data[position + 1]
        passed(0)
        if code == _END and frames:
            return position + 2
        if code == 0xFF:
            position += 1
            continue
        if code in _NO_SIZE:
            position += 2
            continue
        size = int.from_bytes(data[position + 2 : position + 4])
        if code in _FRAMES:
            frames += 1
            if not 0 < _samples(data[position + 4 : position + 2 + size]) <= MOST_SAMPLES:
                raise ValueError("too large")
        elif code not in _SEGMENTS and (code != _SCAN or not frames):
            raise ValueError("not of this kind")
        position += 2 + size
        if code == _SCAN:
            match = _MARKER.search(data, position, end)
            passed((match.start() if match else end) - position)
            if match is None:
                break
            position = match.start()
    raise ValueError("no end")


def _samples(frame: bytes) -> int:
    """Samples of a picture by its frame header, 0 if that is none of 8 bits."""
    if len(frame) < 6 or frame[0] != 8:
        return 0
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    return height * width * min(frame[5], 4)


def forget() -> None:
    """Make the next `pack` of anything a new one, for measurements."""
    _memo.clear()


def pack(jpeg: bytes) -> bytes | None:
    """What the package makes of `jpeg`, None where that does not give `jpeg` back, or is not
    smaller."""
    return _memo.get(jpeg, _packed)


def _packed(jpeg: bytes) -> bytes | None:
    made = _call("compress_bytes", jpeg)
    if made is None or len(made) >= len(jpeg) or unpack(made, len(jpeg)) != jpeg:
        return None
    return made


def unpack(packed: bytes, size: int) -> bytes | None:
    """The JPEG of `size` bytes that `packed` was made of; None if it cannot be that.

    How large its picture claims to be is looked at before the package is.
    """
    if not _sound(packed, size):
        return None
    made = _call("decompress_bytes", packed)
    return made if made is not None and len(made) == size else None


def _sound(packed: bytes, size: int) -> bool:
    """Whether the header of `packed` claims what a JPEG of `size` bytes may."""
    stored = int.from_bytes(packed[24:28], "little")
    if packed[:2] != _MAGIC or int.from_bytes(packed[20:24], "little") != size:
        return False
    decoder = zlib.decompressobj()
    try:
        header = decoder.decompress(packed[_HEADER_SIZE : _HEADER_SIZE + stored], _MOST_HEADER)
    except zlib.error:
        return False
    length = int.from_bytes(header[3:7], "little")
    if header[:3] != b"HDR" or len(header) < 7 + length:
        return False  # longer than what is looked at: the package would read on
    header = header[7 : 7 + length]
    position = 0
    while position + 4 <= len(header) and header[position] == 0xFF:
        code = header[position + 1]
        if code in _NO_SIZE or code in (0xFF, _END):
            position += 1 if code == 0xFF else 2
            continue
        length = int.from_bytes(header[position + 2 : position + 4])
        frame = header[position + 4 : position + 2 + length]
        if (
            0xC0 <= code <= 0xCF
            and code not in (0xC4, 0xC8, 0xCC)
            and not (0 < _samples(frame) <= MOST_SAMPLES)
        ):
            return False
        position += 2 + max(length, 2)
    return True


def _call(name: str, data: bytes) -> bytes | None:
    """What a function of the package returns; None if it fails."""
    package: Any = importlib.import_module(PACKAGE)
    try:
        return bytes(getattr(package, name)(data, _CONFIG))
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        # A panic in Rust is raised as a BaseException of the package's own.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise
