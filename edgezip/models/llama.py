"""What makes a GGUF a Llama that can be used: the one place that says what is accepted.

Every setting that llama.cpp reads of a Llama has a type and a range here, every tensor a name and a
shape, and nothing else may be there. A file that passes cannot meet an assertion of llama.cpp,
which would end the process: see `bench.gguf_faults`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgezip.errors import ModelError
from edgezip.models.gguf import Gguf, Tensor, Value

MOST_LAYERS = 512
"""llama.cpp's own bound."""
LARGEST_SIZE = 1 << 20
MOST_TOKENS = 1 << 20
"""Pieces of a vocabulary."""

_TOKENIZERS = {"llama": "SentencePiece", "gpt2": "byte-level BPE"}
_Rule = Callable[[float], bool]


def _any(value: float) -> bool:
    return True


def _finite(value: float) -> bool:
    return math.isfinite(value)


def _within(low: float, high: float) -> _Rule:
    return lambda value: low <= value <= high


def _exactly(*wanted: float) -> _Rule:
    return lambda value: value in wanted


_SIZE = ("uint32", _within(1, LARGEST_SIZE))
_FACTOR = ("float32", _within(0.0, 1e9))
_ARCHITECTURE_RULES: dict[str, tuple[str, _Rule]] = {
    "context_length": ("uint32", _within(1, 1 << 30)),
    "embedding_length": _SIZE,
    "block_count": ("uint32", _within(1, MOST_LAYERS)),
    "feed_forward_length": _SIZE,
    "attention.head_count": _SIZE,
    "attention.head_count_kv": _SIZE,
    "attention.key_length": _SIZE,
    "attention.value_length": _SIZE,
    "attention.layer_norm_rms_epsilon": ("float32", _within(0.0, 1.0)),
    "attention.causal": ("bool", _exactly(1)),
    "vocab_size": ("uint32", _any),
    "tensor_data_layout": ("string", _any),
    "expert_count": ("uint32", _exactly(0)),
    "expert_used_count": ("uint32", _exactly(0)),
    "rope.dimension_count": _SIZE,
    "rope.freq_base": ("float32", _within(1.0, 1e12)),
    "rope.scale_linear": _FACTOR,
    "rope.scaling.type": ("string", _any),
    "rope.scaling.factor": _FACTOR,
    "rope.scaling.attn_factor": _FACTOR,
    "rope.scaling.original_context_length": ("uint32", _within(1, 1 << 30)),
    "rope.scaling.finetuned": ("bool", _any),
}
"""Settings below `llama.`: their type and what they may be."""
_NEEDED = (
    *("context_length", "embedding_length", "block_count", "feed_forward_length"),
    *("attention.head_count", "attention.layer_norm_rms_epsilon"),
)
_ROPE_SCALINGS = (b"none", b"linear", b"yarn")

_VOCABULARY_RULES: dict[str, tuple[str, ...]] = {
    "model": ("string",),
    "pre": ("string",),
    "tokens": ("array of string",),
    "scores": ("array of float32",),
    "token_type": ("array of int32",),
    "merges": ("array of string",),
    "add_bos_token": ("bool",),
    "add_eos_token": ("bool",),
    "add_sep_token": ("bool",),
    "add_space_prefix": ("bool",),
    "remove_extra_whitespaces": ("bool",),
    "token_type_count": ("uint32",),
    "precompiled_charsmap": ("array of int8", "array of uint8"),
}
"""Settings below `tokenizer.ggml.`; beside them numbers of tokens, `..._token_id`."""


@dataclass(frozen=True, slots=True)
class Llama:
    """A Llama's sizes. heads, kv_heads: of queries and of keys and values; head: numbers of one.

    tokens: pieces of the vocabulary, which is of the kind `vocabulary`. types: the types of weights
    and the parameters that have them, most first. tied: the output is the embedding. name, licence:
    what the file says of the model, "" if nothing.
    """

    name: str
    licence: str
    context: int
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head: int
    tokens: int
    vocabulary: str
    parameters: int
    types: dict[str, int]
    tied: bool


