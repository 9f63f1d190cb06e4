"""A language model ready to code with: model file, engine, tokenizer and the sessions in use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip import forks
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.mixing.trie import build_trie
from edgezip.coding.plain import PlainDecoder, PlainEncoder
from edgezip.coding.protocols import Measured, TokenDecoder, TokenEncoder
from edgezip.coding.settled import SettledDecoder
from edgezip.container import EngineField, Settings
from edgezip.container import constants as c
from edgezip.engine import Engine, selftest
from edgezip.errors import EngineError, FormatError, ModelError, SettingsError
from edgezip.models import ModelFile, Vocabulary, answers
from edgezip.pipeline.lm import LmSettings, count_windows, encode_tokens
from edgezip.pipeline.lockstep import decode_tokens, encode_tokens_lockstep
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.sessions import Sessions
from edgezip.pipeline.windows import Recommendation, choose_streams, recommend, run_lengths
from edgezip.tokens import Tokenizer

PRIMER_BYTES = 1 << 16
"""Bytes at the end of a primer from which the model's context is taken."""


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """A text as the coders see it.

    size: bytes. tokens: their number, None if not known. prime: learned before the text.
    """

    size: int
    tokens: int | None
    streams: int
    prime: bytes = b""

    @property
    def mix_params(self) -> MixParams:
        """Settings of the mixer, which follow from the sizes."""
        return MixParams.for_size(self.size + len(self.prime))


