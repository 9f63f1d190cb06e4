"""Lockstep streams and context windows: which tokens stand in which cells, as plain arithmetic.

Both sides derive the same schedule from six numbers: tokens, streams, window, keep, evict, span.
docs/format.md states the same rules in words. That the oldest tokens make room while the start
token's cell stays is the method of Xiao et al., "Efficient Streaming Language Models with Attention
Sinks" (2309.17453); there positions are counted within the cache, here they go on up to the span.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALL_MODEL = 48 << 20
"""Bytes of a model file up to which its weights stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens that are predicted before older ones make room for more.

    Attributes:
        first: index in the run of the first token it predicts.
        count: tokens it predicts.
        oldest: position of the oldest token that is left when it begins.
    """

    first: int
    count: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Window:
    """One context of one stream, from its start to its renewal.

    At positions 0, 1, ... stand `[start token] + tail + new tokens`; the logits of the one in front
    of a new token predict it, so the last new token is not evaluated.

    Attributes:
        stream: index of the stream.
        tail: index in the run of the first kept token (equal to `first` when there is no tail),
            which stands at position 1.
        first: index in the run of the first token this window predicts.
        count: tokens this window predicts.
    """

    stream: int
    tail: int
    first: int
    count: int

    def pieces(self, cells: int, evict: int) -> Iterator[Piece]:
        """What it predicts, cut where the `evict` oldest tokens leave its full `cells` cells."""
        first, end, oldest = self.first, self.first + self.count, 1
        room = cells - (self.first - self.tail)
        while first < end:
            count = min(room, end - first)
            yield Piece(first, count, oldest)
            first += count
            oldest += evict
            room = evict


def run_lengths(n_tokens: int, n_streams: int) -> list[int]:
    """Lengths of the contiguous runs that the streams code; the first `n mod S` are one longer."""
    quotient, remainder = divmod(n_tokens, n_streams)
    return [quotient + (stream < remainder) for stream in range(n_streams)]


def run_windows(
    stream: int, length: int, span: int, keep: int, primed: int = 0
) -> Iterator[Window]:
    """The windows of `span` positions that predict tokens `primed` to `length` of a run, in order.

    The tokens before `primed` are those of a primer; all of them are the tail of the first window.
    """
    first = primed
    while first < length:
        tail = primed if first == primed else min(keep, first)
        count = min(span - tail, length - first)
        yield Window(stream, first - tail, first, count)
        first += count


def slots_of(stream: int, n_streams: int, first: int, count: int) -> NDArray[np.int64]:
    """Coding order of tokens `first .. first+count` of a stream: step-major over all streams."""
    return np.arange(first, first + count, dtype=np.int64) * n_streams + stream


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a model gets where the caller asks for nothing.

    window: cells of a context. run: the fewest tokens that a stream of its own pays for. streams:
    as many as a text gets at most.
    """

    window: int
    run: int
    streams: int


def recommend(model_size: int, context: int) -> Recommendation:
    """The settings for a model of `model_size` bytes, trained on contexts of `context` tokens.

    A model whose weights fit into the processor's cache is taken for its speed: longer windows
    gain it little. A larger one makes more of a long context, and loses more by a start without
    any, 23 bytes each. docs/models.md has the curves. Its weights come from memory, and more
    streams share them; a small model's streams compete with its weights for the cache.
    """
    window, run, streams = (1024, 8192, 16) if model_size > SMALL_MODEL else (384, 4096, 8)
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
