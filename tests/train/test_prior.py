"""The mixer's starting state comes from the corpus alone, and comes out the same every time."""

from __future__ import annotations

import json
import random
from pathlib import Path

from edgezip.coding.mixing.layout import BINARY, TEXT
from train.binaries import make_binaries
from train.corpus import Cleaner, exclusion_set
from train.ngrams import WordHasher
from train.prior import choose_documents, train_bytes, write_prior


def shard(path: Path, evaluation: str) -> Path:
    """Thirty documents of three kinds, one of which is the evaluation text."""
    rng = random.Random(5)
    rows = []
    for i in range(30):
        text = " ".join(f"word{rng.randrange(400)}" for _ in range(400))
        rows.append({"kind": "abc"[i % 3], "text": evaluation if i == 7 else text})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_prior_is_the_same_every_time_and_knows_no_evaluation_text(tmp_path: Path) -> None:
    rng = random.Random(6)
    evaluation = " ".join(f"secret{rng.randrange(900)}" for _ in range(500))
    (tmp_path / "eval" / "text").mkdir(parents=True)
    (tmp_path / "eval" / "text" / "secret.txt").write_text(evaluation, encoding="utf-8")
    source = shard(tmp_path / "shard.jsonl", evaluation)
    files = []
    for name in ("one", "two"):
        hasher = WordHasher()
        cleaner = Cleaner(exclusion_set(tmp_path / "eval", hasher), hasher)
        documents = choose_documents([source], cleaner, 40_000, seed=3)
        assert sum(map(len, documents)) >= 30_000
        assert b"secret" not in b"".join(documents)
        binaries = make_binaries(documents, 3, rounds=1)
        text = train_bytes(documents[:4], TEXT)
        binary = train_bytes([binary[:4000] for binary in binaries], BINARY)
        write_prior(tmp_path / name, text, text, binary)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
