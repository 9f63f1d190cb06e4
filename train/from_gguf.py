"""What a GGUF file of ours gives back: its weights and its tokenizer.

So training goes on from what ships, and neither a checkpoint nor a SentencePiece model has to be
kept beside the bundled file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import sentencepiece
import torch

from edgezip.tokens.sentencepiece_model import serialize_model
from train.checkpoint import Checkpoint
from train.model import Shape


def load_start(path: Path, tokenizer: bytes = b"") -> Checkpoint:
    """A checkpoint, or the weights of a GGUF file as far as its quantization has kept them.

    A GGUF brings its own tokenizer unless another numbering of its pieces is given.
    """
    if path.suffix != ".gguf":
        return Checkpoint.load(path)
    return load_gguf(path, tokenizer or tokenizer_of(path))


def tokenizer_of(path: Path) -> bytes:
    """The SentencePiece model (serialized) of a GGUF's vocabulary, numbered as in the file.

    Raises SystemExit when the file has none of the `llama` kind.
    """
    reader = gguf.GGUFReader(path)

    def values(name: str) -> Any:
        field = reader.fields.get(f"tokenizer.ggml.{name}")
        if field is None:
            raise SystemExit(f"{path} has no tokenizer.ggml.{name}")
        return field.contents()

    if values("model") != "llama":
        raise SystemExit(f"{path}: its tokenizer is not of the SentencePiece kind")
    names = [piece.encode() for piece in values("tokens")]
    return serialize_model(names, values("token_type"), values("scores"))


def load_gguf(path: Path, tokenizer: bytes) -> Checkpoint:
    """A GGUF Llama as a checkpoint, weights dequantized to float32.

    `tokenizer` is the SentencePiece model that it was trained with: files may number its pieces in
    an order of their own. Raises SystemExit when the file has other pieces.
    """
    reader = gguf.GGUFReader(path)

    def field(name: str) -> Any:
        return reader.fields[f"llama.{name}"].contents()

    weights = {
        t.name: torch.from_numpy(np.array(gguf.quants.dequantize(t.data, t.tensor_type)))
        for t in reader.tensors
    }
    if "output.weight" in weights:
        raise SystemExit(f"{path}: its output layer is not tied to the embedding")
    weights["token_embd.weight"] = weights["token_embd.weight"][_rows(reader, path, tokenizer)]
    vocab, dim = weights["token_embd.weight"].shape
    base = reader.fields.get("llama.rope.freq_base")
    shape = Shape(
        vocab=vocab,
        dim=dim,
        layers=field("block_count"),
        heads=field("attention.head_count"),
        kv_heads=field("attention.head_count_kv"),
        ff=field("feed_forward_length"),
        context=field("context_length"),
        rope_base=float(base.contents()) if base else 10000.0,
        # Stored as float32: its shortest decimal is the number that was meant.
        eps=float(str(np.float32(field("attention.layer_norm_rms_epsilon")))),
    )
    return Checkpoint(shape, weights, tokenizer)


def _rows(reader: gguf.GGUFReader, path: Path, tokenizer: bytes) -> list[int]:
    """For every id of `tokenizer`, the row of the embedding that is its piece's."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer)
    pieces = [processor.id_to_piece(i) for i in range(processor.vocab_size())]
    field = reader.fields.get("tokenizer.ggml.tokens")
    places = {piece: row for row, piece in enumerate(field.contents() if field else [])}
    if places.keys() != set(pieces):
        raise SystemExit(f"{path} has other pieces than the tokenizer")
    return [places[piece] for piece in pieces]
