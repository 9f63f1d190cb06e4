"""Prepare the training text: sort by stream, drop duplicates, cut out evaluation text.

    python -m train.corpus OUT --shards S.jsonl.xz ... --exclude EVAL_DIR --against VAL.jsonl.xz

A shard row is a JSON object with `kind`, `text` and perhaps `sub`, `src`. OUT receives one
`STREAM.jsonl` per stream of the mix (rows `{"text": ...}`) and `report.json`.
- Duplicates: the same words in the same order, or 80 % of sampled 13-grams seen before.
  Validation documents count as seen, so none of them is trained on.
- Decontamination: every line that takes part in a 13-gram of words which also stands in a file
  of --exclude is cut out; what stands before and after it become documents of their own.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from train.mix import Mix
from train.ngrams import N, NgramSet, SeenSet, WordHasher, ngrams, word_spans

_SAMPLE = np.uint64(31)  # one n-gram in 32 takes part in near-duplicate removal
_MIN_SAMPLES = 4
_MIN_CHARACTERS = 64
NEAR_DUPLICATE = 0.8

# Files that hold text; decoded as UTF-8 with replacement, since a few are Latin-1.
TEXT_FOLDERS = ("text", "logs", "json", "fresh")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a `.jsonl` or `.jsonl.xz` file, one at a time."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def exclusion_set(folder: Path, hasher: WordHasher) -> NgramSet:
    """All 13-grams of the evaluation texts under `folder`."""
    files = [p for name in TEXT_FOLDERS for p in sorted((folder / name).glob("*")) if p.is_file()]
    if not files:
        raise SystemExit(f"no evaluation text under {folder}: give the folder that holds text/")
    return NgramSet(
        ngrams(hasher.hashes(path.read_bytes().decode("utf-8", "replace"))) for path in files
    )


class Cleaner:
    """Decides, document by document, what of it is kept; counts why the rest is not."""

    def __init__(self, excluded: NgramSet, hasher: WordHasher) -> None:
        self._excluded = excluded
        self._hasher = hasher
        self._exact: set[bytes] = set()
        self._seen = SeenSet()
        self.counts: Counter[str] = Counter()

    def protect(self, text: str) -> None:
        """Count a validation document as seen."""
        self._is_duplicate(text, ngrams(self._hasher.hashes(text)))

    def clean(self, text: str) -> list[str]:
        """The pieces of a document to train on: none, the whole, or what is left of it."""
        grams = ngrams(self._hasher.hashes(text))
        if self._is_duplicate(text, grams):
            return []
        hits = np.flatnonzero(self._excluded.contains(grams))
        if not len(hits):
            return [text]
        self.counts["documents cut"] += 1
        pieces = cut_lines(text, hits.tolist())
        self.counts["characters cut"] += len(text) - sum(map(len, pieces))
        return pieces

    def _is_duplicate(self, text: str, grams: np.ndarray[Any, np.dtype[np.uint64]]) -> bool:
        key = blake2b(" ".join(text.split()).encode(), digest_size=12)
        sample = np.unique(grams[(grams & _SAMPLE) == 0])
        near = self._seen.share_seen_then_add(sample) >= NEAR_DUPLICATE
        if key.digest() in self._exact:
            self.counts["exact duplicates"] += 1
            return True
        self._exact.add(key.digest())
        if near and len(sample) >= _MIN_SAMPLES:
            self.counts["near duplicates"] += 1
            return True
        return False


def cut_lines(text: str, hits: list[int]) -> list[str]:
    """`text` without the lines that hold any of the n-grams starting at words `hits`."""
    spans = word_spans(text)
    pieces, start = [], 0
    for hit in hits:
        first, last = spans[hit][0], spans[hit + N - 1][1]
        if first > start:
            pieces.append(text[start : text.rfind("\n", start, first) + 1 or start])
        newline = text.find("\n", last)
        start = max(start, len(text) if newline < 0 else newline + 1)
    pieces.append(text[start:])
    return [piece for piece in pieces if len(piece) >= _MIN_CHARACTERS]


def prepare(out: Path, shards: list[Path], cleaner: Cleaner, mix: Mix) -> dict[str, Any]:
    """Write the streams of the shards to `out`; return the report."""
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, TextIO] = {}
    documents: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    read: Counter[str] = Counter()
    with ExitStack() as stack:
        for shard in shards:
            for row in read_rows(shard):
                stream = mix.stream(row)
                read[stream] += len(row["text"].encode())
                if mix.rate(stream) == 0:
                    continue
                for text in cleaner.clean(row["text"]):
                    if stream not in files:
                        path = out / f"{stream}.jsonl"
                        files[stream] = stack.enter_context(open(path, "w", encoding="utf-8"))
                    files[stream].write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
                    documents[stream] += 1
                    kept[stream] += len(text.encode())
            print(shard.name, dict(cleaner.counts), flush=True)
    return {
        "shards": [shard.name for shard in shards],
        "counts": dict(cleaner.counts),
        "streams": {
            name: {"bytes read": read[name], "bytes": kept[name], "documents": documents[name]}
            for name in sorted(read)
        },
    }


def main(argv: list[str] | None = None) -> None:
    """Write the prepared text."""
    parser = argparse.ArgumentParser(
        prog="python -m train.corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="JSON lines, .xz or plain"
    )
    parser.add_argument("--exclude", type=Path, required=True, help="folder of evaluation texts")
    parser.add_argument("--against", type=Path, help="validation documents, never trained on")
    parser.add_argument("--mix", type=Path, default=Mix.DEFAULT, help="streams and rates (TOML)")
    args = parser.parse_args(argv)
    hasher = WordHasher()
    cleaner = Cleaner(exclusion_set(args.exclude, hasher), hasher)
    if args.against:
        for row in read_rows(args.against):
            cleaner.protect(row["text"])
        cleaner.counts.clear()
    report = prepare(args.out, args.shards, cleaner, Mix.load(args.mix))
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
