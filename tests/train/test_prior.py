"""The mixer's starting state comes from the corpus alone, and comes out the same every time."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np

from edgezip.coding.mixing.prior import pack_prior
from edgezip.coding.mixing.profile import ALL, Profile
from train.binaries import make_binaries
from train.corpus import Cleaner, exclusion_set
from train.ngrams import WordHasher
from train.prior import busy_rows, choose_documents, train_bytes


def shard(path: Path, evaluation: str) -> Path:
    """Thirty documents of three kinds, one of which is the evaluation text."""
    rng = random.Random(5)
    rows = []
    for i in range(30):
        text = " ".join(f"word{rng.randrange(400)}" for _ in range(400))
        kind = ("wiki", "docs_en", "logs_telemetry")[i % 3]
        row = {"kind": kind, "sub": "log", "src": f"repository{i % 2}:file", "text": text}
        rows.append(row | ({"text": evaluation} if i == 8 else {}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def a_cleaner(evaluation: Path) -> Cleaner:
    """A cleaner that has seen nothing yet and knows what must not be learned."""
    hasher = WordHasher()
    return Cleaner(exclusion_set(evaluation, hasher), hasher)


def learned(profile: Profile, documents: list[bytes]) -> bytes:
    """The prior file of a profile that has learned from `documents`."""
    assert documents
    prior = train_bytes(documents, profile)
    return pack_prior(profile, prior, np.concatenate(list(busy_rows(profile, prior))))


def test_the_prior_is_the_same_every_time_and_knows_no_evaluation_text(tmp_path: Path) -> None:
    rng = random.Random(6)
    evaluation = " ".join(f"secret{rng.randrange(900)}" for _ in range(500))
    (tmp_path / "eval" / "text").mkdir(parents=True)
    (tmp_path / "eval" / "text" / "secret.txt").write_text(evaluation, encoding="utf-8")
    source = shard(tmp_path / "shard.jsonl", evaluation)
    files = []
    for _ in range(2):
        documents, logs = (
            choose_documents([source], a_cleaner(tmp_path / "eval"), 40_000, 3, lines)
            for lines in (False, True)
        )
        assert sum(map(len, documents)) >= 30_000
        assert b"secret" not in b"".join(documents + logs)
        binaries = make_binaries(documents, 3, rounds=1)
        taught = {
            "text": documents[:4],
            "lines": logs[:4],
            "binary": [binary[:4000] for binary in binaries],
            "records": [binary[:4000] for binary in make_binaries(documents, 3, 1, more=True)],
        }
        files.append(
            b"".join(learned(p, taught[p.taught_by]) for p in ALL if p.taught_by in taught)
        )
    assert files[0] == files[1]
