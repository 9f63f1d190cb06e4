"""A loaded model on one engine."""

from __future__ import annotations

import ctypes
import os
import weakref
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgezip.engine import logs, selftest
from edgezip.engine.hardware import startable_threads, usable_cores
from edgezip.engine.identity import EngineIdentity, identify
from edgezip.engine.library import EngineKind, Library, load
from edgezip.engine.memory import ModelShape, metadata, read_shape, session_bytes
from edgezip.engine.session import Session
from edgezip.errors import EngineError, ModelError, SettingsError

_LOAD_MMAP = 1
MOST_THREADS = 256
"""llama.cpp aborts with more than 512, and each takes memory for its stack."""
MOST_BESIDE = 8
"""Sessions that work side by side, at most."""


class Engine:
    """A loaded model on one engine. Use Engine.load(); close() or a with block frees it."""

    kind: EngineKind
    n_vocab: int
    n_ctx_train: int
    start_token: int
    identity: EngineIdentity
    shape: ModelShape

    def __init__(self, library: Library, model: Any, threads: int, gpu_layers: int) -> None:
        api = library.api
        self.kind = library.kind
        self.threads = threads
        self.gpu_layers = gpu_layers
        self._library = library
        self._api: Any = api
        self._model: Any = model
        self._vocab: Any = api.llama_model_get_vocab(model)
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        if api.llama_model_has_encoder(model) or api.llama_model_is_recurrent(model):
            raise ModelError("only decoder-only transformers (Llama and its kin) can be used")
        if int(metadata(api, model, "split.count") or 1) > 1:
            # The SHA-256 that names a model covers one file.
            raise ModelError("the model is split into several files; merge them first")
        self.n_vocab = int(api.llama_vocab_n_tokens(self._vocab))
        self.n_ctx_train = int(api.llama_model_n_ctx_train(model))
        start = (api.llama_vocab_bos(self._vocab), api.llama_vocab_eos(self._vocab))
        self.start_token = next((int(token) for token in start if token >= 0), 0)
        self.identity = identify(library, {"threads": threads, "gpu_layers": gpu_layers})
        self.shape = read_shape(api, model, self.n_vocab)
        # An engine that nobody refers to any more is freed; its sessions refer to it.
        self._freeing = weakref.finalize(self, api.llama_model_free, model)
        self._freeing.atexit = False  # the bindings may be gone before

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        kind: EngineKind = "strict",
        threads: int | None = None,
        gpu_layers: int = 0,
        repack: bool = True,
    ) -> Engine:
        """Load the GGUF at `path`, memory-mapped.

        threads: None for the cores that can be used; fewer where they cannot be started, and never
        more than 256.
        gpu_layers: native only; negative for all. repack: copy the weights into the layout of the
        kernels (faster, as much memory as the file again); False leaves them mapped. Raises
        EngineError when the engine, ModelError when the model cannot be used.
        """
        if kind not in ("strict", "native"):
            raise SettingsError(f"the engine is strict or native, not {kind!r}")
        if kind == "strict" and gpu_layers:
            raise SettingsError("the strict engine runs on the CPU; use the native engine for GPUs")
        if threads is not None and threads < 1:
            raise SettingsError(f"threads must be at least 1, not {threads}")
        library = load(kind)
        model = _load_model(library, Path(path), gpu_layers, repack)
        try:
            return cls(library, model, _threads(threads or usable_cores()), gpu_layers)
        except BaseException:
            library.api.llama_model_free(model)
            raise

    def tokenize(self, text: bytes) -> NDArray[np.int32]:
        """Tokenize UTF-8 with llama.cpp's tokenizer, adding nothing and parsing no special tokens.

        Returns int32[n]. The pieces need not concatenate to `text`; the caller checks that.
        """
        self._open()
        room = len(text) + 8
        while True:
            ids = np.empty(room, dtype=np.int32)
            pointer = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
            n = self._api.llama_tokenize(self._vocab, text, len(text), pointer, room, False, False)
            if n >= 0:
                return ids[:n]
            if -n <= room:
                raise EngineError(f"llama.cpp cannot tokenize a text of {len(text)} bytes")
            room = -n

    def session(
        self,
        n_streams: int,
        window: int,
        *,
        batch: int | None = None,
        ubatch: int | None = None,
        threads: int | None = None,
    ) -> Session:
        """Make a cache of `n_streams` streams of `window` tokens.

        batch, ubatch: tokens per llama_decode and per graph, None to choose. threads: None for all
        of the engine's; sessions may be used at the same time from different threads. EngineError
        when the memory does not suffice.
        """
        self._open()
        session = Session(
            self._library,
            self._model,
            self,
            self.n_vocab,
            n_streams,
            window,
            cache=self.shape.cache_format(self.kind),
            threads=threads or self.threads,
            gpu_layers=self.gpu_layers,
            batch=batch,
            ubatch=ubatch,
        )
        self._sessions.add(session)
        return session

    def session_bytes(self, n_streams: int, window: int) -> int:
        """Estimate the bytes a session takes: cache, compute buffer and logits."""
        return session_bytes(self.shape, self.kind, n_streams, window)

    def known_answer(self) -> bytes:
        """Return the 32-byte digest of the logits of a fixed short token sequence."""
        return selftest.known_answer(self)

    def simd_name(self) -> str | None:
        """Name the SIMD level of the strict kernels; None for the native engine."""
        strict = self._library.strict
        return None if strict is None else bytes(strict.simd_name()).decode("ascii", "replace")

    def limit_simd(self, level: int) -> int:
        """Forbid strict kernels above `level` (negative: none) and return the level in use.

        For tests and doctor: the logits must not depend on it. EngineError for the native engine.
        """
        strict = self._library.strict
        if strict is None:
            raise EngineError("only the strict engine can limit its SIMD level")
        return int(strict.simd_limit(level))

    def _open(self) -> None:
        if not self._model:
            raise EngineError("this engine is closed")

    def close(self) -> None:
        """Close the sessions and free the model. May be called twice."""
        for session in list(self._sessions):
            session.close()
        self._model = None
        self._freeing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _threads(wanted: int) -> int:
    """`wanted` threads, or as many as leave room for those beside them.

    llama.cpp keeps the others of its own team and aborts the process when it cannot start one; a
    small model has a thread for each session, and there is one that codes.
    """
    if wanted == 1:
        return 1
    wanted = min(wanted, MOST_THREADS)
    needed = wanted + min(wanted, MOST_BESIDE)
    beside = startable_threads(needed)
    return wanted if beside == needed else max(1, beside // 2)


def _load_model(library: Library, path: Path, gpu_layers: int, repack: bool) -> Any:
    api = library.api
    if not path.is_file():
        raise ModelError(f"{path} is not a file; name a GGUF model")
    params = api.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.load_mode = _LOAD_MMAP
    params.check_tensors = False
    params.use_extra_bufts = repack
    logs.forget()
    library.secure_float_environment()
    model = api.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelError(logs.explain(f"{path} cannot be loaded as a GGUF model"))
    return model
