"""A KV cache of several streams, and batches of tokens evaluated in it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgezip.engine import logs
from edgezip.engine.cache import CacheFormat
from edgezip.engine.library import Library
from edgezip.errors import EngineError, SettingsError

MAX_STREAMS = 64  # native/src/sequences.h
# llama.cpp rounds the cells of a sequence up to a multiple of this.
CELL_STEP = 256

_NO_LOGITS = "llama.cpp returned no logits"
_FIRST_STEP = -1000
"""Tells `edgezip_next` (native/src/step.cpp) that the library has done something else before."""
_FLASH_AUTO, _FLASH_DISABLED, _FLASH_ENABLED = -1, 0, 1
STRICT_FLASH = _FLASH_ENABLED
_LOGIT_BYTES_PER_BATCH = 32 << 20
_LARGEST_BATCH = 512
_SMALLEST_BATCH = 32


def default_batch(n_vocab: int, n_streams: int) -> int:
    """Return how many tokens a llama batch takes: 512, fewer where the logits get large."""
    fitting = _LOGIT_BYTES_PER_BATCH // (4 * max(1, n_vocab))
    return max(_SMALLEST_BATCH, n_streams, min(_LARGEST_BATCH, fitting))


def padded_window(window: int) -> int:
    """Return the cells llama.cpp sets aside for a stream of `window` cells."""
    return -(-window // CELL_STEP) * CELL_STEP


class StepFunction(NamedTuple):
    """The C function at address `function`, to be called with the addresses `context`, `batch` and
    that of `code` (int32, 1): appends `tokens` (int32, n) and returns the address of their logits,
    float32 (n, n_vocab), or 0."""

    function: int
    context: int
    batch: int
    code: NDArray[np.int32]
    tokens: NDArray[np.int32]


class Session:
    """A KV cache of `n_streams` sequences with at least `window` cells each; made by Engine.

    With the strict engine the logits of a token depend on the tokens before it in its stream, on
    where others were forgotten, and on nothing else: `batch` and `ubatch` (tokens per llama_decode
    and per graph) only change speed. `cache` is from `cache_format`; `owner` frees the model and is
    kept until then.
    """

    def __init__(
        self,
        library: Library,
        model: Any,
        owner: object,
        n_vocab: int,
        n_streams: int,
        window: int,
        *,
        cache: CacheFormat,
        threads: int,
        gpu_layers: int = 0,
        batch: int | None = None,
        ubatch: int | None = None,
    ) -> None:
        if not 1 <= n_streams <= MAX_STREAMS:
            raise SettingsError(f"streams must be 1 to {MAX_STREAMS}, not {n_streams}")
        if window < 2:
            raise SettingsError(f"the window must be at least 2 tokens, not {window}")
        self.n_vocab = n_vocab
        self.n_streams = n_streams
        self.window = window
        self._cache = cache
        self._owner = owner
        self._library = library
        self._api: Any = library.api
        batch = max(n_streams, batch or default_batch(n_vocab, n_streams))
        params = self._parameters(batch, max(n_streams, ubatch or batch), threads, gpu_layers)
        library.secure_float_environment()
        logs.forget()
        self._context: Any = self._api.llama_init_from_model(model, params)
        if not self._context:
            raise EngineError(
                logs.explain(f"no memory for {n_streams} streams of {window} tokens; use fewer")
            )
        try:
            cells = int(self._api.llama_n_ctx_seq(self._context))
            if cells < window:
                raise EngineError(f"llama.cpp gives a stream {cells} cells instead of {window}")
            self.batch_size = int(self._api.llama_n_batch(self._context))
            self._memory: Any = self._api.llama_get_memory(self._context)
            self._make_buffers()
        except BaseException:
            self.close()
            raise

    def _parameters(self, batch: int, ubatch: int, threads: int, gpu_layers: int) -> Any:
        params = self._api.llama_context_default_params()
        params.n_ctx = self.n_streams * padded_window(self.window)
        params.n_batch = batch
        params.n_ubatch = ubatch
        params.n_seq_max = self.n_streams
        params.n_threads = params.n_threads_batch = threads
        # One buffer per stream: where a cell lies, and with it the order of the sums in attention,
        # then does not depend on the other streams.
        params.kv_unified = False
        params.no_perf = True
        params.embeddings = False
        params.op_offload = False
        params.offload_kqv = gpu_layers > 0
        strict = self._library.kind == "strict"
        params.type_k = self._cache.key_type
        params.type_v = self._cache.value_type
        # Without a GPU the stock flash attention splits its sums by thread count.
        native = _FLASH_AUTO if gpu_layers else _FLASH_DISABLED
        params.flash_attn_type = STRICT_FLASH if strict else native
        return params

    def _make_buffers(self) -> None:
        """Lay out a llama_batch over numpy arrays, so that a call only copies slices."""
        size = self.batch_size
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._streams = np.zeros(size, dtype=np.int32)
        self._wanted = np.zeros(size, dtype=np.int8)
        self._counts = np.ones(size, dtype=np.int32)
        addresses = self._streams.ctypes.data + 4 * np.arange(size, dtype=np.uintp)
        self._stream_pointers = addresses.astype(np.uintp)
        batch = self._api.llama_batch()
        for field, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._stream_pointers),
            ("logits", self._wanted),
        ):
            kind = dict(self._api.llama_batch._fields_)[field]
            setattr(batch, field, ctypes.cast(array.ctypes.data, kind))
        batch.embd = None
        self._batch = batch
        self._code = np.zeros(1, np.int32)
        self._logits = np.empty((0, self.n_vocab), dtype=np.float32)
        self._logits_address = 0

    def clear(self, stream: int) -> None:
        """Empty one stream."""
        self._open()
        if not 0 <= stream < self.n_streams:
            raise SettingsError(f"there is no stream {stream}, only {self.n_streams}")
        self._api.llama_memory_seq_rm(self._memory, stream, -1, -1)

    def forget(self, stream: int, oldest: int) -> None:
        """Empty the cells of a stream's positions from 1 to before `oldest`. The lowest free cells
        are taken next, so that two sessions that forget at the same positions stay alike."""
        self._open()
        if not 0 <= stream < self.n_streams:
            raise SettingsError(f"there is no stream {stream}, only {self.n_streams}")
        if not self._api.llama_memory_seq_rm(self._memory, stream, 1, oldest):
            raise EngineError("llama.cpp cannot take tokens out of this model's cache")

    def clear_all(self) -> None:
        """Empty all streams."""
        self._open()
        self._api.llama_memory_clear(self._memory, False)

    def evaluate(
        self, tokens: ArrayLike, streams: ArrayLike, positions: ArrayLike, wanted: ArrayLike
    ) -> NDArray[np.float32]:
        """Append tokens to their streams; return float32[number wanted, n_vocab] in batch order.

        tokens, streams, positions: int32[n]; wanted: bool or int8[n]. The positions of a stream
        continue where it stands. The result is a view of llama.cpp's memory, valid until the next
        call on this session; above `batch_size` tokens it is a copy. Tokens are evaluated fastest
        when they are sorted by stream. Raises EngineError; the streams are then undefined and must
        be cleared.
        """
        self._open()
        token_array = np.asarray(tokens, dtype=np.int32)
        stream_array = np.asarray(streams, dtype=np.int32)
        position_array = np.asarray(positions, dtype=np.int32)
        flags = np.asarray(wanted).astype(np.bool_, copy=False)
        n = len(token_array)
        if not n == len(stream_array) == len(position_array) == len(flags):
            raise SettingsError("tokens, streams, positions and wanted must be equally long")
        if n <= self.batch_size:
            return self._decode(token_array, stream_array, position_array, flags)
        out = np.empty((int(np.count_nonzero(flags)), self.n_vocab), dtype=np.float32)
        row = 0
        for start in range(0, n, self.batch_size):
            part = slice(start, start + self.batch_size)
            rows = self._decode(
                token_array[part], stream_array[part], position_array[part], flags[part]
            )
            out[row : row + len(rows)] = rows
            row += len(rows)
        return out

    def next_tokens(
        self, n: int, position: int
    ) -> Callable[[NDArray[np.int32]], NDArray[np.float32]]:
        """Return a function that appends a token to each of the streams 0 to n - 1: the first time
        at `position`, then behind it.

        It takes int32 (n,) and returns logits as `evaluate` does, faster; it must not be called any
        more once another method of this session has been. Raises EngineError.
        """
        self._open()
        if not 1 <= n <= self.n_streams:
            raise SettingsError(f"there are {self.n_streams} streams, not {n}")
        decode, batch = self._api.llama_decode, self._batch
        tokens, positions = self._tokens[:n], self._positions[:n]
        self._streams[:n] = np.arange(n)
        self._wanted[:n] = 1
        positions[:] = position - 1
        batch.n_tokens = n
        self._code[0] = _FIRST_STEP

        def append(newest: NDArray[np.int32]) -> NDArray[np.float32]:
            tokens[:] = newest
            np.add(positions, 1, out=positions)
            self._open()
            logs.forget()
            self._check(decode(self._context, batch))
            return self._view(n)

        return append

    def step_function(self) -> StepFunction | None:
        """What machine code needs to do as the function that `next_tokens` gave last does;
        None if there is no such thing for this engine.

        Where a call returns 0, `step_failure` says why. No call any more once another
        method of this session has been.
        """
        if self._library.strict is None:
            return None
        self._open()
        logs.forget()
        return StepFunction(
            self._library.strict.next_address,
            int(self._context),
            ctypes.addressof(self._batch),
            self._code,
            self._tokens[: int(self._batch.n_tokens)],
        )

    def step_failure(self) -> EngineError:
        """What the last call of a step function failed with."""
        code = int(self._code[0])
        return EngineError(logs.explain(_decode_failure(code) if code else _NO_LOGITS))

    def _decode(
        self,
        tokens: NDArray[np.int32],
        streams: NDArray[np.int32],
        positions: NDArray[np.int32],
        wanted: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        n = len(tokens)
        rows = int(np.count_nonzero(wanted))
        if n == 0:
            return np.empty((0, self.n_vocab), dtype=np.float32)
        self._tokens[:n] = tokens
        self._streams[:n] = streams
        self._positions[:n] = positions
        self._wanted[:n] = wanted
        self._batch.n_tokens = n
        logs.forget()
        self._library.secure_float_environment()
        self._check(self._api.llama_decode(self._context, self._batch))
        if rows == 0:
            return np.empty((0, self.n_vocab), dtype=np.float32)
        return self._view(rows)

    def _check(self, code: int) -> None:
        if code != 0:
            raise EngineError(logs.explain(_decode_failure(code)))

    def _view(self, rows: int) -> NDArray[np.float32]:
        """The logits of the last batch; the view is kept, as making one costs as much as a copy."""
        address = self._library.logits_address(self._context)
        if not address:
            raise EngineError(logs.explain(_NO_LOGITS))
        if address != self._logits_address or rows > len(self._logits):
            pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
            self._logits = np.ctypeslib.as_array(pointer, shape=(rows, self.n_vocab))
            self._logits_address = address
        return self._logits[:rows]

    def _open(self) -> None:
        if not self._context:
            raise EngineError("this session is closed")

    def close(self) -> None:
        """Free the cache; views of its logits become invalid. May be called twice."""
        if self._context:
            self._api.llama_free(self._context)
            self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # At the interpreter's end the bindings may be gone before the session is.
        if getattr(self, "_context", None) and not sys.is_finalizing():
            self.close()


def _decode_failure(code: int) -> str:
    if code == 1:
        return "a stream has no cell left; its window is full"
    if code == -1:
        return "llama.cpp refuses the batch: a token, stream or position is wrong"
    return f"evaluating tokens failed with code {code}; is there enough memory?"
