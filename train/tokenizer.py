"""Train the SentencePiece model of a language model, or report its bytes per token by kind.

    python -m train.tokenizer train CLEAN_DIR --pieces 8192 --out NAME.model
    python -m train.tokenizer report NAME.model VAL.jsonl.xz
    python -m train.tokenizer extract MODEL.gguf --out NAME.model

Byte-pair encoding; text is taken as it is (identity normalization, no dummy prefix, no
whitespace removed, pieces of whitespace and of newlines allowed), digits are single pieces and
whatever no piece covers falls back to bytes, so that the pieces of any text concatenate to it.
"""

from __future__ import annotations

import argparse
import io
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from train.corpus import read_rows
from train.mix import Mix

UNKNOWN, START, END = 0, 1, 2
_EXCERPT = 1500
_MAX_PIECE = 24


def excerpts(clean: Path, mix: Mix, characters: int, seed: int) -> Iterator[str]:
    """Random excerpts of the streams, `characters` in all, each stream in its share of the mix."""
    files = sorted(clean.glob("*.jsonl"))
    if not files:
        raise SystemExit(f"no *.jsonl in {clean}: run train.corpus first")
    # Bytes of JSON lines stand for characters, so other scripts get less than their share.
    total = sum(mix.rate(path.stem) * path.stat().st_size for path in files)
    for path in files:
        chance = characters * mix.rate(path.stem) / total
        rng = random.Random(f"{seed}/{path.stem}")
        for row in read_rows(path):
            text = row["text"]
            for start in range(0, len(text), _EXCERPT):
                if rng.random() < chance:
                    yield text[start : start + _EXCERPT]


def train(texts: Iterator[str], pieces: int, threads: int, max_piece: int = _MAX_PIECE) -> bytes:
    """Train on `texts`; return the serialized SentencePiece model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts,
        model_writer=model,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        character_coverage=0.997,
        max_sentence_length=4 * _EXCERPT,
        max_sentencepiece_length=max_piece,
        num_threads=threads,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        pad_id=-1,
        minloglevel=1,
    )
    return model.getvalue()


def bytes_per_token(model: Path, documents: Path) -> dict[str, float]:
    """Bytes per token of `documents` by kind, and over all of them under the name `all`."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    size: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for row in read_rows(documents):
        for kind in (row["kind"], "all"):
            size[kind] += len(row["text"].encode())
            tokens[kind] += len(processor.encode(row["text"]))
    return {kind: size[kind] / tokens[kind] for kind in sorted(size)}


def main(argv: list[str] | None = None) -> None:
    """Train or report."""
    parser = argparse.ArgumentParser(
        prog="python -m train.tokenizer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("train", help="train a SentencePiece model")
    make.add_argument("clean", type=Path, help="folder written by train.corpus")
    make.add_argument("--out", type=Path, required=True, help="file to write (.model)")
    make.add_argument("--pieces", type=int, default=8192, help="vocabulary size (default 8192)")
    make.add_argument("--characters", type=int, default=30_000_000, help="length of the sample")
    make.add_argument("--mix", type=Path, default=Mix.DEFAULT, help="streams and rates (TOML)")
    make.add_argument("--threads", type=int, default=1)
    make.add_argument("--seed", type=int, default=0)
    report = commands.add_parser("report", help="print bytes per token by kind")
    report.add_argument("model", type=Path)
    report.add_argument("documents", type=Path, help="JSON lines with kind and text")
    extract = commands.add_parser("extract", help="take the SentencePiece model out of a GGUF")
    extract.add_argument("gguf", type=Path)
    extract.add_argument("--out", type=Path, required=True, help="file to write (.model)")
    args = parser.parse_args(argv)
    if args.command == "extract":
        # Imported here: it needs PyTorch, which making tokens does not.
        from train.from_gguf import tokenizer_of

        args.out.write_bytes(tokenizer_of(args.gguf))
    elif args.command == "train":
        texts = excerpts(args.clean, Mix.load(args.mix), args.characters, args.seed)
        args.out.write_bytes(train(texts, args.pieces, args.threads))
    else:
        for kind, value in bytes_per_token(args.model, args.documents).items():
            print(f"{kind:20} {value:.3f}")


if __name__ == "__main__":
    main()
