"""Token coding with the language model mixed in: TokenEncoder and TokenDecoder over the byte
trie."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy import uintp
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.jit import compiled_for, njit
from edgezip.coding.prefetch import prefetch_constant
from edgezip.coding.rangecoder import decode_bit, encode_bit
from edgezip.coding.turns import COMES, Turn, alone, nap, pass_on, wait_briefly
from edgezip.errors import EngineError, SettingsError

from .bytecodec import primed_model
from .contexts import set_contexts, set_expected
from .history import end_byte, end_token
from .layout import (
    MATCHES,
    R_BITS,
    R_C0,
    R_DEPTH,
    R_EXPECT,
    R_NODE,
    R_STREAM,
    R_WRONG,
    S_POS,
    SURE,
    WRONG_BITS,
    WRONG_LIMIT,
    WRONG_RATE,
)
from .model import release
from .params import MixParams
from .paths import collect, fill_weights, leaf_order, new_weights, split_logit, sum_before
from .predictor import announce_nibble, begin_nibble, predict, update
from .tables import fine_stretch_table
from .trie import BYTE, DEPTH, LEFT, LOW, MIDDLE, PHASE, RIGHT, Trie, build_trie

_ROOM = 1 << 16

_FRESH, _PREPARED, _OURS = 0, 1, 2
"""Stages of a decoding call: nothing done; weights filled; our turn has come as well."""
_NO_ROOM, _NOT_FINITE = -3, -4


@njit(inline="always", _nrt=False)
def _contradicted(r, phase, c, bit):  # type: ignore[no-untyped-def]
    """Whether a match model expects the other bit in a decision of `phase`; the bits of byte `c` in
    front of the one decided are known."""
    for e in range(R_EXPECT, R_EXPECT + 4 * MATCHES, 4):
        if phase == 0:
            if r[e + 3] == 1 - bit:
                return True
        elif r[e] >= 0:
            expected = r[e] | 256
            fits = expected >> (9 - phase) == (c | 256) >> (9 - phase)
            if fits and (expected >> (8 - phase)) & 1 != bit:
                return True
    return False


@njit(_nrt=False, nogil=True)
def run(m, trie, stretch, coder, data, decode, tokens, streams, logits, weights, sums):  # type: ignore[no-untyped-def]
    """Code `tokens` (n,) of `streams` (n,), or with `decode` fill them in.

    The encoder's decisions take their model logits one after the other from `logits`; the decoder
    computes them from `weights` (n, .) and `sums` (n, .), which `fill_weights` has filled. Returns
    how many decisions there were.
    """
    r = m.scratch
    used = 0
    for i in range(tokens.size):
        s = streams[i]
        leaf = -1
        low_sum = high_sum = middle_sum = np.int64(0)
        if decode:
            high_sum = sum_before(weights[i], sums[i], trie.tokens.size)
        else:
            leaf = trie.leaf_of[tokens[i]]
        if i + 1 < tokens.size and streams[i + 1] != s:
            # What the next token will look up first, in another stream; a hint, undone by the
            # `set_contexts` of this one.
            set_contexts(m, streams[i + 1])
            announce_nibble(m, 1)
        r[R_STREAM] = s
        node = 0
        depth = 0
        ready = -1  # depth that the contexts are set for
        told = -1  # depth that the match models' expectations are set for
        nibble = -1
        while node >= 0:
            at = trie.nodes[uintp(node)]
            middle = int(at[MIDDLE])
            phase = int(at[PHASE])
            if decode:
                prefetch_constant(trie.nodes, int(at[LEFT]) * 8)
                prefetch_constant(trie.nodes, int(at[RIGHT]) * 8)
            while depth < at[DEPTH]:
                end_byte(m, s, int(trie.flat[trie.offsets[at[LOW]] + depth]), 0)
                depth += 1
            if decode:
                middle_sum = sum_before(weights[i], sums[i], middle)
                logit = int(split_logit(stretch, low_sum, middle_sum, high_sum))
            else:
                logit = int(logits[used])
            used += 1
            alone = phase == 9  # the language model
            sure = abs(logit) >= SURE and not alone
            if sure:
                if told != depth:
                    set_expected(m, s)
                    told = depth
                sure = not _contradicted(r, phase, int(at[BYTE]), 1 if logit > 0 else 0)
                alone = sure and r[R_WRONG] < WRONG_LIMIT
            if alone:
                p = min(max(m.squash[logit + 3072], 1), 65535)
            else:
                bits = phase - 1 if phase else 8
                c = int(at[BYTE]) | 256 if phase else 0
                r[R_C0] = c >> (8 - bits)
                r[R_BITS] = bits
                r[R_DEPTH] = depth
                if ready != depth:
                    set_contexts(m, s)
                    ready = told = depth
                if nibble != depth * 4 + (bits >> 2):
                    begin_nibble(m)
                    nibble = depth * 4 + (bits >> 2)
                    # What comes behind: the first nibble, unless the token ends; the encoder
                    # knows the second one, too.
                    if bits == 8:
                        announce_nibble(m, 1)
                    elif bits < 4 and not decode:
                        announce_nibble(m, int(trie.flat[trie.offsets[leaf] + depth]) >> 4 | 16)
                known = bits & 3
                r[R_NODE] = 1 << known | (r[R_C0] & ((1 << known) - 1))
                p = predict(m, logit)
            if decode:
                bit = decode_bit(coder, data, p, 16)
            else:
                bit = 1 if leaf >= middle else 0
                encode_bit(coder, data, p, 16, bit)
            if sure:
                wrong = np.int64((logit > 0) != (bit == 1))
                r[R_WRONG] += ((wrong << WRONG_BITS) - r[R_WRONG]) >> WRONG_RATE
            if not alone:
                update(m, bit)
            if bit:
                low_sum = middle_sum
                node = at[RIGHT]
            else:
                high_sum = middle_sum
                node = at[LEFT]
        leaf = ~node
        text = trie.offsets[leaf]
        length = trie.offsets[leaf + 1] - text
        while depth < length:
            end_byte(m, s, int(trie.flat[text + depth]), 0)
            depth += 1
        end_token(m, s, leaf)
        tokens[i] = trie.tokens[leaf]
    return used


@njit(_nrt=False)
def _room(m, streams, longest):  # type: ignore[no-untyped-def]
    """Whether the history takes one more token of each of `streams`, of up to `longest` bytes."""
    n = m.streams.shape[0]
    for i in range(streams.size):
        if (m.streams[streams[i], S_POS] + longest + 1) * n > m.history.size:
            return False
    return True


@njit(_nrt=False, nogil=True)
def decode_in_turn(  # type: ignore[no-untyped-def]
    m, trie, stretch, coder, data, tokens, streams, none, rows, leaves, weights, sums, limits, turn,
    stage,
):  # fmt: skip
    """Decode `tokens` (n,) of `streams` (n,) from the logit bits `rows` (n, n_vocab) when the turn
    comes; `leaves` is from `leaf_order`, `weights` and `sums` from `new_weights`.

    limits: int64, size of the history (shared, to tell whether `m` is still the model) and of the
    longest piece. Returns the decisions used, or what there is to do before it is called again at
    another stage: _NO_ROOM (it is our turn: let the history grow) or as `wait_briefly`; or
    _NOT_FINITE.
    """
    if stage == _FRESH:
        for i in range(tokens.size):
            if not fill_weights(rows[i], leaves, trie.tokens.size, weights[i], sums[i]):
                return _NOT_FINITE
    if stage != _OURS:
        what = wait_briefly(turn)
        if what != COMES:
            return what
    if m.history.size != limits[0] or not _room(m, streams, limits[1]):
        return _NO_ROOM
    used = run(m, trie, stretch, coder, data, True, tokens, streams, none, weights, sums)
    pass_on(turn)
    return used


def _stream_starts(n_slots: int, streams: int) -> None:
    if streams < 1 or n_slots < 0:
        raise SettingsError("the number of streams must be 1 or more")


class _Mixing:
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


class MixingEncoder(_Mixing):
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


class MixingDecoder(_Mixing):
    """TokenDecoder: the inverse of `MixingEncoder`, with the same arguments and the payload."""

    def __init__(
        self,
        payload: bytes,
        n_slots: int,
        streams: int,
        pieces: list[bytes | None] | Trie,
        params: MixParams,
        prime: bytes = b"",
    ) -> None:
        super().__init__(n_slots, streams, pieces, params, prime)
        self._payload = np.frombuffer(payload, np.uint8).copy()
        self._coder = rangecoder.new_decoder(self._payload)
        self._none = np.zeros(1, np.int16)
        self._limits = np.array([self.model.history.size, self._longest], np.int64)
        self._scratch: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint64]]] = {}
        self._kernel: Callable[..., int] | None = None
        self._alone = alone()

    def decode_rows(
        self,
        logits: NDArray[np.float32],
        streams: NDArray[np.int64],
        turn: Turn | None = None,
    ) -> NDArray[np.int32]:
        """Decode one token for each row of `logits` (n, n_vocab), in row order; `streams` (n,)
        names their streams. As in `TokenDecoder`.

        Raises:
            EngineError: a logit is not finite.
        """
        turn = turn or self._alone
        rows = np.ascontiguousarray(logits, np.float32).view(np.uint32)
        n = rows.shape[0]
        tokens = np.zeros(n, np.int32)
        scratch = self._scratch.get(turn.number)
        if scratch is None or len(scratch[0]) < n:
            scratch = self._scratch[turn.number] = new_weights(self._trie, n)
        arguments = (
            self._trie, self._stretch, self._coder, self._payload, tokens,
            np.ascontiguousarray(streams, np.int64), self._none, rows, self._leaves, *scratch,
            self._limits, turn,
        )  # fmt: skip
        self._kernel = self._kernel or compiled_for(decode_in_turn, self.model, *arguments, _FRESH)
        used = self._kernel(self.model, *arguments, _FRESH)
        while used < 0:
            used = self._again(used, arguments)
        return tokens

    def _again(self, reason: int, arguments: tuple[Any, ...]) -> int:
        """Call the kernel once more, when what kept it from decoding has been dealt with."""
        assert self._kernel is not None
        if reason == _NOT_FINITE:
            raise EngineError("the model gave a logit that is not finite; run edgezip doctor")
        if reason == _NO_ROOM:
            if self.model.history.size == self._limits[0]:  # else another worker saw to it
                self._enlarge(1)
                self._limits[0] = self.model.history.size
            return self._kernel(self.model, *arguments, _OURS)
        nap(reason)
        return self._kernel(self.model, *arguments, _PREPARED)

    def finish(self) -> None:
        """Raise FormatError unless the payload was used up exactly."""
        self._release()
        rangecoder.decode_finish(self._coder, self._payload)
