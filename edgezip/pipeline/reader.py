"""An edgezip file in, raw bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgezip.container import (
    ContainerParser,
    EndEvent,
    Event,
    FrameEvent,
    Header,
    HeaderEvent,
    StoredChunk,
)
from edgezip.errors import LimitError
from edgezip.pipeline.channels import CODERS, decode_frame
from edgezip.pipeline.context import Context, check_primer
from edgezip.pipeline.opening import open_for_unpacking
from edgezip.pipeline.options import UnpackOptions
from edgezip.streams import byte_view

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Unpacker:
    """Unpacks one member (`single=True`) or a file of concatenated members; not thread-safe.

    Frames come out verified, those of auxiliary members as no content at all. The content of a
    stored member of 64 KiB or more comes out as it is read and is verified at its end, so a caller
    keeps nothing before the end was reached.

    Call `push` with more of the file, then `pull` until it gives None, and after the last part
    `push_eof` and `pull` again. At most one frame is held, so memory does not depend on what the
    file unpacks to.

    Args:
        options: where models are, limits.
        single: stop after the first member; what follows is in `unused_data`.
        progress: called with the total of raw bytes decoded so far.
    """

    def __init__(
        self,
        options: UnpackOptions,
        *,
        single: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._options = options
        self._parser = ContainerParser(single=single, coders=CODERS)
        self._progress = progress
        self._header = Header()
        self._context: Context | None = None
        self._prime = b""
        self._dropped = 0
        """Raw bytes of auxiliary members so far."""
        self.raw_size = 0
        """Raw bytes that came out so far."""
        self.members = 0
        """Members that are complete."""
        self.frames = 0
        """Frames that are decoded."""

    @property
    def eof(self) -> bool:
        """The single member, or all input after `push_eof`, is decoded."""
        return self._parser.eof

    @property
    def needs_input(self) -> bool:
        """More bytes of the file are needed to go on."""
        return self._parser.needs_input

    @property
    def unused_data(self) -> bytes:
        """Bytes after the end of a single member."""
        return self._parser.unused_data

    def push(self, data: Buffer) -> None:
        """Take more of the file without decoding any of it."""
        self._parser.feed(byte_view(data))

    def pull(self) -> bytes | None:
        """The next raw bytes, at most one frame and possibly none; None when input is needed.

        Raises:
            EdgezipError: the subclass says what is wrong.
        """
        event = self._parser.next_event()
        return None if event is None else self._handle(event)

    def push_eof(self) -> None:
        """Say that no more input comes.

        Raises:
            TruncatedError: the file is not complete; if there is something to pull before, then
                from `pull`.
        """
        self._parser.feed_eof()

    def _handle(self, event: Event) -> bytes:
        if isinstance(event, HeaderEvent):
            self._header = event.header
            self._prime = check_primer(event.header, self._options.prime)
            if event.header.auxiliary is None:
                self._check_limit(event.header.total_size or 0)
            self._context = None
        elif isinstance(event, StoredChunk):
            self._check_limit(len(event.data))
            return self._emit(event.data)
        elif isinstance(event, FrameEvent):
            if self._header.auxiliary is not None:
                # Without a limit what is dropped could be any work.
                self._check_limit(event.frame.raw_size, self._dropped)
                self._dropped += event.frame.raw_size
                self._decode(event, quiet=True)
                return b""
            self._check_limit(event.frame.raw_size)
            self.frames += 1
            return self._emit(self._decode(event))
        elif isinstance(event, EndEvent):
            self.members += self._header.auxiliary is None
        return b""

    def _decode(self, event: FrameEvent, quiet: bool = False) -> bytes:
        if self._context is None:
            model = open_for_unpacking(self._header, self._options)
            self._context = Context(model, self._header.settings, self._prime)
        base = self.raw_size
        told = 0

        def progress(count: int) -> None:
            nonlocal told
            told += count
            if self._progress is not None and not quiet:
                self._progress(base + told)

        return decode_frame(event.frame, self._context, progress)

    def _emit(self, raw: bytes) -> bytes:
        self.raw_size += len(raw)
        if self._progress is not None:
            self._progress(self.raw_size)
        return raw

    def _check_limit(self, more: int, done: int | None = None) -> None:
        """done: of auxiliary members; None: of the content."""
        limit = self._options.max_output
        if limit is not None and (self.raw_size if done is None else done) + more > limit:
            raise LimitError(
                f"the output would exceed the limit of {limit} bytes; raise --max-output if you"
                " trust the file"
            )
