"""Lockstep streams and context windows: which tokens stand in which cells, as plain arithmetic.

Both sides derive the same schedule from four numbers: tokens, streams, window, keep. docs/format.md
states the same rules in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALL_MODEL = 48 << 20
"""Bytes of a model file up to which its weights stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Window:
    """One context window of one stream.

    Cells are `[start token] + tail + new tokens`; the logits of the cell in front of a new token
    predict it, so the last new token needs no cell.

    Attributes:
        stream: index of the stream.
        tail: index in the run of the first kept token (equal to `first` when there is no tail).
        first: index in the run of the first token this window predicts.
        count: tokens this window predicts.
    """

    stream: int
    tail: int
    first: int
    count: int


def run_lengths(n_tokens: int, n_streams: int) -> list[int]:
    """Lengths of the contiguous runs that the streams code; the first `n mod S` are one longer."""
    quotient, remainder = divmod(n_tokens, n_streams)
    return [quotient + (stream < remainder) for stream in range(n_streams)]


def run_windows(
    stream: int, length: int, window: int, keep: int, primed: int = 0
) -> Iterator[Window]:
    """The windows that predict tokens `primed` to `length` of a run, in order.

    The tokens before `primed` are those of a primer; all of them are the tail of the first window.
    """
    first = primed
    while first < length:
        tail = primed if first == primed else min(keep, first)
        count = min(window - tail, length - first)
        yield Window(stream, first - tail, first, count)
        first += count


def slots_of(stream: int, n_streams: int, first: int, count: int) -> NDArray[np.int64]:
    """Coding order of tokens `first .. first+count` of a stream: step-major over all streams."""
    return np.arange(first, first + count, dtype=np.int64) * n_streams + stream


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a model gets where the caller asks for nothing.

    window: cells of a context, a quarter of which is kept when it is renewed. run: the fewest
    tokens that a stream of its own pays for. streams: as many as a text gets at most.
    """

    window: int
    run: int
    streams: int


def recommend(model_size: int, context: int) -> Recommendation:
    """The settings for a model of `model_size` bytes, trained on contexts of `context` tokens.

    A model whose weights fit into the processor's cache is taken for its speed: longer windows
    gain it 0.2 % and cost a fifth of the unpacking speed. A larger one makes more of a long context
    (SmolLM2: 1.1 % smaller with 1024 cells instead of 512, 1.9 % with 2048; keeping half of them
    instead of a quarter gains 0.1 % more, and evaluates every token twice), and loses more by a
    start without any, 23 bytes each. docs/models.md has the curve. Its weights come from memory,
    and more streams share them; a small model's streams compete with its weights for the cache.
    """
    window, run, streams = (2048, 8192, 16) if model_size > SMALL_MODEL else (512, 4096, 8)
    return Recommendation(min(window, context), run, streams)


_FEW = 8
"""Streams that a text gets by its tokens alone."""


def choose_streams(n_tokens: int, information: int, recommended: Recommendation) -> int:
    """Streams for a channel: one for small inputs (best ratio), more for large ones (speed).

    Args:
        n_tokens: tokens of the channel.
        information: about the bytes that a classical codec makes of it.
        recommended: for the model.

    Every further stream starts without context, which costs some hundred bits. More than eight, of
    a model that gains by them, pay where their start hardly shows in the size: unpacking reads the
    weights once for all streams of a session (`bench.models --streams`).
    """
    streams = 1
    while streams < _FEW and n_tokens // (streams * 2) >= recommended.run:
        streams *= 2
    worth = streams == _FEW and information >= recommended.streams * recommended.run // 2
    return recommended.streams if worth else streams
