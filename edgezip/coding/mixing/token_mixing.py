"""Token coding with the language model mixed in: TokenEncoder over the byte trie, and what its
decoder shares with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.logistic import fine_stretch_table
from edgezip.errors import EngineError, SettingsError

from .bytecodec import primed_model
from .layout import (
    S_POS,
)
from .model import release
from .params import MixParams
from .paths import collect, leaf_order, new_weights
from .token_walk import run
from .trie import Trie, build_trie

_ROOM = 1 << 16


def _stream_starts(n_slots: int, streams: int) -> None:
    if streams < 1 or n_slots < 0:
        raise SettingsError("the number of streams must be 1 or more")


class Mixing:
    """What encoder and decoder share: trie, model, scratch arrays, growing histories."""

    def __init__(
        self,
        n_slots: int,
        streams: int,
        pieces: list[bytes | None] | Trie,
        params: MixParams,
        prime: bytes,
    ) -> None:
        _stream_starts(n_slots, streams)
        self._trie = pieces if isinstance(pieces, Trie) else build_trie(pieces)
        self._n_slots = n_slots
        self._streams = streams
        self._stretch = fine_stretch_table()
        self._leaves = leaf_order(self._trie)
        self._longest = int(np.diff(self._trie.offsets).max())
        capacity = len(prime) + 4 * (n_slots // streams) + self._longest + 64
        self.model = primed_model(params, streams, capacity, True, prime)

    def _enlarge(self, tokens: int) -> None:
        """Make the histories longer, unless `tokens` more tokens fit every stream's."""
        m = self.model
        need = (int(m.streams[:, S_POS].max()) + tokens * self._longest + 1) * self._streams
        if need > m.history.size:
            more = np.zeros(need, np.uint8)
            self.model = m._replace(
                history=np.concatenate([m.history, more]), bounds=np.concatenate([m.bounds, more])
            )

    def _release(self) -> None:
        """Nothing is coded any more."""
        release(self.model)
        del self.model


PathLogits = tuple[NDArray[np.int16], NDArray[np.int64]]


class MixingEncoder(Mixing):
    """TokenEncoder: mixes the language model with context models of the tokens' bytes.

    `model` is the mixer's state; an experiment may put another one there before `finish`.

    Args:
        n_slots: tokens to come, of all streams.
        streams: number of lockstep streams S; slot k belongs to stream k mod S.
        pieces: the bytes of every token id, None for those never produced; or their `build_trie`.
        params: stored settings.
        prime: reference text that is learned first, by both sides.
    """

    def __init__(
        self,
        n_slots: int,
        streams: int,
        pieces: list[bytes | None] | Trie,
        params: MixParams,
        prime: bytes = b"",
    ) -> None:
        super().__init__(n_slots, streams, pieces, params, prime)
        self._symbols = np.full(n_slots, -1, np.int32)
        self._first = np.zeros(n_slots, np.int64)
        self._count = np.zeros(n_slots, np.int64)
        self._parts: list[NDArray[np.int16]] = []
        self._added = self._taken = 0  # slots
        self._total = self._dropped = 0  # path logits
        self._path = 8 * self._longest + 2 * self._longest + 256 + 2
        self._coder = rangecoder.new_encoder()
        self._no_weights = new_weights(self._trie)  # the kernel is the decoder's, too
        self._out = np.zeros(8 * _ROOM, np.uint8)

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> PathLogits:
        """Path logits of `symbols` (n,), predicted by `logits` (n, n_vocab): all one after the
        other, int16, and how many each has, int64 (n,).

        May be called by several threads at once.

        Raises:
            EngineError: a logit is not finite.
            SettingsError: a symbol cannot be produced.
        """
        if (self._trie.leaf_of[symbols] < 0).any():
            raise SettingsError("a token that the vocabulary never produces cannot be coded")
        rows = np.ascontiguousarray(logits, np.float32).view(np.uint32)
        out = np.empty(symbols.size * self._path, np.int16)
        counts = np.zeros(symbols.size, np.int64)
        n = collect(
            rows, self._leaves, self._trie, self._stretch, symbols, *new_weights(self._trie), out,
            counts,
        )  # fmt: skip
        if n < 0:
            raise EngineError("the model gave a logit that is not finite; run edgezip doctor")
        return out[:n].copy(), counts

    def add(
        self, measured: PathLogits, symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        """Take `symbols` (n,), to be coded as numbers `slots` (n,)."""
        flat, counts = measured
        self._symbols[slots] = symbols
        self._first[slots] = self._total + np.cumsum(counts) - counts
        self._count[slots] = counts
        self._parts.append(flat)
        self._total += flat.size
        self._added += symbols.size

    def prefix_added(self) -> Callable[[], None]:
        """As in `TokenEncoder`.

        Raises:
            SettingsError: there is a gap.
        """
        if (self._symbols[self._taken : self._added] < 0).any():
            raise SettingsError("a slot was left out among those that are to be coded")
        flat = np.concatenate([np.zeros(0, np.int16), *self._parts])
        self._parts.clear()
        job = partial(self._code, flat, self._dropped, self._taken, self._added)
        self._taken, self._dropped = self._added, self._total
        return job

    def _ordered(
        self, flat: NDArray[np.int16], dropped: int, start: int, stop: int
    ) -> NDArray[np.int16]:
        """The path logits of slots `start` to `stop` in slot order; `flat` holds all from number
        `dropped` on.

        Block by block, because the index takes several times the memory of the logits.
        """
        first, count = self._first[start:stop] - dropped, self._count[start:stop]
        ends = np.cumsum(count)
        index = np.repeat(first - (ends - count), count) + np.arange(int(count.sum()))
        return np.asarray(flat[index])

    def _code(self, flat: NDArray[np.int16], dropped: int, first: int, last: int) -> None:
        block = max(_ROOM // self._path, 1)
        for start in range(first, last, block):
            stop = min(start + block, last)
            room = int(self._coder[rangecoder.POS]) + 2 * block * self._path + 16
            if self._out.size < room:
                self._out = np.concatenate([self._out, np.zeros(room, np.uint8)])
            self._enlarge(block)
            streams = np.arange(start, stop, dtype=np.int64) % self._streams
            run(
                self.model, self._trie, self._stretch, self._coder, self._out, False,
                self._symbols[start:stop], streams, self._ordered(flat, dropped, start, stop),
                *self._no_weights,
            )  # fmt: skip

    def finish(self) -> bytes:
        """Code the slots that no job has coded and return the payload."""
        if self._added != self._n_slots:
            raise SettingsError("finish() was called before every slot had its token")
        self.prefix_added()()
        self._release()
        return self._out[: int(rangecoder.encode_finish(self._coder, self._out))].tobytes()
