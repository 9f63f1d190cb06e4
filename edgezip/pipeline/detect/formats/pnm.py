"""PBM, PGM, PPM (binary) and PAM."""

from __future__ import annotations

import re

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import SEARCHED, File, Format, expect

_GAP = rb"(?:\s|#[^\n]{0,400}\n){1,1000}"
_SIZE = rb"(\d{1,7})"
_PBM = re.compile(rb"P4" + _GAP + rb"(\d{1,7})" + _GAP + rb"(\d{1,7})\s")
_PGM = re.compile(
    rb"P([56])" + _GAP + rb"(\d{1,7})" + _GAP + rb"(\d{1,7})" + _GAP + rb"(\d{1,5})\s"
)
_PAM = re.compile(rb"P7\n((?:[^\n]{0,400}\n){1,40}?)ENDHDR\n")
_MOST_HEADER = 16 << 10
"""Bytes, with all comments."""
_PAM_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,7})\s*$", re.MULTILINE)


def parse(file: File) -> list[Found]:
    """As `Format.parse`; one picture, a file may go on with the next."""
    kind = file.data[file.start : file.start + 2]
    if kind == b"P4":
        return _bitmap(file)
    if kind == b"P7":
        return _pam(file)
    match = _header(file, _PGM)
    width, height, most = (int(match[i]) for i in (2, 3, 4))
    return _picture(match.end(), width, height, 3 if match[1] == b"6" else 1, most)


def _header(file: File, form: re.Pattern[bytes]) -> re.Match[bytes]:
    end = min(file.end, file.start + _MOST_HEADER)
    match = form.match(file.data, file.start, end)
    file.budget.spend(1 + ((match.end() if match else end) - file.start) // SEARCHED)
    if match is None:
        raise ValueError("no header")
    return match


def _bitmap(file: File) -> list[Found]:
    match = _header(file, _PBM)
    geometry = ImageGeometry(int(match[1]), bits=1)
    return [Found(match.end(), geometry.stride * int(match[2]), Content.image(geometry))]


def _pam(file: File) -> list[Found]:
    match = _header(file, _PAM)
    fields = {name: int(value) for name, value in _PAM_FIELD.findall(match[1])}
    expect(len(fields) == 4, "a field is missing")
    sizes = (fields[name] for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    return _picture(match.end(), *sizes)


def _picture(start: int, width: int, height: int, channels: int, most: int) -> list[Found]:
    expect(1 <= most <= 65535, "largest value")
    bits = 8 if most < 256 else 16
    geometry = ImageGeometry(width, channels, bits, big_endian=bits == 16)
    return [Found(start, geometry.stride * height, Content.image(geometry))]


PNM = Format("pnm", rb"P[456](?=[\s#])|P7\nWIDTH|P7\n#", parse)
