"""Coders 4 and 6: the language model, alone and mixed with context models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from edgezip.container import LmParams
from edgezip.container import constants as c
from edgezip.errors import ModelError
from edgezip.pipeline import selftest
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress
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
    params = LmParams(None if untold else len(ids), streams, escape)
    return Encoded(payload, params.encode(), len(ids))


def decode(
    number: int, payload: bytes, params: bytes, size: int, context: Context, progress: Progress
) -> bytes:
    """As `Decode`, for coder `number`."""
    model = _model(context)
    lm_params = LmParams.decode(params, size)
    done = Scaled(lm_params.tokens or size, size, progress)
    layout = TokenLayout(size, lm_params.tokens, lm_params.streams, context.prime)
    selftest.before_decoding(number)
    ids = model.decode(number, payload, layout, context.settings, done)
    data = model.tokenizer.decode(ids)
    if lm_params.escape is not None:
        data = model.tokenizer.escapes.undo(data, lm_params.escape)
    done.finish()
    return data


def _model(context: Context) -> LanguageModel:
    if context.model is None:
        raise ModelError("a channel needs a language model but the header names none")
    return context.model


PLAIN = Coder(c.LM, partial(encode, c.LM), partial(decode, c.LM))
MIXED = Coder(c.LM_MIX, partial(encode, c.LM_MIX), partial(decode, c.LM_MIX))
