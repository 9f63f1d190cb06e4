"""Finds bytes that are written as digits, and text in UTF-16: what a transform makes smaller."""

from __future__ import annotations

import re

import numpy as np

from edgezip.pipeline.detect.content import Content, Found, Kind
from edgezip.pipeline.transforms import digits
from edgezip.pipeline.transforms.table import BASE64, LATIN1, LOWER_HEX, UPPER_HEX, UTF16

MIN_DIGITS = 512
"""Bytes of a region of digits; in less, its layout and its channel cost more than they save."""
MIN_LINE = 32
MOST_REGIONS, MOST_FAILED = 500, 4
SAMPLE = 4096
_BASE64_VARIETY = 40
"""Different digits of a region of base64: words, DNA and numbers have fewer."""
_HEX_VARIETY = 14
BLOCK = 1024
MIN_HIGH, MOST_HIGH = 1, 250
"""Bytes above 127 among 1000 of a text in ISO 8859-1."""
_ASCII = bytes(range(128))
_ACCENTS = bytes(range(0xA0, 0x100))
_NO_TEXT = bytes([*range(9), *range(14, 27), *range(28, 32)])
_BESIDE = re.compile(rb"[A-Za-z][\xc0-\xff]|[\xc0-\xff](?=[a-z])")
_CONTENTS = {
    transform.number: Content(Kind.ENCODED, transform.number)
    for transform in (BASE64, LOWER_HEX, UPPER_HEX, UTF16, LATIN1)
}
# Lines end with LF or CR LF, as in PEM, mail and xxd -p.
_CANDIDATE = re.compile(
    rb"[A-Za-z0-9+/]{%d,}={0,2}(?:\r?\n[A-Za-z0-9+/]{1,}={0,2})*(?:\r?\n)?" % MIN_LINE
)


def find_encoded(data: bytes) -> list[Found]:
    """Regions of `data`, in order and apart from each other."""
    utf16 = _find_utf16(data)
    if utf16:
        return utf16
    found: list[Found] = []
    for match in _CANDIDATE.finditer(data):
        if len(match[0]) >= MIN_DIGITS:
            found += _regions(data, match.start(), match.end())
        if len(found) > MOST_REGIONS:
            return found[:MOST_REGIONS]
    return found


def _regions(data: bytes, start: int, end: int) -> list[Found]:
    found: list[Found] = []
    failed = 0
    while end - start >= MIN_DIGITS and failed < MOST_FAILED:
        number, kind, variety = _kind(data, start)
        length = digits.region_length(data, start, kind)
        if length >= MIN_DIGITS and len(set(data[start : start + SAMPLE])) >= variety:
            found.append(Found(start, length, _CONTENTS[number]))
        else:
            failed += 1
            length = data.find(b"\n", start, end) + 1 - start
            if length < 1:
                break
        start += length
    return found


def _kind(data: bytes, start: int) -> tuple[int, digits.Digits, int]:
    """Which digits the line at `start` is written in, as far as it says so: number of the
    transform, what it knows of them, and how many different bytes a region must have."""
    for transform, kind in ((LOWER_HEX, digits.LOWER_HEX), (UPPER_HEX, digits.UPPER_HEX)):
        line = kind.line.match(data, start)
        if line is not None and len(line[0]) >= MIN_LINE:
            return transform.number, kind, _HEX_VARIETY
    return BASE64.number, digits.BASE64, _BASE64_VARIETY


def _find_utf16(data: bytes) -> list[Found]:
    """`data` as a whole, or nothing: such files begin with a mark, or are full of zeros."""
    if len(data) < 64 or len(data) % 2:
        return []
    zeros = np.frombuffer(data, np.uint8) == 0
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    shares = sorted(float(zeros[i::2].mean()) for i in range(2))
    # Half of the bytes are zero in Latin scripts; hardly any other byte ever is.
    if shares[0] > 0.02 or not (marked or shares[1] > 0.8):
        return []
    return [Found(0, len(data), _CONTENTS[UTF16.number])] if UTF16.apply(data) else []


def is_latin1(data: bytes) -> bool:
    """Whether `data` as a whole looks like text in ISO 8859-1 or its like: letters with accents,
    mostly beside plain ones, and not UTF-8."""
    high = data.translate(None, _ASCII)
    if not MIN_HIGH <= len(high) * 1000 // max(len(data), 1) <= MOST_HIGH:
        return False
    if data.translate(None, _NO_TEXT) != data or 10 * len(high.translate(None, _ACCENTS)) > len(
        high
    ):
        return False
    beside = len(_BESIDE.findall(data))
    try:
        data.decode()
    except UnicodeError:
        return 2 * beside > len(high)
    return False


LATIN1_TEXT = _CONTENTS[LATIN1.number]
