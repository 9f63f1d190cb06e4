"""Duplicates go, evaluation text goes, and everything else stays as it was."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numpy", reason="the training commands need numpy")

from train.corpus import Cleaner, cut_lines, exclusion_set, main, prepare, read_rows
from train.leaks import evaluation_ngrams, leaks
from train.mix import Mix
from train.ngrams import N, NgramSet, WordHasher, ngrams

SHARED = Path(__file__).parents[3] / "shared"


def words(seed: int, count: int) -> str:
    """Lines of ten random words each."""
    rng = random.Random(seed)
    chosen = [f"w{rng.randrange(10**6)}" for _ in range(count)]
    return "\n".join(" ".join(chosen[i : i + 10]) for i in range(0, count, 10))


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    folder = tmp_path / "eval"
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "secret.txt").write_text(words(1, 400), encoding="utf-8")
    return folder


def cleaner(folder: Path) -> Cleaner:
    hasher = WordHasher()
    return Cleaner(exclusion_set(folder, hasher), hasher)


def test_a_planted_passage_is_cut_out_whatever_its_case_and_punctuation(evaluation: Path) -> None:
    secret = words(1, 400).split()
    passage = ", ".join(secret[100:130]).upper() + "!"
    before, after = words(2, 50), words(3, 50)
    pieces = cleaner(evaluation).clean(f"{before}\n{passage}\n{after}")
    assert pieces == [before + "\n", after]
    assert leaks(pieces, evaluation_ngrams(evaluation)) == []


def test_twelve_common_words_are_no_leak(evaluation: Path) -> None:
    secret = words(1, 400).split()
    text = words(2, 50) + "\n" + " ".join(secret[7 : 7 + N - 1])
    assert cleaner(evaluation).clean(text) == [text]


@given(st.integers(0, 2**32), st.integers(0, 380), st.integers(N, 60))
def test_no_leak_survives_cutting(seed: int, start: int, length: int) -> None:
    rng = random.Random(seed)
    secret = words(1, 400).split()
    text = words(seed, 200).split()
    at = rng.randrange(len(text))
    text[at:at] = secret[start : start + length]
    joined = "".join(word + rng.choice(" \n -") for word in text)
    hasher = WordHasher()
    excluded = NgramSet([ngrams(hasher.hashes(words(1, 400)))])
    hits = excluded.contains(ngrams(hasher.hashes(joined))).nonzero()[0].tolist()
    pieces = cut_lines(joined, hits)
    assert not any(excluded.contains(ngrams(hasher.hashes(piece))).any() for piece in pieces)
    assert all(piece in joined for piece in pieces)
    if not hits:
        assert pieces == [joined]


def test_duplicates_are_dropped_once(evaluation: Path) -> None:
    text = words(5, 2000)
    lines = text.split("\n")
    near = "\n".join([*lines[:150], "another", *lines[150:]])
    clean = cleaner(evaluation)
    assert clean.clean(text) == [text]
    assert clean.clean(text.replace("\n", "  ")) == []
    assert clean.clean(near) == []
    assert clean.clean(words(6, 2000)) != []
    assert clean.counts == {"exact duplicates": 1, "near duplicates": 1}


def test_validation_documents_are_not_trained_on(evaluation: Path) -> None:
    clean = cleaner(evaluation)
    clean.protect(words(7, 2000))
    assert clean.clean(words(7, 2000)) == []


def test_the_command_sorts_rows_into_streams(evaluation: Path, tmp_path: Path) -> None:
    rows = [
        {"kind": "wiki", "text": words(10, 100)},
        {"kind": "nltk", "text": words(11, 100)},
        {"kind": "multilingual", "src": "microsoft/AZD-for-beginners:x", "text": words(12, 100)},
        {"kind": "logs_telemetry", "sub": "git_patch", "text": words(13, 100)},
    ]
    shard = tmp_path / "shard.jsonl"
    shard.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    out = tmp_path / "clean"
    main([str(out), "--shards", str(shard), "--exclude", str(evaluation)])
    assert {p.name for p in out.iterdir()} == {"wiki.jsonl", "azd.jsonl", "report.json"}
    assert [row["text"] for row in read_rows(out / "azd.jsonl")] == [rows[2]["text"]]


def test_the_real_corpus_shares_no_13_words_with_the_evaluation_texts(tmp_path: Path) -> None:
    if not (SHARED / "corpus").exists():
        pytest.skip("../shared/corpus is not here")
    # 300 rows of a shard, and among them passages of the evaluation texts that must go.
    shard = tmp_path / "shard.jsonl"
    rows = list(itertools.islice(read_rows(SHARED / "corpus" / "train-01.jsonl.xz"), 300))
    for i, path in enumerate(sorted((SHARED / "eval" / "text").iterdir())):
        passage = path.read_bytes().decode("utf-8", "replace")[1000:3000]
        rows[20 * i]["text"] += "\n" + passage
    shard.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    prepare(tmp_path / "clean", [shard], cleaner(SHARED / "eval"), Mix.load())
    forbidden = evaluation_ngrams(SHARED / "eval")
    assert len(leaks((row["text"] for row in rows), forbidden)) > 5
    for path in (tmp_path / "clean").glob("*.jsonl"):
        assert leaks((row["text"] for row in read_rows(path)), forbidden) == []
