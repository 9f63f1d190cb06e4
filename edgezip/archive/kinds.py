"""What kind of file a member is, so that like lies beside like in the tar.

Frames are coded on their own, and a frame of one kind has fewer channels with more context in each.
The names of files say what is in them; only where they do not, the first bytes are looked at.
"""

from __future__ import annotations

import os

KINDS = ("folders", "rest", "pictures", "sound", "data", "logs", "code", "text")
"""In the order in which they are written: what is decoded fast comes first."""
FOLDERS, REST, PICTURES, SOUND, DATA, LOGS, CODE, TEXT = range(len(KINDS))

_EXTENSIONS = {
    PICTURES: "bmp dib gif jpeg jpg pbm pgm png pnm ppm pam tga tif tiff webp ico",
    SOUND: "aif aifc aiff au flac m4a mp3 ogg opus snd wav",
    DATA: "csv json jsonl ndjson tsv xml yaml yml toml ini cfg conf svg geojson plist",
    LOGS: "log",
    CODE: (
        "asm awk bash bat c cc cl cmake cpp cs css cu cxx d el f f90 go gradle h hh hpp hs html htm"
        " inc inl java js jsx kt lisp lua m mk ml mm php pl pm proto ps1 py pyi pyx r rb rs s scala"
        " scss sh sql swift tcl ts tsx v vb vhd vim vue zig"
    ),
    TEXT: "adoc md me org po rst tex text txt",
}
_KIND = {name: kind for kind, names in _EXTENSIONS.items() for name in names.split()}
_PHOTOS = frozenset({"jpg", "jpeg"})
EFFORT = 8
"""What a byte of text takes to decode, in the unit of `effort`."""
_PHOTO_EFFORT, _PNG_EFFORT, _PICTURE_EFFORT = 1, 6 * EFFORT, 3 * EFFORT
_FAMILIES = {DATA: LOGS, CODE: TEXT}
"""Kinds that learn from the one they are named with."""
SNIFFED = 1024
"""Bytes at the start of a file that are looked at if its name says nothing."""


def extension(name: str) -> str:
    """The extension of a name in lower case, without the dot; empty if there is none."""
    return os.path.splitext(os.path.basename(name))[1][1:].lower()


def family(kind: int, name: str) -> int | None:
    """What a file has its context in common with: a number; None for what has no content. JPEGs are
    none of the other pictures: each is coded by itself."""
    if kind == FOLDERS:
        return None
    if kind == PICTURES and extension(name) in _PHOTOS:
        return len(KINDS)
    return _FAMILIES.get(kind, kind)


def effort(kind: int, name: str) -> int:
    """About how long a byte of a file takes to decode, text being `EFFORT`. Pixels take longer than
    text, those of a PNG are several to a byte, and JPEGs are not coded by edgezip's own kernels.
    Of ../shared/eval texts and sounds take 3 s of CPU time a megabyte, PNG 20 s, JPEG 0.14 s."""
    if kind != PICTURES:
        return EFFORT
    found = extension(name)
    if found in _PHOTOS:
        return _PHOTO_EFFORT
    return _PNG_EFFORT if found == "png" else _PICTURE_EFFORT


def kind_of(name: str, start: bytes) -> int:
    """The kind of a file.

    Args:
        name: of the file.
        start: its first bytes, `SNIFFED` or more if there are.
    """
    known = _KIND.get(extension(name))
    if known is not None:
        return known
    return REST if b"\0" in start or not _is_text(start) else TEXT


def _is_text(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError as error:
        # A character may be cut off at the end.
        return bool(start) and error.start > len(start) - 4
    return bool(start)
