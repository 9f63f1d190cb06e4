"""Whatever the input and whatever the tokenizer says, the pieces concatenate to the input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgezip.errors import FormatError
from edgezip.tokens import Tokenizer
from edgezip.tokens.pieces import PieceTable

gguf = pytest.importorskip("gguf")

META = "\u2581"
ODD = [
    b"",
    b" ",
    b"  two  spaces  ",
    b" leading",
    b"trailing ",
    META.encode(),
    f"a{META}b {META}{META} c".encode(),
    META.encode()[:2],
    b"\0",
    b"a\0b\0\0",
    b"line\r\nline\r\rline\n\n",
    b"<s></s><unk><pad><0x41><0x0A> <|begin|>",
    b"\xff\xfe\x80",
    b"caf\xe9 cr\xe8me",
    b"\xed\xa0\x80\xed\xb0\x80",
    "\ufeffBOM \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301 \u0130\u0131".encode(),
    "\U0010ffff259 \ufffd \u00a0\u3000".encode(),
    b"\xf4\x90\x80\x80\xc0\x80",
    bytes(range(256)),
    b"a" * 20_000,
    b" " * 20_000,
    b"\n" * 5_000,
    "\u00e9".encode() * 9_000,
    b"ab" * 10_000,
    b"\x80" * 20_000,
    (b"word " * 30 + b"\xff") * 200,
]


@dataclass
class Words:
    """A vocabulary for tests."""

    kind: str
    pieces: list[bytes | None]
    scores: NDArray[np.float32]
    types: NDArray[np.int32]


def from_gguf(path: Path) -> Words:
    """Read a SentencePiece vocabulary with the gguf package, independently of the engine."""
    fields = gguf.GGUFReader(path).fields
    names = [str(name) for name in fields["tokenizer.ggml.tokens"].contents()]
    types = np.array(fields["tokenizer.ggml.token_type"].contents(), dtype=np.int32)
    scores = np.array(fields["tokenizer.ggml.scores"].contents(), dtype=np.float32)
    pieces: list[bytes | None] = []
    for name, kind in zip(names, types, strict=True):
        if kind == gguf.TokenType.BYTE:
            pieces.append(bytes([int(name[3:5], 16)]))
        else:
            normal = kind == gguf.TokenType.NORMAL
            pieces.append(name.replace(META, " ").encode() if normal else None)
    return Words("spm", pieces, scores, types)


def byte_words(*more: bytes | None, kind: str = "other") -> Words:
    """256 single bytes and `more`."""
    pieces = [*(bytes([value]) for value in range(256)), *more]
    types = np.array([6] * 256 + [3 if piece is None else 1 for piece in more], dtype=np.int32)
    return Words(kind, pieces, np.zeros(len(pieces), dtype=np.float32), types)


@pytest.fixture(scope="session", params=["bundled", "stories"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return Tokenizer(from_gguf(request.getfixturevalue(f"{request.param}_model")))


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_odd_inputs_come_back(tokenizer: Tokenizer, data: bytes) -> None:
    ids = tokenizer.encode(data)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == data


@given(
    data=st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore"))
)
def test_any_bytes_come_back(tokenizer: Tokenizer, data: bytes) -> None:
    assert tokenizer.decode(tokenizer.encode(data)) == data


@given(parts=st.lists(st.sampled_from([p for p in ODD if len(p) < 60]), max_size=12))
def test_mixed_odd_inputs_come_back(tokenizer: Tokenizer, parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert tokenizer.decode(tokenizer.encode(data)) == data


def test_special_tokens_are_never_produced(tokenizer: Tokenizer) -> None:
    table = tokenizer._table
    for data in ODD:
        assert int(table.lengths[tokenizer.encode(data)].min(initial=1)) > 0


def test_text_gets_long_pieces(tokenizer: Tokenizer, data_dir: Path, bundled_model: Path) -> None:
    data = (data_dir / "courage.txt").read_bytes()
    ids = tokenizer.encode(data)
    assert tokenizer.decode(ids) == data
    assert len(ids) < len(data) / (2 if len(tokenizer._table.lengths) > 1000 else 1.4)


def test_agrees_with_sentencepiece_on_plain_text(shared_dir: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    model = shared_dir / "models" / "edgezip-seed.gguf"
    path = shared_dir / "models" / "seed-tokenizer.model"
    if not (model.is_file() and path.is_file()):
        pytest.skip(f"needs {model} and {path}")
    original = sentencepiece.SentencePieceProcessor(model_file=str(path))
    for text in ("The quick brown fox\njumps over\tthe lazy dog.", "x = [1, 2, 3]  # na\u00efve"):
        ids = Tokenizer(from_gguf(model)).encode(text.encode())
        assert ids.tolist() == original.encode(text)


def test_chunks_do_not_change_text_with_spaces(
    bundled_model: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:12_000].replace(b"\r", b"")
    tokenizer = Tokenizer(from_gguf(bundled_model))
    cut = tokenizer.encode(data)
    monkeypatch.setattr("edgezip.tokens.tokenizer._CHUNK", 1 << 20)
    whole = tokenizer.encode(data)
    assert tokenizer.decode(whole) == data
    assert abs(len(cut) - len(whole)) <= 4


def liars() -> list[object]:
    """Tokenizers that return something else than the text."""
    random = np.random.default_rng(0)
    return [
        lambda text: np.empty(0, dtype=np.int32),
        lambda text: random.integers(0, 259, len(text)).astype(np.int32),
        lambda text: np.full(len(text), 258, dtype=np.int32),
        lambda text: np.array([-5, 1 << 30], dtype=np.int32),
        lambda text: np.frombuffer(text.replace(b"a", b"b"), dtype=np.uint8).astype(np.int32),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_lying_tokenizer_loses_nothing(number: int) -> None:
    tokenizer = Tokenizer(byte_words(b"the", b" an", None), liars()[number])  # type: ignore[arg-type]
    for data in ODD:
        assert tokenizer.decode(tokenizer.encode(data)) == data


def test_spm_vocabulary_with_repeated_and_strange_pieces() -> None:
    words = byte_words(b"ab", b"ab", b"\xff\xfe", None, b" c", b"a b", b"<0x41>", kind="spm")
    tokenizer = Tokenizer(words)
    for data in (b"abab c a b", b"<0x41>A", b"\xff\xfeab", *ODD):
        assert tokenizer.decode(tokenizer.encode(data)) == data


def test_byte_tokens_go_before_single_character_pieces() -> None:
    words = byte_words(b"a")
    words.types[:256] = 1
    words.types[256] = 6
    assert PieceTable(words.pieces, words.types).spell(b"ba").tolist() == [98, 256]


def test_greedy_takes_the_longest_piece() -> None:
    table = PieceTable(byte_words(b"ab", b"abc", b"bcd").pieces, byte_words(b"", b"", b"").types)
    assert table.greedy(b"abcdab").tolist() == [257, ord("d"), 256]


def test_a_byte_without_a_token_is_escaped() -> None:
    words = byte_words()
    words.pieces[0x41] = None
    tokenizer = Tokenizer(words)
    text, escape = tokenizer.escapes.apply(b"A b") or (b"", 0)
    assert b"A" not in text
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.escapes.undo(text, escape) == b"A b"
    assert tokenizer.decode(tokenizer.cover(b"A b")) == b" b"


@pytest.mark.parametrize("ids", [[-1], [256], [1 << 30], [258]])
def test_impossible_tokens_are_format_errors(ids: list[int]) -> None:
    tokenizer = Tokenizer(byte_words(b"x", b"y", None)) if ids == [258] else Tokenizer(byte_words())
    with pytest.raises(FormatError):
        tokenizer.decode(np.array(ids, dtype=np.int32))


def test_decode_checks_the_array() -> None:
    tokenizer = Tokenizer(byte_words())
    assert tokenizer.decode(np.array([], dtype=np.int32)) == b""
    with pytest.raises(FormatError):
        tokenizer.decode(np.array([0.5]))