def check_llama(gguf: Gguf) -> Llama:
    """Return the sizes of the Llama in `gguf`; ModelError says why it is none that can be used."""
    _check_kind(gguf)
    sizes = _sizes(gguf)
    kind, tokens = _check_vocabulary(gguf)
    llama = Llama(
        name=model_name(gguf),
        licence=_said(gguf, "general.license"),
        context=sizes["context_length"],
        layers=sizes["block_count"],
        width=sizes["embedding_length"],
        feed_forward=sizes["feed_forward_length"],
        heads=sizes["attention.head_count"],
        kv_heads=sizes["attention.head_count_kv"],
        head=sizes["head"],
        tokens=tokens,
        vocabulary=kind,
        parameters=sum(tensor.numbers for tensor in gguf.tensors.values()),
        types=_types(gguf),
        tied="output.weight" not in gguf.tensors,
    )
    _check_tensors(gguf, llama)
    return llama


def model_name(gguf: Gguf) -> str:
    """What the file calls the model, at most 64 printable characters; "" if nothing."""
    return _said(gguf, "general.name")


def _said(gguf: Gguf, key: str) -> str:
    value = gguf.settings.get(key, Value("string", b"")).value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
    return "".join(c for c in text if c.isprintable())[:64].strip()


def _types(gguf: Gguf) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tensor in gguf.tensors.values():
        counts[tensor.type.name] = counts.get(tensor.type.name, 0) + tensor.numbers
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _check_kind(gguf: Gguf) -> None:
    architecture = gguf.settings.get("general.architecture", Value("", b"")).value
    if architecture != b"llama":
        shown = model_text(architecture) or "unknown"
        raise ModelError(f"the model is of the kind {shown}, and only Llamas (llama) can be used")
    count = gguf.settings.get("split.count", Value("uint16", 0)).value
    if count not in (0, 1):
        # The SHA-256 that names a model covers one file.
        raise ModelError("the model is split into several files; merge them first")
    for key in ("general.name", "general.type"):
        if gguf.settings.get(key, Value("string", b"")).kind != "string":
            raise _unsound(f"the setting {key} is no text")


