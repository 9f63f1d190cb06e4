"""Write small Llama models with random weights: the vocabulary is real, the text is not.

    python tests/make_llama2_model.py llama2_tokenizer.model out.gguf

`make_llama2` takes a SentencePiece model, such as Llama 2's with 32,000 pieces (not in this
repository); `make_byte_level` makes a vocabulary of the kind Llama 3 has. The same arguments give
the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

N_EMBD, N_LAYER, N_HEAD, N_HEAD_KV, N_FF, N_CTX = 64, 2, 4, 2, 128, 2048


def _start(path: Path, name: str, n_vocab: int, split: int = 0) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=split)
    writer.add_name(name)
    writer.add_context_length(N_CTX)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(N_LAYER)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(N_EMBD // N_HEAD)
    writer.add_vocab_size(n_vocab)
    return writer


def _matrices(n_vocab: int) -> Iterator[tuple[str, tuple[int, int]]]:
    n_kv = N_EMBD // N_HEAD * N_HEAD_KV
    yield "token_embd.weight", (n_vocab, N_EMBD)
    for layer in range(N_LAYER):
        yield f"blk.{layer}.attn_q.weight", (N_EMBD, N_EMBD)
        yield f"blk.{layer}.attn_k.weight", (n_kv, N_EMBD)
        yield f"blk.{layer}.attn_v.weight", (n_kv, N_EMBD)
        yield f"blk.{layer}.attn_output.weight", (N_EMBD, N_EMBD)
        yield f"blk.{layer}.ffn_gate.weight", (N_FF, N_EMBD)
        yield f"blk.{layer}.ffn_up.weight", (N_FF, N_EMBD)
        yield f"blk.{layer}.ffn_down.weight", (N_EMBD, N_FF)


def _finish(writer: gguf.GGUFWriter, n_vocab: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, shape in _matrices(n_vocab):
        weights = random.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(4.0)
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
    ones = np.ones(N_EMBD, dtype=np.float32)
    for layer in range(N_LAYER):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
    writer.add_tensor("output_norm.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_llama2(tokenizer: Path, path: Path, seed: int = 1) -> None:
    """Write a model with the vocabulary of the SentencePiece model `tokenizer` to `path`."""
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    n = pieces.get_piece_size()
    types = []
    for token in range(n):
        if pieces.is_byte(token):
            types.append(gguf.TokenType.BYTE)
        elif pieces.is_unknown(token):
            types.append(gguf.TokenType.UNKNOWN)
        elif pieces.is_control(token):
            types.append(gguf.TokenType.CONTROL)
        else:
            types.append(gguf.TokenType.NORMAL)
    writer = _start(path, "random-llama2", n)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([pieces.id_to_piece(token) for token in range(n)])
    writer.add_token_scores([pieces.get_score(token) for token in range(n)])
    writer.add_token_types(types)
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_unk_token_id(pieces.unk_id())
    _finish(writer, n, seed)


def _byte_alphabet() -> dict[int, str]:
    """Return GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    table = {value: chr(value) for value in printable}
    table.update({value: chr(256 + i) for i, value in enumerate(others)})
    return table


def make_byte_level(path: Path, seed: int = 2, split: int = 0) -> None:
    """Write a model with a byte-level BPE vocabulary (256 bytes, some merges) to `path`.

    split: tensors per file, 0 for one file.
    """
    alphabet = _byte_alphabet()
    space = alphabet[0x20]
    merges = [("t", "h"), ("th", "e"), (space, "the"), ("i", "n"), (space, "a"), ("e", "r")]
    tokens = [alphabet[value] for value in range(256)] + [left + right for left, right in merges]
    tokens += ["<|begin|>", "<|end|>"]
    n = len(tokens)
    writer = _start(path, "random-byte-level", n, split)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * (n - 2) + [gguf.TokenType.CONTROL] * 2)
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(n - 2)
    writer.add_eos_token_id(n - 1)
    _finish(writer, n, seed)


if __name__ == "__main__":
    make_llama2(Path(sys.argv[1]), Path(sys.argv[2]))
