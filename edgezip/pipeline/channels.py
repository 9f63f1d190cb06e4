"""One channel: its bytes through a transform and a coder, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
from edgezip.coding.mixing.layout import BINARY
from edgezip.coding.mixing.params import MixParams
from edgezip.container import Channel, LmParams, varint
from edgezip.container import constants as c
from edgezip.errors import FormatError, ModelError, TruncatedError
from edgezip.pipeline import codecs, lineends
from edgezip.pipeline.context import Context
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.windows import choose_streams

Progress = Callable[[int], None]

FULL_LEVEL, FAST_BINARY_LEVEL, FAST_TEXT_LEVEL = 2, 1, 0
"""Levels of context mixing: all contexts beside a model, where time hardly counts, else most."""
INCOMPRESSIBLE = 6
"""Context mixing is not tried where the cheap codecs save less than one byte in 2**6."""

BYTE_CODERS = frozenset({c.STORED, c.DEFLATE, c.BZIP2, c.LZMA})


@dataclass(frozen=True, slots=True)
class Coded:
    """A channel and the number of tokens it took, 0 without a language model."""

    channel: Channel
    tokens: int = 0

    @property
    def size(self) -> int:
        """Bytes of payload and params, what candidates are compared by."""
        return len(self.channel.payload) + len(self.channel.params)


def encode_bytes(data: bytes, context: Context, *, thorough: bool) -> Coded:
    """Code `data` with the smallest byte codec; `thorough` tries context mixing as well."""
    coder, payload = codecs.encode_smallest(data)
    promising = len(payload) < len(data) - (len(data) >> INCOMPRESSIBLE)
    if thorough and (promising or context.prime):
        size = len(data) + len(context.prime)
        mix = _mix_params(data, size, context.model is None)
        mixed = cm_encode(data, mix, context.prime)
        params = b"" if mix == MixParams.for_size(size) else mix.to_bytes()
        if len(mixed) + len(params) < len(payload):
            return Coded(Channel(c.CM, mixed, len(data), params=params))
    return Coded(Channel(coder, payload, len(data)))


def _mix_params(data: bytes, size: int, fast: bool) -> MixParams:
    """Settings for `size` bytes like `data`; `fast` where no language model sets the pace.

    Text without a model keeps 2 % of size for a third more speed: fewer contexts.
    """
    profile = MixParams.for_data(data).profile
    if not fast:
        return MixParams.for_size(size, profile, FULL_LEVEL)
    if profile == BINARY:
        return MixParams.for_size(size, profile, FAST_BINARY_LEVEL)
    return MixParams.for_size(size, profile, FAST_TEXT_LEVEL)


def encode_text(
    data: bytes,
    model: LanguageModel,
    context: Context,
    options: PackOptions,
    progress: Progress,
    information: int,
) -> Coded:
    """Code `data` with the language model, CR LF shortened where that can be undone.
    `information` is about what a byte codec makes of it, bytes."""
    settings = context.settings
    short = lineends.shorten(data)
    text, line_params = short if short is not None else (data, b"")
    ids = model.tokenizer.encode(text)
    chosen = choose_streams(len(ids), information)
    streams = options.streams or model.most_streams(settings, chosen)
    streams = min(streams, len(ids))
    done = _ByteProgress(len(ids), len(data), progress)
    tokens = TokenLayout(len(text), len(ids), streams, context.prime)
    coder = c.LM if options.coder == "plain" or options.top_k else c.LM_MIX
    encoder = model.encoder(coder, tokens, settings)
    payload = model.encode(ids, encoder, tokens, settings, done.tokens)
    done.finish()
    params = LmParams(tokens=None if streams == 1 else len(ids), streams=streams).encode()
    transform = c.NO_TRANSFORM
    if short is not None:
        transform = c.LINE_ENDS
        params = varint.encode(len(line_params)) + line_params + params
        params = varint.encode(len(text)) + params
    return Coded(Channel(coder, payload, len(data), transform, params), len(ids))


def decode_channel(channel: Channel, context: Context, progress: Progress) -> bytes:
    """The raw bytes of one channel.

    Raises:
        FormatError: the payload cannot be one of this channel.
        ModelError: the channel needs a model and the context has none.
    """
    if channel.transform == c.LINE_ENDS:
        size, line_params, params = _split_params(channel.params)
        if size > channel.raw_size:
            raise FormatError("damaged: a text that is longer before its line ends come back")
        data = _decode(channel, params, size, context, progress)
        return lineends.restore(data, line_params, channel.raw_size)
    return _decode(channel, channel.params, channel.raw_size, context, progress)


def _split_params(params: bytes) -> tuple[int, bytes, bytes]:
    """Size of the shortened text, params of the line end transform, params of the coder."""
    try:
        size, position = varint.decode(params, 0)
        length, position = varint.decode(params, position)
    except TruncatedError as error:
        raise FormatError("damaged: transform params end inside a number") from error
    if position + length > len(params):
        raise FormatError("damaged: transform params end too early")
    return size, params[position : position + length], params[position + length :]


def _decode(
    channel: Channel,
    params: bytes,
    size: int,
    context: Context,
    progress: Progress,
) -> bytes:
    model, settings, prime = context.model, context.settings, context.prime
    if channel.coder in BYTE_CODERS:
        if params:
            raise FormatError("damaged: a byte codec has no params")
        data = codecs.decode(channel.coder, channel.payload, size)
        progress(channel.raw_size)
        return data
    if channel.coder == c.CM:
        default = MixParams.for_size(size + len(prime))
        mix = MixParams.from_bytes(params) if params else default
        bytes_done = _ByteProgress(size, channel.raw_size, progress)
        data = cm_decode(channel.payload, size, mix, prime, bytes_done.tokens)
        bytes_done.finish()
        return data
    if model is None:
        raise ModelError("a channel needs a language model but the header names none")
    lm_params = LmParams.decode(params, size)
    if lm_params.extra:
        raise FormatError("damaged: a language model channel has params it cannot have")
    done = _ByteProgress(lm_params.tokens or size, channel.raw_size, progress)
    tokens = TokenLayout(size, lm_params.tokens, lm_params.streams, prime)
    ids = model.decode(channel.coder, channel.payload, tokens, settings, done.tokens)
    data = model.tokenizer.decode(ids)
    done.finish()
    return data


class _ByteProgress:
    """Turns token counts into raw byte counts that add up exactly."""

    def __init__(self, n_tokens: int, n_bytes: int, progress: Progress) -> None:
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
