"""Bytes in, one member of an edgezip file out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edgezip.container import (
    Channel,
    Header,
    MemberWriter,
    Settings,
    StoredWriter,
    write_short,
)
from edgezip.container import constants as c
from edgezip.container.types import model_name_problem
from edgezip.models import ModelFile, known_name
from edgezip.pipeline import jpegs
from edgezip.pipeline.context import Context
from edgezip.pipeline.frames import FrameContent, TarFrame, encode_frame
from edgezip.pipeline.inspect import engine_name, without_tar
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import ChannelReport, PackOptions, PackReport
from edgezip.pipeline.plan import media_finder
from edgezip.streams import byte_view

if TYPE_CHECKING:
    from typing_extensions import Buffer

KNOWN_ANSWER_FROM = 4096
"""Raw bytes from which a short member spends 5 bytes on the engine's known answer."""
NAMED_FROM = 1 << 16
"""Raw bytes from which a short member spends some 15 bytes on the name of its model."""


class Packer:
    """Packs one member. Feed it all data, then call `finish`; not thread-safe.

    Args:
        options: how to pack.
        size: raw size if it is certain; stored so that readers can announce it.
        progress: called with the total of raw bytes coded so far.

    Attributes:
        tar: what is known of what is waiting for the end of its frame, if that is of a tar.
    """

    def __init__(
        self,
        options: PackOptions,
        size: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._options = options
        self._size = size
        self._progress = progress
        self._buffer = bytearray()
        self._writer: MemberWriter | None = None
        self._done = 0
        self._packed = 0
        self._frames = 0
        self._tokens = 0
        self._sizes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._context: Context | None = None
        self._finder = media_finder(options)
        self.tar: TarFrame | None = None

    def feed(self, data: Buffer) -> bytes:
        """Take more input; returns what is ready of the file, often nothing."""
        self._buffer += byte_view(data)
        out = []
        # A full frame waits for the next byte: whether it is the only one decides the layout.
        while len(self._buffer) > self._options.frame_size:
            raw = bytes(self._buffer[: self._options.frame_size])
            del self._buffer[: self._options.frame_size]
            out.append(self._frame(raw, more=True))
        return self._count(b"".join(out))

    def end_frame(self) -> bytes:
        """Code what is waiting as a frame of its own; what was returned so far holds all input."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        return self._count(self._frame(raw, more=True)) if raw else b""

    def finish(self) -> bytes:
        """The rest of the file."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        if self._writer is None:
            return self._count(self._only_frame(raw))
        last = self._frame(raw, more=False) if raw else b""
        return self._count(last + self._writer.finish())

    def report(self, seconds: float) -> PackReport:
        """What was done so far."""
        model = self._context.model if self._context else None
        return PackReport(
            raw_size=self._done,
            packed_size=self._packed,
            frames=self._frames,
            model=model.file.name if model else None,
            model_sha256=model.file.sha256.hex() if model else None,
            model_size=model.file.size if model else 0,
            engine=engine_name(model.engine_field if model else None),
            channels=tuple(
                ChannelReport(name, raw, coded) for name, (raw, coded) in self._sizes.items()
            ),
            seconds=seconds,
            tokens=self._tokens,
            hints=self._hints(),
        )

    def _hints(self) -> tuple[str, ...]:
        size = self._finder.jpeg_bytes
        return (f"{size:,} bytes of JPEG stay as they are; {jpegs.ADVICE}",) if size else ()

    def _open(self) -> Context:
        """The context, opened when it is first needed: an empty input needs none."""
        if self._context is None:
            model = open_for_packing(self._options)
            settings = model.settings(self._options) if model else Settings()
            prime, every = self._options.prime or b"", self._options.all_contexts
            self._context = Context(model, settings, prime, all_contexts=every)
        return self._context

    def _encode(self, raw: bytes, more: bool = False) -> FrameContent:
        base = self._done
        told = 0

        def progress(count: int) -> None:
            nonlocal told
            told += count
            if self._progress is not None:
                self._progress(base + told)

        tar, self.tar = self.tar, None
        return encode_frame(raw, self._open(), self._options, progress, self._finder, more, tar)

    def _frame(self, raw: bytes, more: bool) -> bytes:
        """One frame of a member in the long layout, with the header before the first."""
        content = self._encode(raw, more)
        out = b""
        if self._writer is not None and self._writer.full:
            out, self._writer = self._writer.finish(), None
        if self._writer is None:
            self._writer = MemberWriter(self._header())
            out += self._writer.begin()
        self._note(content, len(raw))
        return out + self._writer.frame(raw, content.channels, content.spans)

    def _only_frame(self, raw: bytes) -> bytes:
        """A whole member of one frame: short if it has one channel, stored if that is smaller."""
        if not raw:
            self._note(FrameContent((Channel(c.STORED, b"", 0),), ()), 0)
            return pack_stored(raw)
        content = self._encode(raw)
        if len(content.channels) == 1:
            channel = content.channels[0]
            uses_model = content.uses_model
            answer = len(raw) >= KNOWN_ANSWER_FROM
            named = len(raw) >= NAMED_FROM
            header = self._header(uses_model, short=True, known_answer=answer, named=named)
            unprimed = header.primer is None
            plain = Settings(top_k=header.settings.top_k)
            model = self._open().model
            readable = model is None or model.problem(plain) is None
            if (
                unprimed
                and readable
                and content.tokens <= min(header.settings.window, plain.window)
            ):
                # No window is ever full: neither its size nor what follows then matters.
                header = replace(header, settings=plain)
            packed = write_short(header, channel, raw)
        else:
            writer = MemberWriter(self._header(content.uses_model))
            frame = writer.frame(raw, content.channels, content.spans)
            packed = writer.begin() + frame + writer.finish()
        stored = pack_stored(raw)
        if len(stored) <= len(packed):
            content = FrameContent((Channel(c.STORED, raw, len(raw)),), ())
            packed = stored
        self._note(content, len(raw))
        return packed

    def _header(
        self,
        uses_model: bool = True,
        *,
        short: bool = False,
        known_answer: bool = True,
        named: bool = True,
    ) -> Header:
        context = self._open()
        model = context.model
        header = Header(
            short=short,
            total_size=None if short else self._size,
            primer=context.primer_id,
        )
        if model is None or not uses_model:
            return header
        return replace(
            header,
            engine=model.engine_field,
            model=model.file.sha256,
            settings=context.settings,
            known_answer=model.known_answer if known_answer else None,
            model_name=_written_name(model.file) if named else None,
        )

    def _note(self, content: FrameContent, raw_size: int) -> None:
        self._done += raw_size
        self._frames += 1
        self._tokens += content.tokens
        for channel in itertools.chain.from_iterable(map(without_tar, content.channels)):
            sizes = self._sizes[c.CODER_NAMES[channel.coder]]
            sizes[0] += channel.raw_size
            sizes[1] += len(channel.payload)

    def _count(self, out: bytes) -> bytes:
        self._packed += len(out)
        return out


def _written_name(model: ModelFile) -> str | None:
    """What the file says its model is called: nothing where everybody knows it by its hash."""
    if known_name(model.sha256) is not None or model_name_problem(model.name):
        return None
    return model.name


def pack_stored(raw: bytes) -> bytes:
    """`raw` as a stored member."""
    writer = StoredWriter(len(raw))
    return writer.begin() + writer.update(raw) + writer.finish()
