"""Write a checkpoint as GGUF, quantized or not.

    python -m train.export CHECKPOINT.pt OUT.gguf --type Q8_0 --name edgezip-small

F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 and Q4_0 are quantized by the gguf package. It cannot
quantize to the K types; for Q2_K to Q6_K llama.cpp's own quantizer is called (it needs
llama-cpp-python, and rows of a multiple of 256: tensors with other rows get a simpler type).
Norm weights stay F32. The embedding, which is the output layer too, may have a type of its own.

The pieces are numbered anew, by the bytes that they spell: edgezip's mixing coder wants a row of
logits in this order and would have to sort every row.

With --about the file says its licence, its author and what it was trained on (a table as in
configs/attribution.toml): `general.license`, `.author`, `.description` and `.datasets`.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import sentencepiece
import torch

from train.checkpoint import Checkpoint
from train.model import Shape

_DIRECT = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
# Values of llama.cpp's enum llama_ftype; the plain name stands for the _M variant.
_BY_LLAMA = {"Q4_0": 2, "Q8_0": 7, "Q2_K": 10, "Q3_K": 12, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18}


def write_header(writer: gguf.GGUFWriter, name: str, shape: Shape) -> None:
    """Write the settings of a model of shape `shape`."""
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocab)


def write_about(writer: gguf.GGUFWriter, about: Mapping[str, Any]) -> None:
    """Licence, author and description, and the repositories of the training text with the licences
    that they state; `about` as in configs/attribution.toml."""
    writer.add_license(about["license"])
    writer.add_author(about["author"])
    writer.add_description(about["description"])
    writer.add_array("general.datasets", datasets(about))


def datasets(about: Mapping[str, Any]) -> list[str]:
    """Each repository with its licence in brackets."""
    return [
        f"{repository} ({entry['licence']})"
        for entry in about["datasets"]
        for repository in entry["repositories"]
    ]


def export_order(processor: sentencepiece.SentencePieceProcessor) -> list[int]:
    """The ids in the order of a file: unknown and control pieces, the others by their bytes."""

    def key(i: int) -> tuple[bool, bytes, int]:
        piece = processor.id_to_piece(i)
        if processor.is_unknown(i) or processor.is_control(i):
            return False, b"", i
        spelled = (
            bytes([int(piece[3:5], 16)])
            if processor.is_byte(i)
            else piece.replace("\u2581", " ").encode()
        )
        return True, spelled, i

    return sorted(range(processor.vocab_size()), key=key)


def write_vocabulary(
    writer: gguf.GGUFWriter,
    processor: sentencepiece.SentencePieceProcessor,
    ids: list[int],
) -> None:
    """The pieces of a SentencePiece model in the order `ids`, as llama.cpp's `llama` tokenizer
    reads them."""
    kinds = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([processor.id_to_piece(i) for i in ids])
    writer.add_token_scores([processor.get_score(i) for i in ids])
    writer.add_token_types(
        [
            kinds.UNKNOWN
            if processor.is_unknown(i)
            else kinds.CONTROL
            if processor.is_control(i)
            else kinds.BYTE
            if processor.is_byte(i)
            else kinds.NORMAL
            for i in ids
        ]
    )
    writer.add_bos_token_id(ids.index(processor.bos_id()))
    writer.add_eos_token_id(ids.index(processor.eos_id()))
    writer.add_unk_token_id(ids.index(processor.unk_id()))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def write_gguf(
    checkpoint: Checkpoint,
    path: Path,
    name: str,
    kind: str,
    embedding: str = "",
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write with types that the gguf package quantizes to; `embedding` defaults to `kind`."""
    writer = gguf.GGUFWriter(str(path), "llama")
    write_header(writer, name, checkpoint.shape)
    if about:
        write_about(writer, about)
    processor = sentencepiece.SentencePieceProcessor(model_proto=checkpoint.tokenizer)
    ids = export_order(processor)
    write_vocabulary(writer, processor, ids)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(int(gguf.LlamaFileType[_file_type(kind)]))
    for tensor, value in checkpoint.weights.items():
        array = np.ascontiguousarray(value.to(torch.float32).numpy())
        own = kind
        if tensor == "token_embd.weight":
            array, own = array[ids], embedding or kind
        if array.ndim == 1 or own == "F32":
            writer.add_tensor(tensor, array)
        else:
            quantization = gguf.GGMLQuantizationType[own]
            packed = gguf.quants.quantize(array, quantization)
            writer.add_tensor(tensor, packed, raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _file_type(kind: str) -> str:
    return "ALL_F32" if kind == "F32" else f"MOSTLY_{kind}"


def quantize_with_llama(source: Path, target: Path, kind: str, embedding: str = "") -> None:
    """Quantize the F32 file `source` with llama.cpp; raises SystemExit when it cannot be had."""
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise SystemExit(f"{kind} needs a working llama-cpp-python: {error}") from error
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = _BY_LLAMA[kind]
    params.nthread = 1
    if embedding:
        params.token_embedding_type = int(gguf.GGMLQuantizationType[embedding])
    failed = llama_cpp.llama_model_quantize(bytes(source), bytes(target), params)
    if failed:
        raise SystemExit(f"llama.cpp could not quantize to {kind}: its log above says why")


def export(
    checkpoint: Checkpoint,
    path: Path,
    name: str,
    kind: str,
    embedding: str = "",
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write `checkpoint` to `path` as GGUF of any of the types above."""
    if not checkpoint.tokenizer:
        raise SystemExit("the checkpoint holds no tokenizer: give --tokenizer")
    if kind in _DIRECT and embedding in ("", *_DIRECT):
        write_gguf(checkpoint, path, name, kind, embedding, about)
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source = Path(folder) / "float32.gguf"
        write_gguf(checkpoint, source, name, "F32", about=about)
        quantize_with_llama(source, path, kind, embedding)


def main(argv: list[str] | None = None) -> None:
    """Write a checkpoint as GGUF."""
    parser = argparse.ArgumentParser(
        prog="python -m train.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, help="GGUF file to write")
    parser.add_argument("--type", choices=sorted({*_DIRECT, *_BY_LLAMA}), default="Q8_0")
    parser.add_argument(
        "--embedding", choices=sorted({*_DIRECT, *_BY_LLAMA}), default="", help="its own type"
    )
    parser.add_argument("--name", help="the model's name (default: that of the file)")
    parser.add_argument("--tokenizer", type=Path, help="for checkpoints that hold none")
    parser.add_argument("--about", type=Path, help="licence, author and datasets (TOML)")
    args = parser.parse_args(argv)
    checkpoint = Checkpoint.load(args.checkpoint)
    if args.tokenizer:
        checkpoint.tokenizer = args.tokenizer.read_bytes()
    about = tomllib.loads(args.about.read_text(encoding="utf-8")) if args.about else None
    export(checkpoint, args.out, args.name or args.out.stem, args.type, args.embedding, about)
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out.name}: {args.out.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
