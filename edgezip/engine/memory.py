"""How much memory a session takes, so that the number of streams can be chosen to fit."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from edgezip.engine.cache import CacheFormat, cache_format
from edgezip.engine.library import EngineKind
from edgezip.engine.session import default_batch, padded_window


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model. cell_keys, cell_values: numbers stored per token in all layers; key_size,
    value_size: numbers of a head's key and value."""

    architecture: str
    n_vocab: int
    n_embd: int
    n_ff: int
    n_layer: int
    n_head: int
    key_size: int
    value_size: int
    cell_keys: int
    cell_values: int
    parameters: int
    bytes: int

    def cache_format(self, kind: EngineKind) -> CacheFormat:
        """How sessions of this model store keys and values."""
        return cache_format(kind, self.architecture, self.key_size, self.value_size)


def read_shape(api: Any, model: Any, n_vocab: int) -> ModelShape:
    """Read the sizes from the model's metadata."""
    n_embd = int(api.llama_model_n_embd(model))
    n_head = max(1, int(api.llama_model_n_head(model)))
    n_head_kv = int(api.llama_model_n_head_kv(model)) or n_head
    n_layer = int(api.llama_model_n_layer(model))
    architecture = metadata(api, model, "general.architecture") or "llama"
    head = n_embd // n_head
    key = int(metadata(api, model, f"{architecture}.attention.key_length") or head)
    value = int(metadata(api, model, f"{architecture}.attention.value_length") or head)
    n_ff = metadata(api, model, f"{architecture}.feed_forward_length")
    return ModelShape(
        architecture=architecture,
        n_vocab=n_vocab,
        n_embd=n_embd,
        n_ff=int(n_ff) if n_ff and n_ff.isdigit() else 4 * n_embd,
        n_layer=n_layer,
        n_head=n_head,
        key_size=key,
        value_size=value,
        cell_keys=n_layer * n_head_kv * key,
        cell_values=n_layer * n_head_kv * value,
        parameters=int(api.llama_model_n_params(model)),
        bytes=int(api.llama_model_size(model)),
    )


def session_bytes(shape: ModelShape, kind: EngineKind, n_streams: int, window: int) -> int:
    """Estimate the bytes of a session: cache (exact), compute buffer and logits (upper bounds).

    The largest tensors of a graph are the attention weights (cells x rows x heads), the
    feed-forward activations and the logits; a few of each are alive at once.
    """
    cells = padded_window(window)
    rows = default_batch(shape.n_vocab, n_streams)
    per_cell = shape.cache_format(kind).cell_bytes(shape.cell_keys, shape.cell_values)
    cache = n_streams * cells * per_cell
    attention = 2 * cells * rows * shape.n_head
    activations = rows * (6 * shape.n_embd + 3 * shape.n_ff)
    logits = 2 * rows * shape.n_vocab
    return cache + 4 * (attention + activations + logits)


def metadata(api: Any, model: Any, key: str) -> str | None:
    """Return a value of the GGUF's metadata as text, None when it is not there."""
    buffer = ctypes.create_string_buffer(256)
    length = api.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length >= 0 else None
