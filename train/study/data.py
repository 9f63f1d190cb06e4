"""Tokenizers, token files and validation text of the study; made once and found again."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from train import encode, tokenizer
from train.corpus import read_rows
from train.study.plan import Plan

Document = tuple[NDArray[np.uint16], int]
"""Tokens without the start token, and the bytes they stand for."""


def token_folder(plan: Plan, pieces: int, clean: Path, data: Path, threads: int) -> Path:
    """The folder for train.fit with a vocabulary of `pieces`; trained and encoded if missing."""
    folder = data / f"{pieces}p"
    if (folder / "index.json").exists():
        return folder
    partial = data / f"{pieces}p.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model = partial / "tokenizer.trained"
    number = ["--threads", str(threads or os.cpu_count() or 1)]
    size = ["--pieces", str(pieces), "--characters", str(plan.table["tokenizer_characters"])]
    tokenizer.main(
        ["train", str(clean), "--out", str(model), "--mix", str(plan.mix), *size, *number]
    )
    parts = ["--parts", str(plan.table["parts"]), "--streams", *plan.table["streams"]]
    encode.main([str(clean), str(model), str(partial), *parts, *number])
    model.unlink()
    os.replace(partial, folder)
    return folder


def validation_texts(documents: Path, kinds: Sequence[str], limit: int) -> list[str]:
    """Whole documents of each of `kinds` until `limit` bytes of it are passed.

    Raises SystemExit when there are none.
    """
    taken: Counter[str] = Counter()
    texts = []
    for row in read_rows(documents):
        kind, text = row["kind"], row["text"]
        if kind in kinds and taken[kind] < limit:
            taken[kind] += len(text.encode())
            texts.append(text)
    if not texts:
        raise SystemExit(f"{documents} has no document of {', '.join(kinds)}")
    return texts


def encode_texts(proto: bytes, texts: Sequence[str]) -> list[Document]:
    """The texts as a model reads them."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
    encoded = encode.encode_documents(processor, texts)
    return [(ids[1:], len(text.encode())) for ids, text in zip(encoded, texts, strict=True)]


def piece_sizes(proto: bytes) -> NDArray[np.int64]:
    """Bytes that each piece stands for, int64 (pieces,)."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto)

    def size(i: int) -> int:
        if processor.is_byte(i):
            return 1
        if processor.is_control(i) or processor.is_unknown(i):
            return 0
        return len(processor.id_to_piece(i).replace("\u2581", " ").encode())

    return np.array([size(i) for i in range(processor.vocab_size())], np.int64)
