"""Writes Llama models with random weights in the shapes of real ones, to measure speed with.

    python -m bench.make_model 7b OUT.gguf       # 8m, 110m, 1.1b or 7b

The vocabulary is Llama 2's where ../shared has it, else an invented one of the same size; a small
model (8m: sizes as of a model that is bundled, output tied to the embedding) invents its own.
Weights are random bits in blocks of the quantization, scaled so that activations stay in a usual
range.
The same arguments give the same file. Nothing of this belongs into the repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from bench.common import ROOT, SHARED, log

Kind = gguf.GGMLQuantizationType
CONTEXT = 2048


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama; `output` is the type of the output matrix, as llama.cpp would pick it, None
    where the embedding serves as one; `vocab` is 0 for Llama 2's."""

    embd: int
    layers: int
    heads: int
    heads_kv: int
    ff: int
    weights: gguf.GGMLQuantizationType
    output: gguf.GGMLQuantizationType | None
    vocab: int = 0


SHAPES = {
    "8m": Shape(256, 8, 4, 2, 768, Kind.Q8_0, None, 8192),
    "110m": Shape(768, 12, 12, 12, 2048, Kind.Q8_0, Kind.Q8_0),
    "1.1b": Shape(2048, 22, 32, 4, 5632, Kind.Q4_K, Kind.Q6_K),
    "7b": Shape(4096, 32, 32, 32, 11008, Kind.Q4_0, Kind.Q6_K),
}
BLOCKS = {Kind.Q8_0: (32, 34), Kind.Q4_0: (32, 18), Kind.Q4_K: (256, 144), Kind.Q6_K: (256, 210)}
"""Weights and bytes of a block."""


def main() -> int:
    """Write one model."""
    parser = argparse.ArgumentParser(
        prog="bench.make_model", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shape", choices=[*SHAPES])
    parser.add_argument("path", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    make(arguments.shape, arguments.path)
    return 0


def make(name: str, path: Path, seed: int = 1) -> Path:
    """Write the shape `name` to `path`, outside the repository, unless it is there; its path."""
    if path.resolve().is_relative_to(ROOT):
        raise SystemExit(f"{path} is inside the repository; name another place")
    if path.is_file():
        return path
    log(f"making {path}")
    shape = SHAPES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    writer = _header(part, name, shape)
    n_vocab = _add_vocabulary(writer, shape.vocab)
    tensors = list(_tensors(shape, n_vocab))
    for tensor, dims, kind in tensors:
        dtype = np.dtype(np.float32 if kind == Kind.F32 else np.uint8)
        size = _bytes(dims, kind)
        stored = dims if kind == Kind.F32 else (dims[0], size // dims[0])
        writer.add_tensor_info(tensor, stored, dtype, size, None if kind == Kind.F32 else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(seed)
    for _, dims, kind in tensors:
        # One at a time: the whole model need not fit in memory.
        writer.write_tensor_data(_weights(random, dims, kind))
    writer.close()
    part.replace(path)
    return path


def _header(path: Path, name: str, shape: Shape) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"random-{name}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.embd)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.embd // shape.heads)
    return writer


def _add_vocabulary(writer: gguf.GGUFWriter, size: int) -> int:
    """Llama 2's pieces, or 259 + invented ones, `size` where that is not 0; returns how many."""
    control, normal, byte = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL, gguf.TokenType.BYTE
    path = SHARED / "models" / "llama2_tokenizer.model"
    if path.is_file() and not size:
        import sentencepiece

        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        n = model.get_piece_size()
        pieces = [model.id_to_piece(i) for i in range(n)]
        scores = [model.get_score(i) for i in range(n)]
    else:
        pieces = ["<unk>", "<s>", "</s>", *(f"<0x{value:02X}>" for value in range(256))]
        pieces += [f"\u2581w{i}" for i in range((size or 32000) - len(pieces))]
        n, scores = len(pieces), [-float(i) for i in range(len(pieces))]
    types = [gguf.TokenType.UNKNOWN, control, control, *[byte] * 256, *[normal] * (n - 259)]
    writer.add_vocab_size(n)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    return n


def _tensors(
    shape: Shape, n_vocab: int
) -> Iterator[tuple[str, tuple[int, ...], gguf.GGMLQuantizationType]]:
    embd, kv = shape.embd, shape.embd // shape.heads * shape.heads_kv
    yield "token_embd.weight", (n_vocab, embd), shape.weights
    yield "output_norm.weight", (embd,), Kind.F32
    if shape.output is not None:
        yield "output.weight", (n_vocab, embd), shape.output
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (embd,), Kind.F32
        yield f"{block}.attn_q.weight", (embd, embd), shape.weights
        yield f"{block}.attn_k.weight", (kv, embd), shape.weights
        yield f"{block}.attn_v.weight", (kv, embd), shape.weights
        yield f"{block}.attn_output.weight", (embd, embd), shape.weights
        yield f"{block}.ffn_norm.weight", (embd,), Kind.F32
        yield f"{block}.ffn_gate.weight", (shape.ff, embd), shape.weights
        yield f"{block}.ffn_up.weight", (shape.ff, embd), shape.weights
        yield f"{block}.ffn_down.weight", (embd, shape.ff), shape.weights


def _bytes(dims: tuple[int, ...], kind: gguf.GGMLQuantizationType) -> int:
    count = int(np.prod(dims))
    if kind == Kind.F32:
        return 4 * count
    weights, size = BLOCKS[kind]
    return count // weights * size


def _weights(
    random: np.random.Generator, dims: tuple[int, ...], kind: gguf.GGMLQuantizationType
) -> NDArray[np.generic]:
    """Ones for norms, else random blocks (rows, bytes) with a standard deviation of 1 / sqrt(n)."""
    if kind == Kind.F32:
        return np.ones(dims, np.float32)
    n_weights, n_bytes = BLOCKS[kind]
    n_blocks = int(np.prod(dims)) // n_weights
    blocks = np.frombuffer(random.bytes(n_blocks * n_bytes), np.uint8).reshape(-1, n_bytes).copy()
    scale = 1 / float(np.sqrt(dims[-1]))
    if kind == Kind.Q8_0:  # d, 32 signed bytes
        blocks[:, :2] = _half(scale / 74)
    elif kind == Kind.Q4_0:  # d, 32 nibbles around 8
        blocks[:, :2] = _half(scale / 4.6)
    elif kind == Kind.Q4_K:  # d, dmin, six-bit scales and minima, 256 nibbles
        blocks[:, :2] = _half(scale / 200)
        blocks[:, 2:4] = _half(7.5 * scale / 200)
    else:  # Q6_K: 256 six-bit values around 32, 16 signed scales, d
        blocks[:, 192:208] = blocks[:, 192:208] % 16 + 1
        blocks[:, 208:] = _half(scale / 175)
    return blocks.reshape(dims[0], -1)


def _half(value: float) -> NDArray[np.uint8]:
    return np.array([value], np.float16).view(np.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
