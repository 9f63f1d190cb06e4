"""Tiny Llamas with random weights, one per type of weights.

`python -m tests.native.random_llama FOLDER` writes Q8_0.gguf and so on for native/tools/prove.sh.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

FLOATS = ["F16", "F32", "BF16"]
BLOCKS: dict[str, tuple[int, int, dict[int, float], float]] = {
    "Q8_0": (32, 34, {0: 1.0}, 74.0),
    "Q4_0": (32, 18, {0: 1.0}, 4.6),
    "Q4_1": (32, 20, {0: 1.0, 2: -7.5}, 4.6),
    "Q5_0": (32, 22, {0: 1.0}, 9.2),
    "Q5_1": (32, 24, {0: 1.0, 2: -15.5}, 9.2),
    "Q2_K": (256, 84, {80: 1.0, 82: 1.5}, 12.0),
    "Q3_K": (256, 110, {108: 1.0}, 43.0),
    "Q4_K": (256, 144, {0: 1.0, 2: 1.0}, 150.0),
    "Q5_K": (256, 176, {0: 1.0, 2: 15.5}, 350.0),
    "Q6_K": (256, 210, {208: 1.0}, 1300.0),
    "IQ4_NL": (32, 18, {0: 1.0}, 70.0),
    "IQ4_XS": (256, 136, {0: 1.0}, 1300.0),
}
"""Weights and bytes of a block, its halves by offset with their size beside the scale's, and the
standard deviation of a weight for a scale of 1."""
TYPES = [*BLOCKS, *FLOATS]


UNEVEN = 96
"""A head size that is no multiple of the 64 numbers of the cache that have one scale."""


def write_random_llama(path: Path, kind: str, head: int = 64) -> None:
    """Write a Llama of 2 layers of 256 (4 heads, 2 K/V heads, of size `head`) with weights of type
    `kind`."""
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
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    shapes = {"token_embd": (331, 256), "output": (331, 256)}
    for i in range(2):
        shapes[f"blk.{i}.attn_q"] = (4 * head, 256)
        shapes[f"blk.{i}.attn_output"] = (256, 4 * head)
        shapes |= {f"blk.{i}.attn_{x}": (2 * head, 256) for x in ("k", "v")}
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
    size = 1.0 / math.sqrt(columns)
    if kind == "F32":
        return (rng.standard_normal((rows, columns)) * size).astype("<f4").view(np.uint8)
    if kind == "F16":
        return (rng.standard_normal((rows, columns)) * size).astype("<f2").view(np.uint8)
    if kind == "BF16":
        weights = (rng.standard_normal((rows, columns)) * size).astype("<f4")
        return (weights.view("<u4") >> 16).astype("<u2").view(np.uint8)
    block, length, halves, spread = BLOCKS[kind]
    raw = rng.integers(0, 256, (rows * columns // block, length), dtype=np.uint8)
    for at, factor in halves.items():
        scales = rng.uniform(0.5, 1.5, len(raw)) * size / spread * factor
        raw[:, at : at + 2] = scales.astype("<f2").view(np.uint8).reshape(-1, 2)
    return raw.reshape(rows, -1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for kind in TYPES:
        write_random_llama(folder / f"{kind}.gguf", kind)
    write_random_llama(folder / f"Q8_0-{UNEVEN}.gguf", "Q8_0", UNEVEN)