def model_text(value: object) -> str:
    """A string of the file for a message."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text[:64])


def _sizes(gguf: Gguf) -> dict[str, int]:
    """The numbers below `llama.`, and `head`; every one within its bounds."""
    found: dict[str, int] = {}
    for key, value in gguf.settings.items():
        name = key.removeprefix("llama.")
        if name == key:
            continue
        if name not in _ARCHITECTURE_RULES:
            raise ModelError(f"the model has the setting {key}, which this edgezip does not know")
        kind, rule = _ARCHITECTURE_RULES[name]
        if value.kind != kind:
            raise _unsound(f"the setting {key} is of type {value.kind} instead of {kind}")
        if isinstance(value.value, (int, float)):
            if name.startswith("expert") and not rule(value.value):
                raise ModelError("mixtures of experts cannot be used, only dense Llamas")
            if not rule(value.value):
                raise _unsound(f"the setting {key} is {value.value}")
            if kind == "uint32":
                found[name] = int(value.value)
        elif name == "rope.scaling.type" and value.value not in _ROPE_SCALINGS:
            raise ModelError(f"the positions of the model are scaled by {model_text(value.value)}")
    missing = [name for name in _NEEDED if f"llama.{name}" not in gguf.settings]
    if missing:
        raise _unsound(f"the setting llama.{missing[0]} is missing")
    return _with_heads(found)


def _with_heads(sizes: dict[str, int]) -> dict[str, int]:
    """`sizes` with head and attention.head_count_kv, which fit each other."""
    heads = sizes["attention.head_count"]
    kv_heads = sizes.setdefault("attention.head_count_kv", heads)
    head = sizes.get("attention.key_length", sizes["embedding_length"] // heads)
    others = ("attention.value_length", "rope.dimension_count")
    if head < 2 or head % 2 or any(sizes.get(name, head) != head for name in others):
        raise _unsound("keys, values and positions differ in size, or are odd")
    if "attention.value_length" not in sizes and sizes["embedding_length"] // heads != head:
        raise _unsound("keys and values differ in size")
    if heads % kv_heads:
        raise _unsound(f"{heads} heads cannot share {kv_heads} of keys and values")
    sizes["head"] = head
    return sizes


def _check_vocabulary(gguf: Gguf) -> tuple[str, int]:
    """Kind and number of pieces of a vocabulary that llama.cpp and `read_vocabulary` can read."""
    start = "tokenizer.ggml."
    settings = {
        key.removeprefix(start): value
        for key, value in gguf.settings.items()
        if key.startswith(start)
    }
    for name, value in settings.items():
        kinds = ("uint32",) if name.endswith("_token_id") else _VOCABULARY_RULES.get(name)
        if kinds is None:
            raise ModelError(f"the vocabulary has the setting {name}, which edgezip does not know")
        if value.kind not in kinds:
            raise _unsound(
                f"the setting {start}{name} is of type {value.kind} instead of {kinds[0]}"
            )
    kind = settings.get("model", Value("", b"no_vocab")).value
    tokens = settings.get("tokens", Value("", [])).value
    if kind == b"no_vocab" or not isinstance(tokens, list):
        raise ModelError("the model has no vocabulary; use a GGUF of a language model")
    if model_text(kind) not in _TOKENIZERS:
        raise ModelError(f"vocabularies of the kind {model_text(kind)} cannot be used")
    if not 2 <= len(tokens) <= MOST_TOKENS:
        raise _unsound(f"a vocabulary of {len(tokens)} pieces")
    _check_lengths(settings, len(tokens))
    if kind == b"gpt2" and "merges" not in settings:
        raise _unsound("a vocabulary without merges")
    # llama.cpp names an empty token like this, and reads a text up to a NUL.
    names = {text.split(b"\0")[0] or b"[EMPTY_%d]" % i for i, text in enumerate(tokens)}
    if len(names) != len(tokens):
        raise _unsound("two tokens of the vocabulary have the same text")
    return model_text(kind), len(tokens)


def _check_lengths(settings: dict[str, Value], count: int) -> None:
    for name in ("scores", "token_type"):
        values = settings.get(name, Value("", ())).value
        assert isinstance(values, tuple)
        if name in settings and len(values) != count:
            raise _unsound(f"{len(values)} {name} for {count} tokens")
        if name == "scores" and not all(map(math.isfinite, values)):
            raise _unsound("scores of tokens that are no numbers")


def _expected(llama: Llama) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    """Name and shape of every tensor, and whether it may be missing."""
    width, query, keys = llama.width, llama.heads * llama.head, llama.kv_heads * llama.head
    yield "token_embd.weight", (width, llama.tokens), False
    yield "output_norm.weight", (width,), False
    yield "output.weight", (width, llama.tokens), True
    yield "rope_freqs.weight", (llama.head // 2,), True
    for number in range(llama.layers):
        for part, columns, rows in (
            ("attn_q", width, query),
            ("attn_k", width, keys),
            ("attn_v", width, keys),
            ("attn_output", query, width),
            ("ffn_gate", width, llama.feed_forward),
            ("ffn_up", width, llama.feed_forward),
            ("ffn_down", llama.feed_forward, width),
        ):
            yield f"blk.{number}.{part}.weight", (columns, rows), False
            yield f"blk.{number}.{part}.bias", (rows,), True
        for part in ("attn_norm", "ffn_norm"):
            yield f"blk.{number}.{part}.weight", (width,), False


def _check_tensors(gguf: Gguf, llama: Llama) -> None:
    left = dict(gguf.tensors)
    for name, shape, optional in _expected(llama):
        tensor = left.pop(name, None)
        if tensor is None and not optional:
            raise _unsound(f"the tensor {name} is missing")
        if tensor is not None:
            _check_tensor(name, tensor, shape)
    if left:
        raise ModelError(f"the model has the tensor {min(left)}, which is none of a Llama")


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    found = tensor.shape
    while len(found) > len(shape) and found[-1] == 1:
        found = found[:-1]
    if found != shape:
        raise _unsound(f"the tensor {name} has the shape {tensor.shape} instead of {shape}")
    if len(shape) == 1 and tensor.type.name != "F32":
        raise _unsound(f"the tensor {name} is of type {tensor.type.name} instead of F32")


def _unsound(what: str) -> ModelError:
    return ModelError(f"not a sound Llama model: {what}")
