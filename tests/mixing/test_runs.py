"""Run models: what they expect of the byte that comes, and what becomes of that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.hashing import SPREAD
from edgezip.coding.logistic import reciprocal_table, stretch_table
from edgezip.coding.mixing.bytecodec import ENCODE, run_bytes
from edgezip.coding.mixing.layout import (
    CONTEXT_INPUT,
    OF_CONTEXT,
    R_BITS,
    R_C0,
    R_RUNS,
    REGISTERS,
)
from edgezip.coding.mixing.model import new_model
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import ALL, LINES, PROFILES, RECORDS
from edgezip.coding.mixing.runs import _find, _learn, read_runs, run_inputs, update_runs


class _Runs:
    """One run model, of the context whose hash is given."""

    def __init__(self) -> None:
        self.r = np.zeros(REGISTERS, np.int64)
        self.r[R_RUNS] = 1
        self.runs = np.zeros(1 << 12, np.uint32)
        self.maps = np.full(256, 0xC0000000, np.uint32)
        self.places, self.last, self.before, self.expected = np.zeros((4, 1), np.int64)
        self.x: NDArray[np.int16] = np.zeros(4, np.int16)

    def find(self, context: int) -> None:
        """A byte of the context comes next."""
        _find(self.r, self.runs, np.array([context]), np.zeros(1, np.int64), self.places)
        read_runs(self.r, self.runs, self.places, self.last, self.before)

    def logit(self, known: str, bits: int | None = None) -> int:
        """The input of the decision behind the bits `known`."""
        self.r[R_BITS] = len(known) if bits is None else bits
        self.r[R_C0] = int("1" + known, 2) if bits is None else 0
        run_inputs(
            self.r, self.maps, stretch_table(), self.last, self.before, self.expected, self.x, 2
        )
        assert self.x[[0, 1, 3]].tolist() == [0, 0, 0]
        return int(self.x[2])

    def came(self, context: int, *data: int) -> None:
        """Bytes came in the context, one after the other."""
        for c in data:
            self.find(context)
            _learn(self.r, self.runs, self.places, c)
        self.find(context)


def _place(context: int) -> tuple[int, int]:
    z = context * SPREAD
    return (z >> 21) & 4095, (z >> 50) & 255


def test_nothing_is_expected_of_a_context_that_never_was() -> None:
    model = _Runs()
    model.find(77)
    assert model.logit("") == 0
    model.came(77, 0)
    model.find(78)
    assert model.logit("") == 0
    other = next(h for h in range(1 << 31, 1 << 32) if _place(h)[0] == _place(77)[0])
    assert _place(other)[1] != _place(77)[1]
    model.find(other)  # the same word, another check
    assert model.logit("") == 0
    model.find(77)
    assert model.logit("") < 0


def test_the_last_byte_is_expected_while_it_agrees() -> None:
    model = _Runs()
    model.came(5, 0b10110010)
    assert model.logit("") > 0
    assert model.logit("1") < 0
    assert model.logit("10110") < 0
    assert model.logit("11") == 0
    assert model.logit("", bits=8) == 0  # whether a token ends is none of its business


def test_the_byte_before_is_expected_where_the_last_does_not_agree() -> None:
    model = _Runs()
    model.came(5, 0b01000000, 0b11000000)
    assert model.logit("") > 0
    assert model.logit("0") > 0  # 01...
    assert model.logit("00") == 0


def test_a_map_entry_is_learned_for_how_often_the_byte_came() -> None:
    model = _Runs()
    model.came(5, 1)
    once = model.logit("")
    update_runs(model.r, model.maps, reciprocal_table(), model.expected, 1)
    assert model.logit("") > once  # it expected a 0, and a 1 came
    model.came(5, 1)
    assert model.logit("") == once  # another entry: it came twice


def test_an_input_that_expects_nothing_teaches_nothing() -> None:
    model = _Runs()
    model.find(5)
    assert model.logit("") == 0
    before = model.maps.copy()
    update_runs(model.r, model.maps, reciprocal_table(), model.expected, 1)
    assert (model.maps == before).all()


def test_runs_of_the_profiles_are_contexts_that_they_have() -> None:
    for profile in ALL:
        assert list(profile.runs) == sorted(set(profile.runs))
        assert all(slot < len(profile.contexts) for slot in profile.runs)
    assert PROFILES[LINES].runs
    assert PROFILES[RECORDS].runs


def test_a_text_is_smaller_with_runs_and_with_one_sided_histories() -> None:
    data = (Path(__file__).parents[1] / "data" / "roughing_it.txt").read_bytes()
    profile = PROFILES[LINES]
    first = CONTEXT_INPUT + OF_CONTEXT * len(profile.contexts)
    size = _size(data, [])
    assert 1000 * size < 995 * _size(data, range(first, first + len(profile.runs)))
    assert 1000 * size < 998 * _size(data, range(CONTEXT_INPUT + 2, first, OF_CONTEXT))


def _size(data: bytes, silent: Sequence[int]) -> int:
    """Bytes as lines, some inputs being silent."""
    model = new_model(MixParams(22, LINES), 1, len(data) + 1, tokens=False)
    model = model._replace(silent=np.array(silent, np.int64))
    coder, out = rangecoder.new_encoder(), np.zeros(2 * len(data), np.uint8)
    run_bytes(model, 0, coder, out, np.frombuffer(data, np.uint8).copy(), ENCODE)
    return int(rangecoder.encode_finish(coder, out))
