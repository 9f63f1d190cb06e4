"""A language model ready to code with: model file, engine, tokenizer and the session in use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.mixing.trie import build_trie
from edgezip.coding.plain import PlainDecoder, PlainEncoder
from edgezip.coding.protocols import Measured, TokenDecoder, TokenEncoder
from edgezip.container import EngineField, Header, Settings
from edgezip.container import constants as c
from edgezip.engine import Engine, Session, selftest
from edgezip.errors import (
    EngineMismatchError,
    FormatError,
    LimitError,
    ModelError,
    SettingsError,
)
from edgezip.models import DEFAULT_MODEL_VARIABLE, ModelFile, find_by_hash, resolve
from edgezip.pipeline.lm import LmSettings, count_windows, encode_tokens
from edgezip.pipeline.lockstep import decode_tokens, encode_tokens_lockstep
from edgezip.pipeline.memory import memory_size
from edgezip.pipeline.options import EngineKind, PackOptions, UnpackOptions
from edgezip.pipeline.windows import run_lengths
from edgezip.tokens import Tokenizer

NO_MODEL = "none"
PRIMER_BYTES = 1 << 16
"""Bytes at the end of a primer from which the model's context is taken."""


SMALL_MODEL = 48 << 20
"""Bytes of a model file up to which sessions of one thread work side by side. The weights of a
larger one come from memory, which one session with all threads reads once for all of them."""

