"""Bytes without a token are escaped, others stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.errors import FormatError, ModelError
from edgezip.tokens.escapes import Escapes

NO_CHARACTERS: frozenset[bytes] = frozenset()
ALL = [bytes([value]) for value in range(256)]


def without(*values: int) -> Escapes:
    return Escapes([None if v in values else bytes([v]) for v in range(256)], NO_CHARACTERS)


SMOLLM = without(4, 6, 19, 20, 22, 29, 192, 193, 241, 242, *range(245, 256))
ASCII = Escapes([*ALL[9:127], "é".encode(), "中".encode()], NO_CHARACTERS)
FEW = Escapes([bytes([v]) for v in b"abcdefghijklmnop"], NO_CHARACTERS)


def test_nothing_is_escaped_where_nothing_is_missing() -> None:
    assert without().apply(bytes(range(256))) is None
    assert SMOLLM.apply("plain text, é 中\r\n\0".encode()) is None
    assert ASCII.apply("é 中".encode()) is None


def test_the_rarest_byte_escapes() -> None:
    text, escape = SMOLLM.apply(b"a\x04b\x01\x02\x03\x05") or (b"", 0)
    assert escape == 7
    assert text == b"a\x07Bb\x01\x02\x03\x05"
    everything = bytes(range(256))
    text, escape = SMOLLM.apply(everything) or (b"", 0)
    assert text.count(bytes([escape])) == 22
    assert len(text) == 256 + 22
    assert SMOLLM.undo(text, escape) == everything


def test_characters_without_a_piece() -> None:
    text, escape = ASCII.apply("é 中 ü".encode()) or (b"", 0)
    assert text.startswith("é 中 ".encode())
    assert text.count(bytes([escape])) == 2
    assert ASCII.digits == 2


def test_what_is_spelled_needs_its_bytes() -> None:
    mark = "\u2581".encode()
    assert Escapes([*ALL[:128], mark], NO_CHARACTERS).apply(mark) is None
    escapes = Escapes([*ALL[:128], mark], frozenset([mark]))
    text, escape = escapes.apply(mark) or (b"", 0)
    assert text.count(bytes([escape])) == 3
    assert escapes.undo(text, escape) == mark


@pytest.mark.parametrize("escapes", [SMOLLM, ASCII, FEW], ids=["smollm", "ascii", "few"])
@given(
    data=st.one_of(
        st.binary(max_size=300), st.text(max_size=100).map(lambda s: s.encode("utf-8", "replace"))
    )
)
def test_it_comes_back(escapes: Escapes, data: bytes) -> None:
    found = escapes.apply(data)
    if found is None:
        return
    text, escape = found
    assert escapes.undo(text, escape) == data
    assert len(text) <= 3 * len(data)
    assert escapes.apply(text) is None
    ends = escapes.raw_ends(text, escape)
    assert ends[0] == 0
    assert ends[-1] == len(data)
    assert bool((np.diff(ends) >= 0).all())


@pytest.mark.parametrize("text", [b"\x07", b"x\x07", b"\x07\x01", b"\x07z"])
def test_impossible_escapes(text: bytes) -> None:
    with pytest.raises(FormatError):
        SMOLLM.undo(text, 7)


def test_hardly_any_byte() -> None:
    with pytest.raises(ModelError, match="hardly any byte"):
        Escapes([b"a", b"b"], NO_CHARACTERS)
