"""Whether a table of contents says what the tar says: asked by `edgezip test`, from front to back.

Who lists an archive decodes nothing, so it can only see that a table is one of a tar of this size.
"""

from __future__ import annotations

import hashlib
import tarfile

from edgezip.archive.contents import Contents, is_usable
from edgezip.archive.table import WRONG, content_size
from edgezip.archive.tars import EXTENDED, MAX_EXTENDED
from edgezip.container import constants as c
from edgezip.errors import FormatError

_BLOCK = tarfile.BLOCKSIZE
_ALONE = tarfile.SUPPORTED_TYPES
"""Types that have content only if they are regular; unknown ones always have."""


class TableCheck:
    """Takes the content of a file, and each table of contents behind what it describes.

    That is all content since the table before, or, as files may be put in a row and what stands
    before an archive need be none, its last member alone: the one from which the size of the table
    follows. It cannot be neither, as a table stands behind its tar whatever is around them.
    """

    def __init__(self) -> None:
        self._all = self._last = _Headers()
        self._ended = False

    def write(self, data: bytes) -> int:
        """The next bytes of the content."""
        if self._ended:
            self._ended = False
            self._last = _Headers()
        self._all.feed(data)
        if self._last is not self._all:
            self._last.feed(data)
        return len(data)

    def ended(self) -> None:
        """A member of the content ends here."""
        # Nothing is known of empty members: the tar may as well be the one before them.
        self._ended = self._all.size > 0

    def auxiliary(self, kind: int, content: bytes) -> None:
        """An auxiliary member that stands here. FormatError if it is a wrong table."""
        if kind != c.CONTENTS:
            return
        whole, last = self._all, self._last
        self._all = self._last = _Headers()
        self._ended = False
        if not is_usable(content):
            return
        contents = Contents(content, whole.size, last.size)
        tar = whole if contents.size == whole.size else last
        if not tar.is_sound or contents.end != tar.end:
            raise FormatError(WRONG)
        if hashlib.blake2b(contents.headers).digest() != tar.headers.digest():
            raise FormatError(WRONG)
        if hashlib.blake2b(contents.last).digest() != tar.last.digest():
            raise FormatError(WRONG)


class _Headers:
    """The headers of a tar that comes in pieces.

    Attributes:
        size: bytes so far.
        end: where its end mark begins.
        is_sound: nothing but headers stood where they should, and zeros behind them.
        headers: hash of all of them.
        last: hash of the last byte of each content that fills its blocks.
    """

    def __init__(self) -> None:
        self.size = self.end = 0
        self.is_sound = True
        self.headers, self.last = hashlib.blake2b(), hashlib.blake2b()
        self._block = bytearray()
        self._left = 0
        self._fill = 0  # bytes at the end of what is left
        self._filled = False
        self._extended = 0
        self._type = b""  # of the extended header whose content comes
        self._size: int | None = None  # what extended headers say of the next one
        self._over = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the tar."""
        position = 0
        self.size += len(data)
        while position < len(data) and self.is_sound:
            if self._over:
                self.is_sound = data.count(0, position) == len(data) - position
                return
            if self._left:
                position += self._content(data, position)
                continue
            needed = (self._extended or _BLOCK) - len(self._block)
            self._block += data[position : position + needed]
            position += needed
            if len(self._block) == (self._extended or _BLOCK):
                block = bytes(self._block)
                self._block.clear()
                self._extension(block) if self._extended else self._header(block)

    def _content(self, data: bytes, position: int) -> int:
        """How much of `data` is still content of a file."""
        size = min(self._left, len(data) - position)
        stop = position + size
        fill = data[min(position + max(self._left - self._fill, 0), stop) : stop]
        self.is_sound = fill.count(0) == len(fill)
        self._left -= size
        self.end += size
        if self._filled and not self._left:
            self.last.update(data[stop - 1 : stop])
        return size

    def _header(self, block: bytes) -> None:
        if not block.strip(b"\0"):
            self._over = True
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            behind = content_size(block)
        except (tarfile.HeaderError, FormatError):
            self.is_sound = False
            return
        self._add(block)
        if info.type[0] in EXTENDED:
            self.is_sound = 0 <= info.size <= MAX_EXTENDED
            self._extended, self._type = behind, info.type
            return
        size = info.size if self._size is None else self._size
        self._size = None
        if size > 0 and (info.isreg() or info.type not in _ALONE):
            self._fill = -size % _BLOCK
            self._left = size + self._fill
            self._filled = not self._fill and info.isreg()

    def _extension(self, content: bytes) -> None:
        self._extended = 0
        self._add(content)
        # Of several that have a size `tarfile` takes the first.
        if self._type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE) and self._size is None:
            self._size = _size_in(content)

    def _add(self, part: bytes) -> None:
        self.headers.update(part)
        self.end += len(part)


def _size_in(records: bytes) -> int | None:
    """The size that pax records give, if they do; files of 8 GiB have it there."""
    size = None
    position = 0
    while (space := records.find(b" ", position, position + 20)) > 0:
        length = records[position:space]
        if not length.isdigit() or int(length) < 5:
            break
        name, _, value = records[space + 1 : position + int(length) - 1].partition(b"=")
        if name == b"size" and value.isdigit():
            size = int(value)
        position += int(length)
    return size
