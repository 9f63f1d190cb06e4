"""Tiny Llamas with random weights, one per type of weights.

`python -m tests.native.random_llama FOLDER` writes Q8_0.gguf... for native/tools/prove.sh.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

TYPES = ["Q8_0", "Q4_0", "Q4_K", "Q6_K", "F16", "F32"]


def write_random_llama(path: Path, kind: str) -> None:
    """Write a Llama of 2 layers of 256 (4 heads, 2 K/V heads) with weights of type `kind`."""
    import gguf

    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(331)  # not a multiple of 16
    writer.add_tokenizer_model("no_vocab")
    writer.add_context_length(1024)
    writer.add_embedding_length(256)
    writer.add_block_count(2)
    writer.add_feed_forward_length(512)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(64)
    shapes = {"token_embd": (331, 256), "output": (331, 256)}
    for i in range(2):
        shapes |= {f"blk.{i}.attn_{x}": (256, 256) for x in ("q", "output")}
        shapes |= {f"blk.{i}.attn_{x}": (128, 256) for x in ("k", "v")}
        shapes |= {f"blk.{i}.ffn_{x}": (512, 256) for x in ("gate", "up")}
        shapes[f"blk.{i}.ffn_down"] = (256, 512)
    norms = [f"blk.{i}.{x}_norm" for i in range(2) for x in ("attn", "ffn")]
    for name in [*norms, "output_norm"]:
        weights = rng.uniform(0.5, 1.5, 256).astype(np.float32)
        writer.add_tensor(f"{name}.weight", weights)
    for name, (rows, columns) in shapes.items():
        raw = random_weights(kind, rows, columns, rng)
        dtype = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(f"{name}.weight", raw, raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_weights(kind: str, rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Random weights of about 1/sqrt(columns) in ggml's bytes: uint8[rows, bytes per row]."""
    size = 1.0 / np.sqrt(columns)
    if kind == "F32":
        return (rng.standard_normal((rows, columns)) * size).astype("<f4").view(np.uint8)
    if kind == "F16":
        return (rng.standard_normal((rows, columns)) * size).astype("<f2").view(np.uint8)
    block, length, halves, spread = {
        "Q8_0": (32, 34, [0], 74.0),
        "Q4_0": (32, 18, [0], 4.6),
        "Q4_K": (256, 144, [0, 2], 150.0),
        "Q6_K": (256, 210, [208], 1300.0),
    }[kind]
    raw = rng.integers(0, 256, (rows * columns // block, length), dtype=np.uint8)
    for at in halves:
        scales = rng.uniform(0.5, 1.5, len(raw)) * size / spread
        raw[:, at : at + 2] = scales.astype("<f2").view(np.uint8).reshape(-1, 2)
    return raw.reshape(rows, -1)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    for kind in TYPES:
        write_random_llama(Path(sys.argv[1]) / f"{kind}.gguf", kind)
