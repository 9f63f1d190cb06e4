"""Reading the content of a packed file at any position."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from edgezip.errors import EdgezipError, FormatError, LimitError, SettingsError
from edgezip.pipeline.options import UnpackOptions
from edgezip.streams import is_seekable, read_some
from edgezip.unbroken import Unbroken

if TYPE_CHECKING:
    from edgezip.archive.contents import Contents
    from edgezip.pipeline.content import IndexedContent
    from edgezip.pipeline.reader import Unpacker

READ_SIZE = 1 << 16


class _Stream(Unbroken):
    """The content from the start on, piece by piece, as the file gives it."""

    def __init__(self, file: BinaryIO, options: UnpackOptions) -> None:
        self._file = file
        self._options = options
        self._closed = False
        self.position = 0
        """Content that came out so far, bytes."""

    @property
    def is_sound(self) -> bool:
        """No call was interrupted."""
        return not self._unfinished or self._error is not None

    def next(self) -> bytes:
        """The next content, at least a byte; none at the end."""
        self._begin()
        try:
            piece = self._next()
        except EdgezipError as error:
            self._error = error
            raise
        self.position += len(piece)
        self._unfinished = False
        return piece

    @cached_property
    def _unpacker(self) -> Unpacker:
        from edgezip.pipeline.reader import Unpacker

        return Unpacker(self._options)

    def _next(self) -> bytes:
        while True:
            piece = self._unpacker.pull()
            if piece:
                return piece
            if piece is not None:
                continue
            if self._closed:
                return b""
            data = read_some(self._file, READ_SIZE)
            if data:
                self._unpacker.push(data)
            else:
                self._unpacker.push_eof()
                self._closed = True


class ContentReader:
    """The content of a packed file as a sequence of bytes with a position.

    It starts as a stream. When a seek leaves that, the index of the file is used, if the file can
    be sought in and has one that is right; without, it is decoded up to the position. A call that
    was interrupted leaves the position as it was.
    """

    def __init__(self, file: BinaryIO, options: UnpackOptions) -> None:
        self._file = file
        self._options = options
        self._seekable = is_seekable(file)
        self._start = file.tell() if self._seekable else 0
        self._stream = _Stream(file, options)
        self._index: IndexedContent | None = None
        self._no_index = not self._seekable
        self._displaced = False
        self._looked = False
        self._contents: list[tuple[int, int, Contents]] = []
        self._piece = (0, b"")
        self.position = 0

    @property
    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._seekable

    def rest(self, position: int) -> memoryview:
        """Content from `position` to the end of its piece; empty only at the end of the content.

        Raises:
            EdgezipError: the file is bad there, or it is larger than the limit.
        """
        start, piece = self._piece
        if not start <= position < start + len(piece):
            start, piece = self._load(position)
            self._piece = (start, piece)
        limit = self._options.max_output
        view = memoryview(piece)[max(position - start, 0) :]
        if limit is not None and view and position + len(view) > limit:
            if position < limit:
                return view[: limit - position]
            raise LimitError(f"the content is larger than the limit of {limit} bytes")
        return view

    def _load(self, position: int) -> tuple[int, bytes]:
        if not self._looked:
            self._look_for_contents()
        if self._index is not None:
            return self._load_indexed(self._index, position)
        stream = self._stream
        lost = self._displaced or not stream.is_sound
        if position < stream.position or (lost and self._seekable):
            stream = self._restart()
        while True:
            start = stream.position
            piece = stream.next()
            if not piece or position < start + len(piece):
                return start, piece

    def _load_indexed(self, index: IndexedContent, position: int) -> tuple[int, bytes]:
        if position >= index.size:
            return position, b""
        if index.is_loaded(position):
            return index.piece(position)
        for start, end, contents in self._contents:
            if start <= position < end:
                headers = contents.piece(position - start)
                if headers is not None:
                    return headers[0] + start, headers[1]
        return index.piece(position)

    def _look_for_contents(self) -> None:
        """Use the index from the start if the file is an archive: what reads a tar from header to
        header then decodes nothing."""
        from edgezip.pipeline.content import is_archive

        self._looked = True
        if not self._seekable or self._index is not None:
            return
        displaced = self._displaced
        self._displaced = True  # for as long as an interrupt can leave the file elsewhere
        if is_archive(self._file, self._start):
            self._indexed()
        else:
            self._displaced = displaced

    def _restart(self) -> _Stream:
        if not self._seekable:
            raise SettingsError("data was lost when a call was interrupted; open the file again")
        self._file.seek(self._start)
        self._stream = _Stream(self._file, self._options)
        self._displaced = False
        return self._stream

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, or all that are left; fewer only before damage or at the end."""
        parts: list[memoryview] = []
        position, left = self.position, size
        while left:
            try:
                part = self.rest(position)
            except FormatError:
                if size < 0 or not parts:
                    raise
                break
            if not part:
                break
            part = part if left < 0 else part[:left]
            parts.append(part)
            position += len(part)
            left -= len(part) if left > 0 else 0
        data = b"".join(parts)
        self.position = position
        return data

    def readline(self, size: int) -> bytes:
        """Up to the next newline, at most `size` bytes if that is not negative."""
        start, piece = self._piece
        first = self.position - start
        end = piece.find(b"\n", first) + 1 if 0 <= first < len(piece) else 0
        if end and size < 0 and self._options.max_output is None:
            # The common case without the general one's pieces.
            line = piece[first:end]
            self.position = start + end
            return line
        parts: list[bytes] = []
        position, left = self.position, size
        while left and (part := self.rest(position)):
            part = part if left < 0 else part[:left]
            found = self._newline(position, len(part))
            part = part[:found]
            parts.append(bytes(part))
            position += len(part)
            left -= len(part) if left > 0 else 0
            if parts[-1].endswith(b"\n"):
                break
        line = b"".join(parts)
        self.position = position
        return line

    def _newline(self, position: int, size: int) -> int:
        """Bytes from `position` up to the newline, or all `size` of them."""
        start, piece = self._piece
        found = piece.find(b"\n", position - start, position - start + size)
        return size if found < 0 else found + 1 - (position - start)

    def seek(self, offset: int, whence: int) -> int:
        """Set the position, at most to the end of the content, and return it."""
        if not self._seekable:
            raise io.UnsupportedOperation("the file underneath cannot be sought in")
        if whence == io.SEEK_CUR:
            offset += self.position
        elif whence == io.SEEK_END:
            offset += self._size()
        elif whence != io.SEEK_SET:
            raise ValueError(f"invalid whence: {whence}")
        offset = max(offset, 0)
        start, piece = self._piece
        if offset != self.position and not start <= offset < start + len(piece):
            offset = self._clamp(offset)
        self.position = offset
        return offset

    def _clamp(self, offset: int) -> int:
        if self._indexed() is not None:
            return min(offset, self._size())
        if offset and not self.rest(offset):
            return self._stream.position
        return offset

    def _size(self) -> int:
        """Bytes of content; nothing is decoded if the file has an index."""
        index = self._indexed()
        if index is not None:
            return index.size
        while self.rest(self._stream.position):
            pass
        return self._stream.position

    def _indexed(self) -> IndexedContent | None:
        if self._index is None and not self._no_index:
            from edgezip.archive import contents
            from edgezip.pipeline.content import IndexedContent

            self._displaced = True
            room = contents.MAX_HEADERS
            try:
                index = IndexedContent(self._file, self._options, self._start)
                for start, end, parts in index.tars():
                    known = contents.Contents(parts, end - start, room)
                    room -= known.headers_size
                    self._contents.append((start, end, known))
                self._index = index
            except FormatError:
                # Read on as a stream, which gives what stands before the damage.
                self._no_index = True
                self._contents.clear()
        return self._index
