"""The range coder against exact integers, at its edges, and against constriction."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding import rangecoder as rc
from edgezip.errors import FormatError


@dataclass(frozen=True)
class Interval:
    start: int
    freq: int
    bits: int


@dataclass(frozen=True)
class Bit:
    p1: int
    bits: int
    bit: int


Coding = Interval | Bit


@dataclass
class Exact:
    """The code interval as unbounded integers: [low, low + width) / 2**(64 + 8 * pos)."""

    low: int = 0
    width: int = 2**64 - 1
    pos: int = 0
    information: float = field(default=0.0)

    def code(self, coding: Coding) -> None:
        unit = self.width >> coding.bits
        if isinstance(coding, Interval):
            self.low += unit * coding.start
            self.width = unit * coding.freq
            self.information += coding.bits - log2(coding.freq)
        elif coding.bit:
            self.width = unit * coding.p1
            self.information += coding.bits - log2(coding.p1)
        else:
            self.low += unit * coding.p1
            self.width -= unit * coding.p1
            self.information += coding.bits - log2(2**coding.bits - coding.p1)
        while self.width < 2**56:
            self.low <<= 8
            self.width <<= 8
            self.pos += 1

    def payload(self) -> bytes:
        """The shortest byte string of at least `pos` bytes that lies in the interval."""
        for k in range(9):
            place = 1 << (64 - 8 * k)
            value = -(-self.low // place) * place
            if value < self.low + self.width:
                return (value // place).to_bytes(self.pos + k, "big")
        raise AssertionError("an interval of 2**56 holds a multiple of 1")


def encode(codings: list[Coding]) -> bytes:
    state = rc.new_encoder()
    out = np.zeros(rc.output_bound(len(codings)), dtype=np.uint8)
    for c in codings:
        if isinstance(c, Interval):
            rc.encode(state, out, c.start, c.freq, c.bits)
        else:
            rc.encode_bit(state, out, c.p1, c.bits, c.bit)
    return out[: rc.encode_finish(state, out)].tobytes()


def check_decodes(payload: bytes, codings: list[Coding]) -> None:
    data = np.frombuffer(payload, dtype=np.uint8)
    state = rc.new_decoder(data)
    for c in codings:
        if isinstance(c, Interval):
            assert c.start <= rc.decode_target(state, c.bits) < c.start + c.freq
            rc.decode_update(state, data, c.start, c.freq)
        else:
            assert rc.decode_bit(state, data, c.p1, c.bits) == c.bit
    rc.decode_finish(state, data)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    bits = draw(st.sampled_from([0, 1, 8, 16, 24, 31, 32]))
    total = 1 << bits
    start, freq = draw(
        st.sampled_from([(0, 1), (total - 1, 1), (0, total), (total // 2, total - total // 2)])
        | st.integers(0, total - 1).flatmap(
            lambda s: st.tuples(st.just(s), st.integers(1, total - s))
        )
    )
    return Interval(start, freq, bits)


@st.composite
def decisions(draw: st.DrawFn) -> Bit:
    bits = draw(st.sampled_from([1, 12, 16, 22, 32]))
    top = (1 << bits) - 1
    p1 = draw(st.sampled_from([1, top]) | st.integers(1, top))
    return Bit(p1, bits, draw(st.integers(0, 1)))


codings_lists = st.lists(intervals() | decisions(), max_size=60)


@given(codings_lists)
def test_payload_is_the_shortest_of_the_exact_interval(codings: list[Coding]) -> None:
    exact = Exact()
    for coding in codings:
        exact.code(coding)
    payload = encode(codings)
    assert payload == exact.payload()
    assert len(payload) * 8 <= exact.information + 8 + len(codings) * 2**-20
    check_decodes(payload, codings)


@given(codings_lists, st.binary(min_size=1, max_size=3))
def test_surplus_bytes_are_noticed(codings: list[Coding], surplus: bytes) -> None:
    """They are read into the window: other symbols come out, or the check at the end fails."""
    payload = encode(codings) + surplus
    with pytest.raises((FormatError, AssertionError)):
        check_decodes(payload, codings)


@given(codings_lists.filter(lambda codings: len(encode(codings)) > 0))
def test_missing_bytes_are_noticed(codings: list[Coding]) -> None:
    """Other symbols come out, or the check at the end fails."""
    payload = encode(codings)
    with pytest.raises((FormatError, AssertionError)):
        check_decodes(payload[:-1], codings)


@given(st.binary(max_size=40), st.integers(0, 30), st.sampled_from([1, 8, 16, 32]))
def test_what_is_accepted_is_what_the_encoder_writes(payload: bytes, n: int, bits: int) -> None:
    """Any bytes decode to some symbols or are refused; no second payload means the same."""
    data = np.frombuffer(payload, dtype=np.uint8)
    state = rc.new_decoder(data)
    codings: list[Coding] = []
    for _ in range(n):
        target = int(rc.decode_target(state, bits))
        assert target < 1 << bits
        rc.decode_update(state, data, target, 1)
        codings.append(Interval(target, 1, bits))
    try:
        rc.decode_finish(state, data)
    except FormatError:
        return
    assert encode(codings) == payload


@pytest.mark.parametrize("length", [1, 7, 8, 9, 300])
def test_carry_runs_through_ff_bytes(length: int) -> None:
    """Symbols straddle one half until `length` bytes are out, then one above it is coded."""
    exact = Exact()
    codings: list[Coding] = []
    while exact.pos < length:
        half = 1 << (63 + 8 * exact.pos)
        start = (half - exact.low) // (exact.width >> 16)
        codings.append(Interval(start, 1, 16))
        exact.code(codings[-1])
    below = exact.low >> 64
    half = 1 << (63 + 8 * exact.pos)
    assert below == (1 << (8 * exact.pos - 1)) - 1, "bytes out so far: 7F FF FF ..."
    above = (half - exact.low) // (exact.width >> 16) + 1
    codings.append(Interval(above, 1, 16))
    exact.code(codings[-1])
    payload = encode(codings)
    assert payload[:length] == b"\x80" + bytes(length - 1)
    assert payload == exact.payload()
    check_decodes(payload, codings)


def test_no_symbols_and_certain_symbols_cost_nothing() -> None:
    assert encode([]) == b""
    certain: list[Coding] = [Interval(0, 1 << 32, 32)] * 1000
    assert encode(certain) == b""
    check_decodes(b"", certain)


@pytest.mark.parametrize("bits", [1, 8, 16, 24, 32])
def test_output_bound_holds_in_the_worst_case(bits: int) -> None:
    """Kernels do not check bounds: a guard behind the buffer notices a write."""
    for codings in (
        [Interval((1 << bits) - 1, 1, bits)] * 200,
        [Bit(1, bits, 1)] * 200,
        [Bit((1 << bits) - 1, bits, 0)] * 200,
    ):
        state = rc.new_encoder()
        bound = rc.output_bound(len(codings), bits)
        out = np.zeros(bound + 64, dtype=np.uint8)
        out[bound:] = 0xA5
        for c in codings:
            if isinstance(c, Interval):
                rc.encode(state, out, c.start, c.freq, c.bits)
            else:
                rc.encode_bit(state, out, c.p1, c.bits, c.bit)
        assert rc.encode_finish(state, out) <= bound
        assert (out[bound:] == 0xA5).all()


def test_truncated_payload_is_noticed_soon() -> None:
    codings: list[Coding] = [Interval(i % 251, 1, 8) for i in range(400)]
    data = np.frombuffer(encode(codings)[:100], dtype=np.uint8)
    state = rc.new_decoder(data)
    decoded = 0
    while not state[rc.ERROR]:
        rc.decode_update(state, data, int(rc.decode_target(state, 8)), 1)
        decoded += 1
    assert decoded <= 102
    with pytest.raises(FormatError):
        rc.decode_finish(state, data)


def test_size_is_that_of_constriction() -> None:
    constriction = pytest.importorskip("constriction")
    draw = random.Random(7)
    freqs = np.array([1, 3, 60000, 500, 1, 2000, 3000, 31], dtype=np.int64)
    assert freqs.sum() == 1 << 16
    starts = np.concatenate([[0], np.cumsum(freqs)[:-1]])
    symbols = draw.choices(range(8), weights=freqs.tolist(), k=5000)
    payload = encode([Interval(int(starts[s]), int(freqs[s]), 16) for s in symbols])

    model = constriction.stream.model.Categorical(
        (freqs / (1 << 16)).astype(np.float32), perfect=False
    )
    oracle = constriction.stream.queue.RangeEncoder()
    oracle.encode(np.array(symbols, dtype=np.int32), model)
    words = oracle.get_compressed()
    decoded = constriction.stream.queue.RangeDecoder(words).decode(model, len(symbols))
    assert decoded.tolist() == symbols
    assert abs(len(payload) - 4 * len(words)) <= 8
