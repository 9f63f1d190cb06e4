"""Residual models and the search for similar bytes: what they learn, and that they are asked."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from edgezip.coding.logistic import stretch_table
from edgezip.coding.mixing import guesses, residuals, similarity
from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
from edgezip.coding.mixing.layout import (
    CONTEXT_INPUT,
    FAR,
    OF_CONTEXT,
    R_BITS,
    R_C0,
    R_RESIDUALS,
    REGISTERS,
    RESIDUAL_KINDS,
    RESIDUAL_ROW,
    S_FAST,
    S_FAST_SCORE,
    S_POS,
    S_SLOW,
    S_SLOW_SCORE,
    STREAM_FIELDS,
)
from edgezip.coding.mixing.model import new_model
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import ALL, CODE, PROFILES, RECORDS


def _distances(data: bytes) -> NDArray[np.int64]:
    """The fields of a stream after `data`."""
    stream = np.zeros(STREAM_FIELDS, np.int64)
    scores = np.full(2 * FAR, similarity.WORST, np.uint16)
    history = np.zeros(len(data) + 1, np.uint8)
    for pos, c in enumerate(data, 1):
        history[pos - 1] = c
        stream[S_POS] = pos
        similarity.follow_similarity(scores, history, stream, c)
    return stream


def test_bytes_are_different_around_the_end() -> None:
    assert [similarity.difference(a, 10) for a in (10, 9, 11, 137, 138, 139)] == [
        0,
        1,
        1,
        127,
        128,
        127,
    ]
    assert similarity.difference(0, 255) == 1


@pytest.mark.parametrize("length", [5, 12, 700])
def test_records_of_numbers_that_grow_are_similar(length: int) -> None:
    rng = random.Random(length)
    record = [rng.randrange(256) for _ in range(length)]
    data = bytearray()
    for _ in range(4000 // length):
        data += bytes(record)
        record = [(v + rng.randrange(3)) & 255 for v in record]
    stream = _distances(bytes(data))
    assert stream[S_SLOW] % length == 0
    assert stream[S_FAST] % length == 0
    assert stream[S_SLOW_SCORE] < 20 << 8


def test_the_farthest_of_equal_distances_is_taken() -> None:
    stream = _distances(bytes(range(50)) * 100)
    assert stream[S_FAST_SCORE] >> 8 == 0
    assert stream[S_FAST] == FAR // 50 * 50
    assert _distances(b"aaaa")[S_FAST] == 1  # alike for longest
    assert _distances(b"a")[S_FAST] == 0


class _Model:
    """One residual model."""

    def __init__(self) -> None:
        self.r = np.zeros(REGISTERS, np.int64)
        self.r[R_RESIDUALS] = 1
        self.histograms = np.zeros(RESIDUAL_KINDS * RESIDUAL_ROW, np.uint8)
        self.guesses, self.rows = np.zeros((2, 1), np.int64)

    def learn(self, value: int, kind: int, c: int) -> None:
        residuals.guess(self.guesses, self.rows, 0, value, kind)
        residuals._learn(self.r, self.histograms, self.guesses, self.rows, c)

    def logits(self, value: int, kind: int, c: int) -> list[int]:
        """Of each bit of `c`, above 0 where it is expected."""
        residuals.guess(self.guesses, self.rows, 0, value, kind)
        x, found = np.zeros(1, np.int16), []
        for bits in range(8):
            self.r[R_BITS], self.r[R_C0] = bits, (c | 256) >> (8 - bits)
            residuals.residual_inputs(
                self.r, self.histograms, stretch_table(), self.guesses, self.rows, x, 0
            )
            found.append(int(x[0]) if c >> (7 - bits) & 1 else -int(x[0]))
        return found


def test_a_residual_holds_for_all_guesses() -> None:
    model = _Model()
    for value in (7, 100, 255, 128):
        model.learn(value, 3, (value + 2) & 255)
    for value in (0, 126, 200, 254, 255):
        assert min(model.logits(value, 3, (value + 2) & 255)) > 256
        assert min(model.logits(value, 3, (value + 3) & 255)) < -256
    assert set(map(abs, model.logits(9, 4, 11))) <= {0, 1}  # of another histogram


@pytest.mark.parametrize("times", [200, 254, 255, 256, 2000])
def test_counts_are_halved_and_stay_exact(times: int) -> None:
    model, rng = _Model(), random.Random(times)
    counts = [0] * 256
    for _ in range(times):
        residual = rng.choice([0, 0, 0, 1, 255, 128, rng.randrange(256)])
        value = rng.randrange(256)
        model.learn(value, 0, (value + residual) & 255)
        counts[residual] += 1
        if sum(counts) == 255:
            below = [sum(counts[:k]) // 2 for k in range(257)]
            counts = [below[k + 1] - below[k] for k in range(256)]
    row = model.histograms[:RESIDUAL_ROW].astype(int)
    assert (np.diff(row) % 256 == (counts + counts)[:-1]).all()


def test_they_are_in_use_at_the_highest_level_of_the_profiles_of_binary_data() -> None:
    for profile in ALL:
        for level in range(3):
            tokens = profile not in PROFILES
            model = new_model(MixParams(16, 0 if tokens else profile.number, level), 1, 9, tokens)
            used = level == 2 and profile.number in (RECORDS, CODE)
            assert (model.scores.size > 0) == (model.guesses.size > 0) == used


@pytest.mark.parametrize("profile", [RECORDS, CODE])
def test_numbers_that_grow_by_little_take_less(
    profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, number, data = random.Random(1), 1 << 20, bytearray()
    for _ in range(1500):
        number += rng.randrange(5)
        data += number.to_bytes(4, "big") + rng.randbytes(1) + bytes(3)
    params = MixParams(16, profile, 2)
    size = len(cm_encode(bytes(data), params))
    silent = _silent(profile)
    original = new_model
    monkeypatch.setattr(
        "edgezip.coding.mixing.bytecodec.new_model",
        lambda *a: original(*a)._replace(silent=silent),
    )
    assert len(cm_encode(bytes(data), params)) > 1.01 * size


def _silent(profile: int) -> NDArray[np.int64]:
    row = PROFILES[profile]
    first = CONTEXT_INPUT + OF_CONTEXT * len(row.contexts) + len(row.runs)
    return np.arange(first, first + len(row.residuals))


def test_all_guesses_are_made_and_no_others() -> None:
    model = new_model(MixParams(16, RECORDS, 2), 1, 9, False)
    made, rows = np.full((2, model.guesses.size + 1), -1, np.int64)
    places = np.full(model.last_places.size + 1, -1, np.int64)
    guesses._set_guesses(
        made, rows, model.lasts, places, model.heads, model.history, 1, 0, model.streams[0]
    )
    for array in (made, rows, places):
        assert array[:-1].min() >= 0
        assert array[-1] == -1


@pytest.mark.parametrize("profile", [RECORDS, CODE])
def test_what_a_prime_taught_is_not_touched_by_what_is_packed(profile: int) -> None:
    params, rng = MixParams(16, profile, 2), random.Random(3)
    prime = b"".join((i * 1000).to_bytes(4, "big") + b"ab" for i in range(200))
    data = b"".join((i * 1000 + 7).to_bytes(4, "big") + b"ab" for i in range(150, 260))
    first = cm_encode(data, params, prime)
    cm_encode(rng.randbytes(300), params, prime)
    assert cm_encode(data, params, prime) == first
    assert cm_decode(first, len(data), params, prime) == data
    assert len(first) < len(cm_encode(data, params))


def test_several_streams_are_refused() -> None:
    with pytest.raises(ValueError, match="single stream"):
        new_model(MixParams(16, RECORDS, 2), 2, 9, False)