class LanguageModel:
    """Binds the rooms that a language model channel needs. A lock serialises its coding calls."""

    def __init__(self, file: ModelFile, engine: Engine, vocabulary: Vocabulary) -> None:
        self.file = file
        self.engine = engine
        expected = file.expected_answer(engine.identity.version)
        # A bundled model is proven by its known answer alone, where this engine has one.
        proven = bool(file.bundled) and expected is not None
        try:
            self.known_answer = selftest.check(engine, expected, proven)
        except EngineError as error:
            if file.bundled or expected is None:
                raise
            where = file.path.with_suffix(answers.SUFFIX)
            raise EngineError(f"{error}; or remove {where}, should that be what is wrong") from None
        self.tokenizer = Tokenizer(vocabulary, engine.tokenize)
        self.banned = np.array([piece is None for piece in vocabulary.pieces], np.bool_)
        self.pieces = vocabulary.pieces
        self.trie = build_trie(vocabulary.pieces)
        sizes = [len(piece or b"") for piece in vocabulary.pieces]
        self.piece_sizes: NDArray[np.int64] = np.array(sizes, np.int64)
        self._sessions = Sessions(engine, file.size)
        self._lock = forks.Lock()
        self._process = os.getpid()
        self._primer: tuple[bytes, NDArray[np.int32]] = (b"", np.zeros(0, np.int32))

    @property
    def engine_field(self) -> EngineField:
        """The engine as the container names it."""
        identity = self.engine.identity
        return EngineField(identity.kind, identity.version, identity.fingerprint)

    def settings(self, options: PackOptions) -> Settings:
        """For packing: the caller's, else what suits the model.

        Raises:
            SettingsError: a window that the model was not made for.
        """
        longest = self.engine.n_ctx_train
        if longest < c.MIN_WINDOW:
            raise ModelError(f"the model's context of {longest} tokens is too short to be used")
        window = options.window or self._recommended.window
        if window > longest:
            raise SettingsError(f"window {window} is longer than the model's context ({longest})")
        given = {"keep": options.keep, "evict": options.evict, "span": options.span}
        known = {name: value for name, value in given.items() if value is not None}
        chosen = Settings(window, top_k=options.top_k, **known)
        problem = chosen.problem() or self.problem(chosen)
        if problem:
            raise SettingsError(f"nobody could unpack {problem}")
        return chosen

    @property
    def _recommended(self) -> Recommendation:
        return recommend(self.file.size, self.engine.n_ctx_train)

    def problem(self, settings: Settings) -> str | None:
        """Why a reader must refuse `settings` with this model, None if it need not: writers ask,
        too."""
        longest = self.engine.n_ctx_train
        if settings.window > longest:
            return f"a window of {settings.window} tokens, the model has {longest}"
        return None

    def encoder(self, coder: int, layout: TokenLayout, settings: Settings) -> TokenEncoder[Any]:
        """A token encoder for coder number LM or LM_MIX."""
        if coder == c.LM:
            return PlainEncoder(
                layout.tokens or 0, self.engine.n_vocab, settings.top_k, self.banned
            )
        return MixingEncoder(
            layout.tokens or 0, layout.streams, self.trie, layout.mix_params, layout.prime
        )

    def _decoder(
        self, coder: int, payload: bytes, layout: TokenLayout, settings: Settings
    ) -> PlainDecoder | MixingDecoder:
        if coder == c.LM:
            return PlainDecoder(
                payload, layout.tokens, self.engine.n_vocab, settings.top_k, self.banned
            )
        tokens = layout.tokens or layout.size
        return MixingDecoder(
            payload, tokens, layout.streams, self.trie, layout.mix_params, layout.prime
        )

    def lm_settings(self, layout: TokenLayout, settings: Settings) -> LmSettings:
        """How a text is evaluated."""
        primer = self._primer_tokens(layout.prime)[-(settings.window // 2) :]
        span = min(settings.span, self.engine.n_ctx_train)
        return LmSettings(
            settings.window, settings.keep, settings.evict, span, layout.streams, primer
        )

    def _primer_tokens(self, prime: bytes) -> NDArray[np.int32]:
        if self._primer[0] != prime:
            self._primer = (prime, self.tokenizer.cover(prime[-PRIMER_BYTES:]))
        return self._primer[1]

    def encode(
        self,
        ids: NDArray[np.int32],
        encoder: TokenEncoder[Measured],
        layout: TokenLayout,
        settings: Settings,
        progress: Callable[[int], None],
    ) -> bytes:
        """Payload of the tokens `ids` (n,); `progress` gets the tokens done since its last call."""
        lm_settings = self.lm_settings(layout, settings)
        window = self._cells(lm_settings, len(ids))
        start = self.engine.start_token
        with self._at_work():
            if self.engine.kind != "strict":
                (session,) = self._sessions.take([layout.streams], window)
                return encode_tokens_lockstep(session, start, ids, lm_settings, encoder, progress)
            self._sessions.check(layout.streams, window)
            side_by_side = count_windows(len(ids), lm_settings, self._sessions.most)
            sessions = self._sessions.take([1] * max(side_by_side, 1), window)
            meanwhile = self.engine.threads > 1
            return encode_tokens(sessions, start, ids, lm_settings, encoder, progress, meanwhile)

    def decode(
        self,
        coder: int,
        payload: bytes,
        layout: TokenLayout,
        settings: Settings,
        progress: Callable[[int], None],
    ) -> NDArray[np.int32]:
        """Token ids (n,) of a channel of coder number LM or LM_MIX.

        Raises:
            FormatError: the payload is damaged.
        """
        n_tokens = layout.tokens or layout.size
        decoder = self._decoder(coder, payload, layout, settings)
        stop = None if layout.tokens else _SizeReached(layout.size, self.piece_sizes)
        problem = self.problem(settings)
        if problem:
            raise FormatError(f"damaged: {problem}")
        return self.run_decoder(decoder, n_tokens, layout, settings, progress, stop)

    def start(
        self, coder: int, payload: bytes, layout: TokenLayout, settings: Settings
    ) -> list[NDArray[np.int32]]:
        """The first token ids (n,) of each stream of a payload that was cut off or is damaged:
        those that do not depend on what followed it."""
        if self.problem(settings):
            raise FormatError("damaged: settings that this model does not have")
        decoder = SettledDecoder(self._decoder(coder, payload, layout, settings))
        stop = None if layout.tokens else _SizeReached(layout.size, self.piece_sizes)
        with contextlib.suppress(FormatError):
            tokens = layout.tokens or layout.size
            self.run_decoder(decoder, tokens, layout, settings, lambda count: None, stop)
        ids = np.array(decoder.tokens, np.int32)
        return [ids[stream :: layout.streams] for stream in range(layout.streams)]

    def stream_sizes(self, ids: NDArray[np.int32], streams: int) -> list[int]:
        """Bytes of each of the streams that `ids` (n,) are dealt out to."""
        ends = np.concatenate([[0], np.cumsum(self.piece_sizes[ids])])
        borders = np.cumsum([0, *run_lengths(len(ids), streams)])
        return [int(size) for size in np.diff(ends[borders])]

    def run_decoder(
        self,
        decoder: TokenDecoder,
        n_tokens: int,
        layout: TokenLayout,
        settings: Settings,
        progress: Callable[[int], None],
        stop: Callable[[int], bool] | None,
    ) -> NDArray[np.int32]:
        """Up to `n_tokens` token ids (n,) from `decoder`; `stop`, for one stream, ends them."""
        lm_settings = self.lm_settings(layout, settings)
        window = self._cells(lm_settings, n_tokens)
        with self._at_work():
            dealt = run_lengths(layout.streams, min(self._sessions.most, layout.streams))
            sessions = self._sessions.take(dealt, window)
            start = self.engine.start_token
            return decode_tokens(sessions, start, n_tokens, lm_settings, decoder, progress, stop)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """One coding call at a time. The weights are shared with a forked child, and sessions in
        which a thread of the parent may have been at work are not."""
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._sessions.abandon()
            yield

    def choose_streams(self, settings: Settings, tokens: int, information: int) -> int:
        """Streams for a text (`windows.choose_streams`), or as many fewer as half of the machine's
        memory holds the cache of."""
        wanted = choose_streams(tokens, information, self._recommended)
        return self._sessions.most_streams(settings.window, wanted)

    def _cells(self, settings: LmSettings, n_tokens: int) -> int:
        """Cells a stream needs for its share; coarse, so that sessions can be used again."""
        cells = 1 + len(settings.primer) - (-n_tokens // settings.streams)
        return min(settings.window, -(-cells // 256) * 256)


class _SizeReached:
    """Ends a text whose number of tokens is not stored, when its bytes are complete."""

    def __init__(self, size: int, piece_sizes: NDArray[np.int64]) -> None:
        self._left = size
        self._piece_sizes = piece_sizes

    def __call__(self, token: int) -> bool:
        self._left -= int(self._piece_sizes[token])
        if self._left < 0:
            raise FormatError("damaged data: a token reaches beyond the end of the text")
        return self._left == 0
