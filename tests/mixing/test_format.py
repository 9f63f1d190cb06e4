"""What is written down as format stays as it is: tables, starting state, and whole payloads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding.histories import state_table
from edgezip.coding.logistic import (
    fine_stretch_table,
    reciprocal_table,
    squash_table,
    stretch_table,
)
from edgezip.coding.mixing.bytecodec import cm_encode
from edgezip.coding.mixing.layout import MOST_SETS, SET_SIZE
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.prior import WEIGHT_STEP, load_prior, pack_prior, plain_prior
from edgezip.coding.mixing.profile import (
    ALL,
    CODE,
    LINES,
    PROFILES,
    RECORDS,
    TOKEN_PROFILE,
    Profile,
)
from edgezip.coding.mixing.token_mixing import MixingEncoder

PRIORS = {
    "text": "3587eda6a7808024",
    "binary": "3fcd977d8c391545",
    "lines": "6ac4706325500bc0",
    "records": "3b581742a386499b",
    "code": "659a66a8e4118a89",
    "tokens": "8a9fe1530ae124ad",
}
LATER_PROFILES = "05e15aad1c31ecca"
PAYLOADS = "b0660268750665e7"


def test_squash_and_stretch_are_the_logistic_function_and_its_inverse() -> None:
    x = np.arange(-3072, 3072)
    exact = 65536 / (1 + np.exp(-x / 256))
    assert np.abs(squash_table() - np.clip(exact, 1, 65535)).max() < 1
    odds = (np.arange(4096) + 0.5) / (4095.5 - np.arange(4096))
    assert np.abs(stretch_table() - np.clip(256 * np.log(odds), -2047, 2047)).max() <= 1
    assert (
        squash_table()[fine_stretch_table()[100:65436].astype(int) + 3072] <= np.arange(100, 65436)
    ).all()
    assert reciprocal_table()[0] == 43690
    assert reciprocal_table()[1023] == 131072 // 2049


def test_bit_histories_remember_counts_and_forget_contradicted_ones() -> None:
    follow, counts = state_table()
    state = 0
    for _ in range(100):
        state = int(follow[2 * state + 1])
    assert counts[state].tolist() == [0, 40]
    state = int(follow[2 * state])
    assert counts[state][0] == 1
    assert counts[state][1] < 10
    assert follow.max() < 255


def test_the_starting_states_are_those_of_the_format() -> None:
    for profile in ALL:
        digest = hashlib.sha256()
        for array in load_prior(profile):
            assert not array.flags.writeable
            digest.update(array.astype("<i8").tobytes())
        assert digest.hexdigest()[:16] == PRIORS[profile.name], profile.name


def test_a_profile_is_as_its_table_says() -> None:
    for profile in ALL:
        prior = load_prior(profile)
        assert len({name for name, _ in profile.contexts}) == len(profile.contexts)
        assert profile.levels[-1] == len(profile.contexts)
        assert prior.maps.size == 256 * len(profile.contexts)
        assert prior.weights.size == profile.sets * SET_SIZE * profile.inputs
        assert profile.sets <= min(profile.final_width, MOST_SETS)
        page = (Path(__file__).parents[2] / "docs" / "modelling.md").read_text()
        assert f"**{profile.name}**" in page
    assert TOKEN_PROFILE not in PROFILES


def test_payloads_stay_as_they_are() -> None:
    digest = hashlib.sha256()
    text = b"".join(b"%d,item %d,%s\n" % (i, i % 7, b"xyz"[i % 3 :]) for i in range(400))
    binary = np.arange(3000, dtype="<u4").tobytes()
    for level in range(3):
        digest.update(cm_encode(text, MixParams(20, 0, level)))
        digest.update(cm_encode(binary, MixParams(18, 1, level)))
    pieces: list[bytes | None] = [None, *(bytes([i]) for i in range(256)), b"the ", b"item", b"ite"]
    tokens = np.array([(i * i) % 259 + 1 for i in range(300)], np.int32)
    logits = ((np.outer(np.arange(300), np.arange(260)) % 97) / np.float32(8)).astype(np.float32)
    for streams in (1, 5):
        encoder = MixingEncoder(300, streams, pieces, MixParams(17), prime=text[:500])
        encoder.add(encoder.measure(logits, tokens), tokens, np.arange(300, dtype=np.int64))
        digest.update(encoder.finish())
    assert digest.hexdigest()[:16] == PAYLOADS


def test_payloads_of_the_later_profiles_stay_as_they_are() -> None:
    digest = hashlib.sha256()
    text = b"".join(
        b'{"n": %d, "item": "%d", (%s)}\n' % (i, i % 7, b"xyz"[i % 3 :]) for i in range(300)
    )
    binary = np.arange(3000, dtype="<u4").tobytes()
    for level in range(3):
        digest.update(cm_encode(text, MixParams(20, LINES, level)))
        digest.update(cm_encode(binary, MixParams(18, RECORDS, level)))
        digest.update(cm_encode(binary, MixParams(18, CODE, level)))
    assert digest.hexdigest()[:16] == LATER_PROFILES


def test_a_prior_is_read_as_it_was_packed_up_to_the_ends_of_16_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = TOKEN_PROFILE
    plain = plain_prior(profile)
    weights = plain.weights.reshape(-1, profile.inputs).copy()
    weights[5] = 32767
    weights[7] = -32768
    weights[9] = 4 * WEIGHT_STEP
    rows = np.array([5, 7, 9])
    packed = pack_prior(profile, plain._replace(weights=weights.reshape(-1)), rows)
    (tmp_path / "any.bin").write_bytes(packed)
    monkeypatch.setattr(Profile, "prior_file", tmp_path / "any.bin")
    read = load_prior.__wrapped__(profile).weights.reshape(-1, profile.inputs)
    assert (read[5] == 32767 // WEIGHT_STEP * WEIGHT_STEP).all()
    assert (read[7] == -(32767 // WEIGHT_STEP) * WEIGHT_STEP).all()
    assert (read[9] == 4 * WEIGHT_STEP).all()
