"""Encode the prepared text to token files, in parts that each hold a like share of every stream.

    python -m train.encode CLEAN_DIR TOKENIZER.model OUT --val VAL.jsonl.xz --parts 4

OUT/part-K/STREAM.u16 holds the documents of a stream one after another as little-endian uint16
token ids, the start token before each. OUT/val/KIND.u16 is the same for the validation
documents. OUT/tokenizer.model is a copy of the tokenizer, and OUT/index.json gives the counts.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from train.corpus import read_rows
from train.tokenizer import START

Tokens = NDArray[np.uint16]
_BATCH = 256


def encode_documents(
    processor: sentencepiece.SentencePieceProcessor, texts: Iterable[str], threads: int = 1
) -> Iterator[Tokens]:
    """The tokens of each text with the start token before them, uint16[tokens + 1]."""
    for batch in _batches(texts):
        for ids in processor.encode(list(batch), num_threads=threads):
            yield np.array([START, *ids], np.uint16)


def _batches(texts: Iterable[str]) -> Iterator[tuple[str, ...]]:
    iterator = iter(texts)
    while batch := tuple(itertools.islice(iterator, _BATCH)):
        yield batch


class PartWriter:
    """Spreads the documents of one stream over the parts, always to the shortest."""

    def __init__(self, out: Path, stream: str, parts: int) -> None:
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []
        self.tokens = [0] * parts
        for part in range(parts):
            folder = out / f"part-{part}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{stream}.u16"
            file = self._stack.enter_context(open(path, "wb"))  # noqa: SIM115
            self._files.append(file)

    def write(self, tokens: Tokens) -> None:
        """Append to the part that has the fewest tokens."""
        part = min(range(len(self.tokens)), key=self.tokens.__getitem__)
        self._files[part].write(tokens.astype("<u2").tobytes())
        self.tokens[part] += len(tokens)

    def close(self) -> None:
        """Close all parts."""
        self._stack.close()


def encode_streams(
    clean: Path,
    out: Path,
    processor: sentencepiece.SentencePieceProcessor,
    parts: int,
    threads: int,
    streams: Collection[str] = (),
) -> dict[str, list[int]]:
    """Write the parts of `streams` (none: all); return the tokens of each stream by part.

    Raises SystemExit when one of `streams` is not there.
    """
    counts = {}
    paths = {path.stem: path for path in sorted(clean.glob("*.jsonl"))}
    if missing := set(streams) - set(paths):
        raise SystemExit(f"no stream {', '.join(sorted(missing))} in {clean}")
    for path in (paths[name] for name in paths if name in streams or not streams):
        writer = PartWriter(out, path.stem, parts)
        for tokens in encode_documents(processor, (r["text"] for r in read_rows(path)), threads):
            writer.write(tokens)
        writer.close()
        counts[path.stem] = writer.tokens
        print(path.stem, sum(writer.tokens), flush=True)
    return counts


def encode_validation(
    documents: Path, out: Path, processor: sentencepiece.SentencePieceProcessor
) -> dict[str, dict[str, int]]:
    """Write the validation documents by kind; return their bytes and tokens."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(documents):
        texts[row["kind"]].append(row["text"])
    (out / "val").mkdir(parents=True, exist_ok=True)
    counts = {}
    for kind, group in sorted(texts.items()):
        tokens = np.concatenate(list(encode_documents(processor, group)))
        tokens.astype("<u2").tofile(out / "val" / f"{kind}.u16")
        size = sum(len(text.encode()) for text in group)
        counts[kind] = {"bytes": size, "tokens": len(tokens) - len(group)}
    return counts


def main(argv: list[str] | None = None) -> None:
    """Write the token files."""
    parser = argparse.ArgumentParser(
        prog="python -m train.encode",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clean", type=Path, help="folder written by train.corpus")
    parser.add_argument("tokenizer", type=Path, help="SentencePiece model")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--val", type=Path, help="validation documents (JSON lines)")
    parser.add_argument("--parts", type=int, default=4, help="number of parts (default 4)")
    parser.add_argument("--streams", nargs="+", default=[], help="only these (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    model = args.tokenizer.read_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    if processor.vocab_size() > 1 << 16:
        raise SystemExit("token files hold 16 bits a token: use at most 65536 pieces")
    args.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(args.tokenizer, args.out / "tokenizer.model")
    index = {
        "vocab": processor.vocab_size(),
        "tokenizer_sha256": hashlib.sha256(model).hexdigest(),
        "streams": encode_streams(
            args.clean, args.out, processor, args.parts, args.threads, args.streams
        ),
        "val": encode_validation(args.val, args.out, processor) if args.val else {},
    }
    (args.out / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
