"""Coders 4 and 6: the language model, alone and mixed with context models."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from functools import partial

from edgezip.container import LmParams
from edgezip.container import constants as c
from edgezip.errors import FormatError, ModelError
from edgezip.pipeline import selftest
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress, Start
from edgezip.pipeline.context import Context
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.options import MAX_STREAMS
from edgezip.pipeline.progress import Scaled


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """How to code a text.

    streams: lockstep streams, None to choose. information: about the bytes that a classical codec
    makes of the text, by which they are chosen. most: of them where they are chosen.
    """

    streams: int | None
    information: int
    most: int = MAX_STREAMS


def encode(
    number: int, data: bytes, settings: LanguageSettings, context: Context, progress: Progress
) -> Encoded:
    """As `Encode`, for coder `number`."""
    model = _model(context)
    escaped = model.tokenizer.escapes.apply(data)
    text, escape = escaped if escaped is not None else (data, None)
    ids = model.tokenizer.encode(text)
    chosen = model.choose_streams(context.settings, len(ids), settings.information)
    streams = settings.streams or min(chosen, settings.most)
    streams = min(streams, len(ids))
    layout = TokenLayout(len(data), len(ids), streams, context.prime)
    selftest.before_encoding(number)
    encoder = model.encoder(number, layout, context.settings)
    done = Scaled(len(ids), len(data), progress)
    payload = model.encode(ids, encoder, layout, context.settings, done)
    done.finish()
    untold = streams == 1 and escape is None
    sizes: tuple[int, ...] = ()
    if context.with_sizes and escape is None:
        sizes = tuple(model.stream_sizes(ids, streams))[:-1]
    params = LmParams(None if untold else len(ids), streams, escape, sizes)
    return Encoded(payload, params.encode(), len(ids))


def decode(
    number: int, payload: bytes, params: bytes, size: int, context: Context, progress: Progress
) -> bytes:
    """As `Decode`, for coder `number`."""
    model = _model(context)
    lm_params = LmParams.decode(params, size)
    done = Scaled(lm_params.tokens or size, size, progress)
    several = lm_params.streams > 1 and lm_params.escape is None
    if bool(lm_params.sizes) != (context.with_sizes and several):
        raise FormatError("damaged: sizes of streams in no archive, or an archive without them")
    layout = TokenLayout(size, lm_params.tokens, lm_params.streams, context.prime)
    selftest.before_decoding(number)
    ids = model.decode(number, payload, layout, context.settings, done)
    data = model.tokenizer.decode(ids)
    if lm_params.sizes and tuple(model.stream_sizes(ids, layout.streams))[:-1] != lm_params.sizes:
        raise FormatError("damaged: streams of other sizes than stated")
    if lm_params.escape is not None:
        data = model.tokenizer.escapes.undo(data, lm_params.escape)
    done.finish()
    return data


def start(
    number: int, payload: bytes, params: bytes, size: int, context: Context, progress: Progress
) -> Start:
    """As `Begin`, for coder `number`: the first tokens of each stream. Of a text with escapes only
    the first stream has a place."""
    model = _model(context)
    lm_params = LmParams.decode(params, size)
    layout = TokenLayout(size, lm_params.tokens, lm_params.streams, context.prime)
    selftest.before_decoding(number)
    streams = model.start(number, payload, layout, context.settings)
    texts = [model.tokenizer.decode(ids) for ids in streams]
    if lm_params.escape is not None:
        return Start.first(_unescaped(texts[0], lm_params.escape, model)[:size])
    data, settled, place = bytearray(), [], 0
    for text, room in itertools.zip_longest(texts[: 1 + len(lm_params.sizes)], lm_params.sizes):
        part = text[: size - place if room is None else room]
        data += bytes(place - len(data)) + part
        settled.append((place, place + len(part)))
        place += room or 0
    return Start(bytes(data), settled)


def _unescaped(text: bytes, escape: int, model: LanguageModel) -> bytes:
    """`text` without its escapes, of which the last may be cut off."""
    for size in range(len(text), len(text) - c.LONGEST_ESCAPE, -1):
        with contextlib.suppress(FormatError):
            return model.tokenizer.escapes.undo(text[: max(size, 0)], escape)
    return b""


def _model(context: Context) -> LanguageModel:
    if context.model is None:
        raise ModelError("a channel needs a language model but the header names none")
    return context.model


def _coder(number: int) -> Coder:
    return Coder(number, partial(encode, number), partial(decode, number), partial(start, number))


PLAIN = _coder(c.LM)
MIXED = _coder(c.LM_MIX)
