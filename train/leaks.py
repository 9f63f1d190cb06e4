"""Check that no 13 words in a row of the training text stand in an evaluation text.

    python -m train.leaks CLEAN_DIR --exclude EVAL_DIR

Compares the words themselves, not hashes of them: independent of how train.corpus works.
Exits with 1 and names the documents if there are any.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from train.corpus import TEXT_FOLDERS, read_rows
from train.ngrams import N


def word_ngrams(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of 13 words of `text`, in lower case."""
    words = re.findall(r"\w+", text.lower())
    return zip(*(words[i:] for i in range(N)), strict=False)


def evaluation_ngrams(folder: Path) -> set[tuple[str, ...]]:
    """The runs of 13 words of the evaluation texts under `folder`."""
    grams: set[tuple[str, ...]] = set()
    for name in TEXT_FOLDERS:
        for path in sorted((folder / name).glob("*")):
            grams.update(word_ngrams(path.read_bytes().decode("utf-8", "replace")))
    return grams


def leaks(texts: Iterable[str], forbidden: set[tuple[str, ...]]) -> list[int]:
    """The numbers of the texts that share a run of 13 words with the forbidden ones."""
    return [i for i, text in enumerate(texts) if not forbidden.isdisjoint(word_ngrams(text))]


def main(argv: list[str] | None = None) -> None:
    """Print which documents share words with them; the exit code is 1 if any does."""
    parser = argparse.ArgumentParser(
        prog="python -m train.leaks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clean", type=Path, help="folder written by train.corpus")
    parser.add_argument("--exclude", type=Path, required=True, help="folder of evaluation texts")
    args = parser.parse_args(argv)
    forbidden = evaluation_ngrams(args.exclude)
    found = 0
    for path in sorted(args.clean.glob("*.jsonl")):
        numbers = leaks((row["text"] for row in read_rows(path)), forbidden)
        found += len(numbers)
        if numbers:
            print(f"{path.name}: documents {numbers[:20]}")
    print(f"{found} documents share a run of {N} words with the {len(forbidden):,} forbidden ones")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