SMALL_BATCH = 128
"""Tokens per batch of a small model: its logits (4 MiB with 8192 pieces) are then still in the
cache when the coder reads them, and the weights come from there anyway."""
MOST_SESSIONS = 8


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

    def __init__(self, file: ModelFile, engine: Engine) -> None:
        self.file = file
        self.engine = engine
        self.known_answer = selftest.check(engine, _expected_answer(file, engine))
        vocabulary = engine.vocabulary()
        self.tokenizer = Tokenizer(vocabulary, engine.tokenize)
        self.banned = np.array([piece is None for piece in vocabulary.pieces], np.bool_)
        self._trie = build_trie(vocabulary.pieces)
        sizes = [len(piece or b"") for piece in vocabulary.pieces]
        self.piece_sizes: NDArray[np.int64] = np.array(sizes, np.int64)
        self._sessions: tuple[object, list[Session]] = (None, [])
        self._lock = threading.Lock()
        self._primer: tuple[bytes, NDArray[np.int32]] = (b"", np.zeros(0, np.int32))

    @property
    def engine_field(self) -> EngineField:
        """The engine as the container names it."""
        identity = self.engine.identity
        return EngineField(identity.kind, identity.version, identity.fingerprint)

    def settings(self, options: PackOptions) -> Settings:
        """Window, keep and top k for packing: the caller's, else the model's recommendation.

        Raises:
            SettingsError: a window that the model was not made for.
        """
        longest = self.engine.n_ctx_train
        bundled = self.file.bundled
        recommended = bundled.window if bundled else Settings().window
        window = options.window or min(recommended, longest)
        if window > longest:
            raise SettingsError(f"window {window} is longer than the model's context ({longest})")
        keep = options.keep
        if keep is None:
            keep = bundled.keep if bundled and not options.window else window // 4
        keep = min(keep, window - 2)
        return Settings(window=window, keep=keep, top_k=options.top_k)

    def encoder(self, coder: int, layout: TokenLayout, settings: Settings) -> TokenEncoder[Any]:
        """A token encoder for coder number LM or LM_MIX."""
        if coder == c.LM:
            return PlainEncoder(
                layout.tokens or 0, self.engine.n_vocab, settings.top_k, self.banned
            )
        return MixingEncoder(
            layout.tokens or 0, layout.streams, self._trie, layout.mix_params, layout.prime
        )

    def _decoder(
        self, coder: int, payload: bytes, layout: TokenLayout, settings: Settings
    ) -> TokenDecoder:
        if coder == c.LM:
            return PlainDecoder(
                payload, layout.tokens, self.engine.n_vocab, settings.top_k, self.banned
            )
        tokens = layout.tokens or layout.size
        return MixingDecoder(
            payload, tokens, layout.streams, self._trie, layout.mix_params, layout.prime
        )

    def _lm_settings(self, layout: TokenLayout, settings: Settings) -> LmSettings:
        primer = self._primer_tokens(layout.prime)[-(settings.window // 2) :]
        return LmSettings(settings.window, settings.keep, layout.streams, primer)

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
        lm_settings = self._lm_settings(layout, settings)
        window = self._cells(lm_settings, len(ids))
        start = self.engine.start_token
        with self._lock:
            if self.engine.kind != "strict":
                (session,) = self._sessions_for([layout.streams], window)
                return encode_tokens_lockstep(session, start, ids, lm_settings, encoder, progress)
            side_by_side = count_windows(len(ids), lm_settings, self._most_sessions)
            sessions = self._sessions_for([1] * max(side_by_side, 1), window)
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
        lm_settings = self._lm_settings(layout, settings)
        stop = None if layout.tokens else _SizeReached(layout.size, self.piece_sizes)
        if settings.window > self.engine.n_ctx_train:
            raise FormatError(
                f"damaged: a window of {settings.window} tokens, the model has"
                f" {self.engine.n_ctx_train}"
            )
        window = self._cells(lm_settings, n_tokens)
        with self._lock:
            dealt = run_lengths(layout.streams, min(self._most_sessions, layout.streams))
            sessions = self._sessions_for(dealt, window)
            start = self.engine.start_token
            return decode_tokens(sessions, start, n_tokens, lm_settings, decoder, progress, stop)

    def most_streams(self, settings: Settings, wanted: int) -> int:
        """`wanted` streams, or as many fewer as half of the machine's memory holds the cache of."""
        while wanted > 1 and self._too_large(wanted, settings.window, memory_size() // 2):
            wanted //= 2
        return wanted

    def _too_large(self, streams: int, window: int, limit: int) -> bool:
        return self.engine.session_bytes(streams, window) > limit

    def _cells(self, settings: LmSettings, n_tokens: int) -> int:
        """Cells a stream needs for its share; coarse, so that sessions can be used again."""
        cells = 1 + len(settings.primer) - (-n_tokens // settings.streams)
        return min(settings.window, -(-cells // 256) * 256)

    @property
    def _most_sessions(self) -> int:
        """How many sessions may work side by side."""
        if self.engine.kind != "strict" or self.file.size > SMALL_MODEL:
            return 1
        return min(self.engine.threads, MOST_SESSIONS)

    def _sessions_for(self, streams: list[int], window: int) -> list[Session]:
        """Sessions of `streams` streams each; several have one thread each, a single one has all.

        The last ones are kept, because their caches take time to set up.
        """
        if self._sessions[0] != (streams, window):
            self._sessions = (None, [])
            if self._too_large(sum(streams), window, memory_size()):
                needed = self.engine.session_bytes(sum(streams), window) >> 20
                raise LimitError(
                    f"{sum(streams)} streams of {window} tokens need {needed} MiB, more than this"
                    " machine has; use a machine with more memory"
                )
            threads = 1 if len(streams) > 1 else None
            small = self.engine.kind == "strict" and self.file.size <= SMALL_MODEL
            batch = SMALL_BATCH if small else None
            made = [
                self.engine.session(count, window, batch=batch, threads=threads)
                for count in streams
            ]
            self._sessions = ((streams, window), made)
        return self._sessions[1]


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


_Key = tuple[bytes, str, int | None, int]
_opened: tuple[_Key, LanguageModel] | None = None
_opened_lock = threading.Lock()


def _expected_answer(file: ModelFile, engine: Engine) -> bytes | None:
    """The known answer of a bundled model on the strict engine, None where there is none."""
    bundled = file.bundled
    if bundled is None or engine.identity.kind != "strict":
        return None
    return bundled.known_answers.get(engine.identity.version)


def open_for_packing(options: PackOptions) -> LanguageModel | None:
    """The model that `options` ask for, or None for "none"."""
    spec = options.model or os.environ.get(DEFAULT_MODEL_VARIABLE)
    if spec == NO_MODEL:
        return None
    file = resolve(spec)
    return _open(file, options.engine, options.threads, options.gpu_layers)


def open_for_unpacking(header: Header, options: UnpackOptions) -> LanguageModel | None:
    """The model and engine that a file names, or None when it needs none.

    Raises:
        ModelError: the model is missing, or the one given is another one.
        EngineMismatchError: the file was written with another arithmetic.
    """
    if header.model is None or header.engine is None:
        return None
    file = _find(header.model, options)
    model = _open(file, header.engine.kind, options.threads, options.gpu_layers)
    _check_engine(header.engine, model.engine_field)
    if not model.known_answer.startswith(header.known_answer or b""):
        raise EngineMismatchError(
            f"model {file.name} gives other numbers here than where the file was packed;"
            " run edgezip doctor"
        )
    return model


def _find(model_id: bytes, options: UnpackOptions) -> ModelFile:
    if options.model is None:
        return find_by_hash(model_id)
    file = resolve(options.model)
    if not file.sha256.startswith(model_id):
        raise ModelError(
            f"{file.path} is not the model of this file: its SHA-256 starts with"
            f" {file.sha256[: len(model_id)].hex()}, the file names {model_id.hex()}"
        )
    return file


def _check_engine(wanted: EngineField, present: EngineField) -> None:
    if wanted == present:
        return
    if wanted.kind == "strict":
        raise EngineMismatchError(
            f"packed with strict engine version {wanted.version}, this edgezip has version"
            f" {present.version}: install the edgezip release that wrote the file"
        )
    raise EngineMismatchError(
        f"packed with the native engine {wanted.fingerprint.hex()}, this one is"
        f" {present.fingerprint.hex()}: only the same llama.cpp build, with the same threads (-T)"
        " and GPU layers, on the same kind of machine can open it"
    )


def _open(file: ModelFile, kind: EngineKind, threads: int | None, gpu_layers: int) -> LanguageModel:
    """Open a model or take the one opened last: loading costs more than coding a message."""
    global _opened
    key = (file.sha256, kind, threads, gpu_layers)
    with _opened_lock:
        if _opened is not None and _opened[0] == key:
            return _opened[1]
        _opened = None
        engine = Engine.load(file.path, kind=kind, threads=threads, gpu_layers=gpu_layers)
        model = LanguageModel(file, engine)
        _opened = (key, model)
        return model
