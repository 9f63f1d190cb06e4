"""Long repeats and line ends: exact inverses, and found where they are."""

from __future__ import annotations

import inspect
import random
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding import repeatsearch
from edgezip.coding.repeatsearch import BLOCK
from edgezip.errors import FormatError
from edgezip.pipeline.detect.content import REPEAT, Found
from edgezip.pipeline.layout import outside
from edgezip.pipeline.repeats import MIN_REPEAT, Repeat, copy_repeat, find_repeats
from edgezip.pipeline.transforms import lineends


def _fresh(data: bytes, repeats: list[Repeat]) -> bytes:
    return outside(data, [Found(r.start, r.length, REPEAT) for r in repeats])


def _rebuild(data: bytes, minimum: int) -> bytes:
    repeats = find_repeats(data, minimum)
    fresh = _fresh(data, repeats)
    out = bytearray()
    used = 0
    for repeat in repeats:
        assert repeat.length >= minimum
        gap = repeat.start - len(out)
        assert gap >= 0
        out += fresh[used : used + gap]
        used += gap
        copy_repeat(out, repeat.distance, repeat.length)
    return bytes(out + fresh[used:])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 300)), max_size=30), st.integers(0, 9))
def test_repeats_rebuild_the_data(parts: list[tuple[int, int]], seed: int) -> None:
    blocks = [random.Random(seed * 10 + i).randbytes(400) for i in range(6)]
    data = b"".join(blocks[i][:length] for i, length in parts)
    assert _rebuild(data, 2 * BLOCK) == data


def test_a_second_copy_is_found_whole_wherever_it_starts() -> None:
    unit = random.Random(1).randbytes(5000)
    for gap in (0, 1, 31, 100):
        data = unit + bytes(random.Random(2).randbytes(gap)) + unit
        (repeat,) = find_repeats(data)
        assert (repeat.start, repeat.length) == (5000 + gap, 5000)
        assert _rebuild(data, 384) == data


def test_runs_repeat_themselves() -> None:
    data = b"a" * 100_000
    assert len(_fresh(data, find_repeats(data))) < 200
    assert _rebuild(data, 384) == data


@given(st.binary(min_size=1, max_size=40), st.integers(1, 40), st.integers(0, 500))
def test_copies_that_overlap_themselves(before: bytes, distance: int, length: int) -> None:
    distance = min(distance, len(before))
    expected = bytearray(before)
    for _ in range(length):
        expected.append(expected[-distance])
    out = bytearray(before)
    copy_repeat(out, distance, length)
    assert out == expected


def test_short_periods_are_copied_in_few_pieces() -> None:
    """64 MB of zeros took 13 s, byte by byte; now the pieces double."""

    class Counting(bytearray):
        pieces = 0

        def __iadd__(self, piece: bytes) -> Self:  # type: ignore[override,misc]
            self.extend(piece)
            Counting.pieces += 1
            return self

    out = Counting(b"abc")
    copy_repeat(out, 3, 1 << 20)
    assert bytes(out) == (b"abc" * (1 << 19))[: 3 + (1 << 20)]
    assert Counting.pieces <= 20


def runs(count: int) -> bytes:
    """Runs of zeros that are just too short to be repeats (mhx/dwarfs#161)."""
    choice = random.Random(4)
    return b"".join(choice.randbytes(100) + bytes(3900) for _ in range(count))


def lines(count: int) -> bytes:
    """A log line over and over, then another one."""
    line = b"GET /index.html 200 26 b\n"
    return b"".join(line * 150 + b"unique %d\n" % number for number in range(count))


@pytest.mark.parametrize("data", [runs(64), lines(64), bytes(4000) * 64, b"ab" * 2000 + runs(60)])
def test_what_is_too_short_is_not_compared_again_and_again(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes compared in vain, counted by the kernels as Python: no more than their allowance."""
    compared = 0
    real = repeatsearch._extend

    def counted(data: Any, first: int, distance: int, free: int) -> tuple[int, int]:
        nonlocal compared
        start, stop = getattr(real, "py_func", real)(data, first, distance, free)
        compared += stop - start if stop - start < MIN_REPEAT else 0
        return start, stop

    data = data[:60_000]
    expected = find_repeats(data)
    assert _rebuild(data, MIN_REPEAT) == data
    monkeypatch.setattr(repeatsearch, "_extend", counted)
    monkeypatch.setattr(repeatsearch, "_search", inspect.unwrap(repeatsearch._search))
    with np.errstate(over="ignore"):
        assert find_repeats(data) == expected
    assert compared <= repeatsearch._ALLOWANCE * len(data) + MIN_REPEAT


def test_repeats_among_much_that_is_too_short() -> None:
    """What is left alone for its cost hides no repeat that is long enough."""
    choice = random.Random(6)
    secret = choice.randbytes(9000)
    data = secret + runs(200) + secret + lines(200) + secret[:5000] + runs(3)
    found = find_repeats(data)
    assert sum(repeat.length for repeat in found) >= 9000 + 5000
    assert _rebuild(data, MIN_REPEAT) == data


def test_a_signal_ends_the_search_and_portions_do_not_matter() -> None:
    data = runs(100) + bytes(5000) + runs(100)
    told: list[int] = []
    array = np.frombuffer(data, np.uint8)
    rows = repeatsearch.search(array, MIN_REPEAT, told.append)
    assert sum(told) == len(data)
    assert len(told) > 3

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repeatsearch.search(array, MIN_REPEAT, stop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeatsearch, "portions", lambda total, progress: [(0, total)])
        assert np.array_equal(repeatsearch.search(array, MIN_REPEAT), rows)


def test_random_data_has_no_repeats() -> None:
    assert find_repeats(random.Random(3).randbytes(200_000)) == []


def test_a_distance_before_the_start_is_refused() -> None:
    for distance in (0, 4):
        with pytest.raises(FormatError):
            copy_repeat(bytearray(b"abc"), distance, 10)


LINES = st.lists(
    st.tuples(st.sampled_from([b"", b"a", b"\r", b"x\ry", b"long line"]), st.integers(0, 20)),
    max_size=200,
)


@given(LINES)
def test_line_ends_come_back(lines: list[tuple[bytes, int]]) -> None:
    data = b"".join(text + (b"\n" if lone == 0 else b"\r\n") for text, lone in lines)
    short = lineends.shorten(data)
    if short is not None:
        text, params = short
        assert b"\r\n" not in text or b"\r\r\n" in data
        assert lineends.restore(text, params, len(data)) == data


def test_line_ends_refuse_what_does_not_fit() -> None:
    data = b"line\r\n" * 100 + b"odd\n" + b"line\r\n" * 20
    short = lineends.shorten(data)
    assert short is not None
    text, params = short
    assert lineends.restore(text, params, len(data)) == data
    for bad in (b"", b"\x7f", params + params):
        with pytest.raises(FormatError):
            lineends.restore(text, bad, len(data))
    with pytest.raises(FormatError):
        lineends.restore(text, params, len(data) + 1)
