"""Bits per byte of models on validation documents by kind, and on files: one table, one command.

    python -m train.evaluate MODEL ... --val VAL.jsonl.xz --files FILE ... [--csv OUT.csv]

MODEL is a checkpoint (.pt) or a GGUF file, whose quantized weights are used as they are
dequantized; write PATH=TOKENIZER.model for a checkpoint that holds no tokenizer, and
MODEL@WINDOW for a window of its own, where a file claims more than the model was trained with.
Activations are float32 (bf16 in products with --bf16): what the 8-bit activations of llama.cpp
add is measured by `edgezip score`.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import sentencepiece
import torch

from train.checkpoint import Checkpoint
from train.corpus import read_rows
from train.encode import encode_documents
from train.from_gguf import load_gguf, tokenizer_of
from train.model import Llama
from train.scoring import Tokens, bits_per_byte, by_kind, document_nats


def load_model(argument: str, window: int) -> tuple[str, Llama, bytes, int]:
    """Name, model, tokenizer and window of a MODEL argument; `window` where it names none."""
    own = re.fullmatch(r"(.*)@(\d+)", argument)
    if own:
        argument, window = own[1], int(own[2])
    name, _, tokenizer = argument.partition("=")
    path = Path(name)
    proto = Path(tokenizer).read_bytes() if tokenizer else b""
    if path.suffix != ".gguf":
        checkpoint = Checkpoint.load(path)
        proto = proto or checkpoint.tokenizer
    else:
        proto = proto or tokenizer_of(path)
        checkpoint = load_gguf(path, proto)
    if not proto:
        raise SystemExit(f"{path} holds no tokenizer: write {path}=TOKENIZER.model")
    if window > checkpoint.shape.context:
        raise SystemExit(f"{path}: its context is {checkpoint.shape.context} tokens")
    return path.name, checkpoint.model().eval(), proto, window


def score_validation(
    model: Llama, proto: bytes, documents: Path, window: int, keep: int
) -> dict[str, float]:
    """Bits per byte by kind of validation documents (JSON lines with kind and text)."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
    texts: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(documents):
        texts[row["kind"]].append(row["text"])
    validation = {
        kind: (_bodies(processor, group), sum(len(text.encode()) for text in group))
        for kind, group in sorted(texts.items())
    }
    return by_kind(model, validation, window, keep)


def _bodies(processor: sentencepiece.SentencePieceProcessor, texts: list[str]) -> list[Tokens]:
    return [tokens[1:] for tokens in encode_documents(processor, texts)]


def score_file(model: Llama, proto: bytes, path: Path, window: int, keep: int) -> float:
    """Bits per byte of a file; bytes that are not UTF-8 count as byte pieces."""
    data = path.read_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
    parts: list[Tokens] = []
    for part in re.split("([\udc80-\udcff])", data.decode(errors="surrogateescape")):
        if "\udc80" <= part <= "\udcff":
            piece = f"<0x{ord(part) & 255:02X}>"
            parts.append(np.array([processor.piece_to_id(piece)], np.uint16))
        elif part:
            parts += _bodies(processor, [part])
    tokens = [np.concatenate(parts)] if parts else []
    return bits_per_byte(float(document_nats(model, tokens, window, keep).sum()), len(data))


def main(argv: list[str] | None = None) -> None:
    """Measure, print and store the table."""
    parser = argparse.ArgumentParser(
        prog="python -m train.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--val", type=Path, help="JSON lines with kind and text, .xz or plain")
    parser.add_argument("--files", type=Path, nargs="*", default=[])
    parser.add_argument("--window", type=int, default=0, help="cells (default: the context)")
    parser.add_argument("--keep", type=int, default=-1, help="tail kept (default: half a window)")
    parser.add_argument("--csv", type=Path, help="also write the table there")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument(
        "--bf16", action="store_true", help="products in bf16: faster, exact to some 0.001 bits"
    )
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    columns: dict[str, dict[str, float]] = {}
    for argument in args.models:
        name, model, proto, window = load_model(argument, args.window)
        model.to(args.device)
        column: dict[str, float] = {}
        with torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.bf16):
            if args.val:
                column |= score_validation(model, proto, args.val, window, args.keep)
            for path in args.files:
                column[path.name] = score_file(model, proto, path, window, args.keep)
        columns[name] = column
    rows = [["what", *columns]]
    rows.extend(
        [key, *(f"{column[key]:.4f}" for column in columns.values())]
        for key in next(iter(columns.values()))
    )
    for row in rows:
        print(f"{row[0]:20}", *(f"{cell:>14}" for cell in row[1:]))
    if args.csv:
        with open(args.csv, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
