"""One frame: raw bytes to channels and back.

The text spans of a frame make one channel for the language model, the rest makes one for a byte
codec; where that is not smaller than one byte codec for the whole frame, the frame has one channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgezip.container import Channel, Frame, LmParams, Settings, Span
from edgezip.container import constants as c
from edgezip.errors import FormatError, ModelError
from edgezip.pipeline import codecs, spans
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.windows import choose_streams

CODERS = frozenset({c.STORED, c.DEFLATE, c.BZIP2, c.LZMA, c.LM})
"""Coder numbers that can be decoded; the parser refuses others by name."""

SECOND_CHANNEL = 24
"""Bytes a second channel costs at most besides its payload."""


@dataclass(frozen=True, slots=True)
class FrameContent:
    """Channels and spans of a frame, before the container gives it a place.

    tokens: number of tokens that went through the language model's coder.
    """

    channels: tuple[Channel, ...]
    spans: tuple[Span, ...]
    tokens: int = 0

    @property
    def coded_size(self) -> int:
        """Payload bytes of all channels."""
        return sum(len(channel.payload) for channel in self.channels)


def encode_frame(
    raw: bytes,
    model: LanguageModel | None,
    settings: Settings,
    options: PackOptions,
    progress: Callable[[int], None],
) -> FrameContent:
    """Code `raw`. `progress` gets the raw bytes done since its last call, len(raw) in total."""
    whole = _byte_channel(raw)
    cuts = spans.find_spans(raw) if model is not None else []
    text = b"".join(raw[s.start : s.start + s.length] for s in cuts if s.text)
    progress(len(raw) - len(text))
    if model is None or not text:
        return _single(whole)
    text_channel, tokens = _lm_channel(text, model, settings, options, progress)
    if len(text) == len(raw):
        if len(whole.payload) <= len(text_channel.payload):
            return _single(whole)
        return _single(text_channel, tokens)
    rest = _byte_channel(b"".join(raw[s.start : s.start + s.length] for s in cuts if not s.text))
    channels = (text_channel, rest) if cuts[0].text else (rest, text_channel)
    split = FrameContent(
        channels, tuple(Span(int(s.text != cuts[0].text), s.length) for s in cuts), tokens
    )
    overhead = SECOND_CHANNEL + 3 * len(cuts)
    return split if split.coded_size + overhead < len(whole.payload) else _single(whole)


def _single(channel: Channel, tokens: int = 0) -> FrameContent:
    return FrameContent((channel,), (Span(0, channel.raw_size),), tokens)


def _byte_channel(data: bytes) -> Channel:
    coder, payload = codecs.encode_smallest(data)
    return Channel(coder, payload, len(data))


def _lm_channel(
    data: bytes,
    model: LanguageModel,
    settings: Settings,
    options: PackOptions,
    progress: Callable[[int], None],
) -> tuple[Channel, int]:
    """Code `data` with the language model; the channel and the number of its tokens."""
    ids = model.tokenizer.encode(data)
    streams = options.streams or model.most_streams(settings, choose_streams(len(ids)))
    streams = min(streams, len(ids))
    done = _ByteProgress(len(ids), len(data), progress)
    payload = model.encode(ids, streams, settings, done.tokens)
    done.finish()
    tokens = None if streams == 1 else len(ids)
    params = LmParams(tokens=tokens, streams=streams).encode()
    return Channel(c.LM, payload, len(data), params=params), len(ids)


class _ByteProgress:
    """Turns token counts into raw byte counts that add up exactly."""

    def __init__(self, n_tokens: int, n_bytes: int, progress: Callable[[int], None]) -> None:
        self._tokens, self._bytes, self._progress = max(n_tokens, 1), n_bytes, progress
        self._seen = self._told = 0

    def tokens(self, count: int) -> None:
        """`count` more tokens are done."""
        self._seen += count
        self._tell(self._seen * self._bytes // self._tokens)

    def finish(self) -> None:
        """All are done."""
        self._tell(self._bytes)

    def _tell(self, total: int) -> None:
        total = min(total, self._bytes)
        if total > self._told:
            self._progress(total - self._told)
            self._told = total


def decode_frame(
    frame: Frame,
    model: LanguageModel | None,
    settings: Settings,
    progress: Callable[[int], None],
) -> bytes:
    """The verified raw bytes of `frame`.

    Raises:
        FormatError: a channel is damaged or the checksum does not match.
        ModelError: the frame needs a model and `model` is None.
    """
    contents = [decode_channel(channel, model, settings, progress) for channel in frame.channels]
    raw = frame.join(contents)
    frame.verify(raw)
    return raw


def decode_channel(
    channel: Channel,
    model: LanguageModel | None,
    settings: Settings,
    progress: Callable[[int], None],
) -> bytes:
    """The raw bytes of one channel; FormatError where the payload cannot be one of it."""
    if channel.coder not in c.MODEL_CODERS:
        data = codecs.decode(channel.coder, channel.payload, channel.raw_size)
        progress(channel.raw_size)
        return data
    if model is None:
        raise ModelError("a channel needs a language model but the header names none")
    params = LmParams.decode(channel.params, channel.raw_size)
    if params.extra:
        raise FormatError("damaged: a language model channel has parameters it cannot have")
    done = _ByteProgress(params.tokens or channel.raw_size, channel.raw_size, progress)
    ids = model.decode(channel.payload, channel.raw_size, params, settings, done.tokens)
    data = model.tokenizer.decode(ids)
    done.finish()
    return data
