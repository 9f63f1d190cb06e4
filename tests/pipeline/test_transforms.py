"""Transforms are undone exactly, or not applied; damaged parameters are errors."""

from __future__ import annotations

import base64
import random
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.container import Settings, varint
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.choice import make_part
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import TEXT, Kind
from edgezip.pipeline.detect.encoded import MIN_DIGITS, find_encoded, is_latin1
from edgezip.pipeline.transforms.table import (
    BASE64,
    LATIN1,
    LOWER_HEX,
    TRANSFORMS,
    UPPER_HEX,
    UTF16,
    WRAPS,
    X86,
)
from edgezip.pipeline.transforms.transform import Transform

WRITERS: dict[int, Callable[[bytes], bytes]] = {
    BASE64.number: base64.b64encode,
    LOWER_HEX.number: lambda data: data.hex().encode(),
    UPPER_HEX.number: lambda data: data.hex().upper().encode(),
}
DIGITS = [BASE64, LOWER_HEX, UPPER_HEX]


def _calls(number: int) -> bytes:
    """Calls of three functions, twelve other bytes behind each."""
    code = bytearray()
    for i in range(number):
        target = (70_000, 900, 123_456)[i % 3]
        code += b"\xe8" + (target - len(code) - 5).to_bytes(4, "little", signed=True)
        code += bytes(range(20, 32))
    return bytes(code)


def _region(transform: Transform, data: bytes, width: int, end: bytes, closed: bool) -> bytes:
    written = WRITERS[transform.number](data)
    lines = [written[i : i + width] for i in range(0, len(written), width)]
    return end.join(lines) + (end if closed else b"")


@given(
    st.sampled_from(DIGITS),
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=400),
            st.sampled_from([4, 60, 64, 76, 1000]),
            st.sampled_from([b"\n", b"\r\n"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_digits_come_back(
    transform: Transform, regions: list[tuple[bytes, int, bytes]], closed: bool
) -> None:
    last = len(regions) - 1
    data = b"".join(
        _region(transform, raw, width, end, closed or i < last)
        for i, (raw, width, end) in enumerate(regions)
    )
    changed = transform.change(data)
    if changed is None:
        assert len(regions) > 1  # two can look like one whose digits do not fit
        return
    assert len(changed.data) <= len(data)
    assert transform.undo(changed.data, changed.params, len(data)) == data
    if len(regions) == 1:
        assert changed.data == regions[0][0]


@given(st.sampled_from(list(TRANSFORMS.values())), st.binary(max_size=300))
def test_any_bytes_come_back_or_are_left_alone(transform: Transform, data: bytes) -> None:
    changed = transform.change(data)
    if changed is not None:
        assert transform.undo(changed.data, changed.params, len(data)) == data


@given(st.text(max_size=200), st.sampled_from(["utf-16-le", "utf-16-be", "utf-16"]))
def test_utf16_comes_back(text: str, codec: str) -> None:
    data = text.encode(codec)
    changed = UTF16.change(data)
    if changed is not None:
        assert UTF16.undo(changed.data, changed.params, len(data)) == data
    if text.isascii() and len(text) > 2 and "\0" not in text:
        assert changed is not None
        assert changed.data.removeprefix("\ufeff".encode()) == text.encode()


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_latin1_comes_back(text: str) -> None:
    data = text.encode("latin-1")
    changed = LATIN1.change(data)
    assert (changed is None) == text.isascii()
    if changed is not None:
        assert changed.data == text.encode()
        assert LATIN1.undo(changed.data, changed.params, len(data)) == data


def test_only_text_in_latin1_is_taken_for_it(data_dir: Path) -> None:
    prose = (data_dir / "courage.txt").read_text("utf-8")[:4000].replace("e", "\u00e9")
    assert is_latin1(prose.encode("latin-1", "replace"))
    others = [prose.encode(), prose.encode("utf-16"), prose.encode("ascii", "replace")]
    noise = random.Random(4).randbytes(4000)
    greek = "\u03bb\u03cc\u03b3\u03bf\u03c2 ".encode("iso8859-7") * 300
    for other in (*others, noise, bytes(128 + byte // 2 for byte in noise), greek, b""):
        assert not is_latin1(other)


def test_a_surrogate_without_its_partner_is_kept() -> None:
    data = "abcdef".encode("utf-16-le") + b"\x00\xd8" + "ghi".encode("utf-16-le")
    changed = UTF16.change(data)
    assert changed is not None
    assert UTF16.undo(changed.data, changed.params, len(data)) == data


_CODE = [bytes([i]) for i in (0xE8, 0xE9, 0x0F, 0x84, 0x48, 0x4C, 0x8B, 0x8D, 5, 0, 255, 18)]


@given(st.lists(st.sampled_from(_CODE), max_size=80), st.sampled_from([b"", _calls(40)]))
def test_machine_code_comes_back(code: list[bytes], calls: bytes) -> None:
    data = b"".join(code) + calls + b"".join(code)
    changed = X86.change(data)
    assert (changed is None) == (not calls)
    if changed is not None:
        assert len(changed.data) == len(data)
        assert X86.undo(changed.data, changed.params, len(data)) == data


def test_calls_of_one_function_look_alike() -> None:
    changed = X86.change(_calls(40))
    assert changed is not None
    assert len({changed.data[i : i + 5] for i in range(0, len(changed.data), 17)}) == 3
    noise = random.Random(4).randbytes(60_000)
    assert X86.change(noise) is None
    assert X86.change(b"\xe8" * 5000) is None


def _second_decoder(data: bytes, params: bytes) -> bytes:
    """Wrapped lines restored as docs/format.md says it, with a range decoder of integers."""
    n, position = varint.decode(params, 0)
    assert n == 0
    payload = params[position:] + bytes(16)
    code, width, at = int.from_bytes(payload[:8], "big"), (1 << 64) - 1, 8
    seen: dict[int, list[int]] = {}
    out, last = b"", 0
    for match in _GAP.finditer(data):
        out += data[last : match.start()]
        last = match.end()
        word = len(re.match(rb"[^ \n]*", data[last:])[0])  # type: ignore[index]
        column = len(out) - (out.rfind(b"\n") + 1)
        counts = seen.setdefault(min(column + len(match[0]) + word, 127), [0, 0])
        p = 65536 * (10 * counts[1] + 1) // (10 * (sum(counts) + 1))
        bound = (width >> 16) * min(max(p, 1), 65535)
        bit = int(code < bound)
        code, width = (code, bound) if bit else (code - bound, width - bound)
        while width < 1 << 56:
            code, width, at = code << 8 | payload[min(at, len(payload) - 1)], width << 8, at + 1
        counts[bit] += 1
        if sum(counts) > 255:
            counts[:] = (counts[0] // 2, counts[1] // 2)
        out += b"\n" if bit else match[0]
    return out + data[last:]


_GAP = re.compile(rb"(?<=[^ \n\t]) {1,2}(?=[^ \n\t])")
_WORDS = ["a", "of", "the", "well-", "nothing", "Mary's", "afterwards", "end.", "`Oh!'", "a\tb"]


@given(
    st.integers(0, 1 << 32),
    st.sampled_from([30, 40, 60]),
    st.sampled_from([" ", "  ", "   ", "\n"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_wrapped_lines_come_back(seed: int, width: int, rare: str, end: str) -> None:
    rng = random.Random(seed)
    paragraphs = [
        textwrap.fill(" ".join(rng.choices(_WORDS, k=300)).replace(". ", ".  "), width)
        for _ in range(15)
    ]
    text = f"{rare}\n\n".join(paragraphs).replace(" the ", f"{rare}the ", 5) + rare
    data = text.replace("\n", end).encode()
    changed = WRAPS.change(data)
    assert changed is not None
    # Behind a hyphen and between paragraphs line ends stay.
    between_words = rb"[^\s-]\n\S"
    left = len(re.findall(between_words, changed.data))
    assert left < len(re.findall(between_words, text.encode())) // 6
    assert len(changed.params) < text.count("\n") // 3
    assert WRAPS.undo(changed.data, changed.params, len(data)) == data
    if end == "\n":
        assert _second_decoder(changed.data, changed.params) == data


def test_packing_shows_the_model_paragraphs(data_dir: Path) -> None:
    text = " ".join((data_dir / "courage.txt").read_text("utf-8").split())[:12_000]
    wrapped = textwrap.fill(text, 60).encode()
    context = Context(None, Settings(window=512, keep=128))
    part = make_part(wrapped, TEXT, context)
    assert part.inner.count(b"\n") < wrapped.count(b"\n") // 20  # those behind hyphens
    assert make_part(text.encode(), TEXT, context).inner == text.encode()


def test_lines_that_are_not_wrapped_are_left_alone(data_dir: Path) -> None:
    words = (data_dir / "courage.txt").read_text("utf-8").split()
    rng = random.Random(9)
    verse = "\n".join(" ".join(rng.choices(words, k=rng.randrange(4, 9))) for _ in range(900))
    code = "\n".join(f"if {word} == b:\n    return {word}" for word in words)
    log = "\n".join(f"2026-11-29T22:20:{i % 60:02} {i:06} {words[i]} done" for i in range(900))
    table = "\n".join(f"{i * i:08} {i:05} {7 * i:05} {i:04}" for i in range(900))
    lists = "\n".join(words), "word\n" * 900, "two words\n" * 900
    for text in (verse, code, " ".join(words), log, table, *lists):
        assert WRAPS.change(text.encode()) is None


@given(
    st.sampled_from(list(TRANSFORMS.values())),
    st.binary(max_size=60),
    st.lists(st.integers(0, 1 << 40), max_size=7),
    st.integers(0, 200),
)
def test_damaged_params_are_errors(
    transform: Transform, data: bytes, values: list[int], size: int
) -> None:
    try:
        result = transform.undo(data, varint.encode_all(*values), size)
    except FormatError:
        return
    assert len(result) == size


def test_digits_are_found_in_text() -> None:
    noise = random.Random(3).randbytes(900)
    text = b"Some words, and then a message:\n\n"
    attached = base64.encodebytes(noise)
    data = text + attached + b"--end--\n" + text
    (found,) = find_encoded(data)
    assert data[found.start : found.end] == attached
    assert (found.content.kind, found.content.geometry) == (Kind.ENCODED, BASE64.number)
    hexed = b"".join(noise[i : i + 30].hex().encode() + b"\n" for i in range(0, 900, 30))
    (found,) = find_encoded(text + hexed)
    assert found.content.geometry == LOWER_HEX.number
    (found,) = find_encoded(text + hexed.upper().replace(b"\n", b"\r\n"))
    assert found.content.geometry == UPPER_HEX.number
    pem = b"-----BEGIN-----\n%s-----END-----\n" % attached
    assert len(find_encoded(pem * 5)) == 5


@pytest.mark.parametrize(
    "data",
    [
        b"ACGTTGCA" * 400,
        b"lowercasewordswithoutanyspaces" * 90,
        b"0123456789" * 300,
        base64.encodebytes(random.Random(3).randbytes(MIN_DIGITS // 2)),
        b"\n".join(base64.b64encode(random.Random(i).randbytes(30 + i % 7)) for i in range(99)),
    ],
    ids=["dna", "words", "numbers", "little", "records"],
)
def test_what_only_looks_like_digits_is_left_alone(data: bytes) -> None:
    assert find_encoded(data) == []


def test_many_regions_take_linear_time() -> None:
    lines = [base64.b64encode(random.Random(i).randbytes(48 + i % 3)) for i in range(20_000)]
    find_encoded(b"\n".join(lines))


def _examples() -> dict[str, tuple[Transform, bytes]]:
    rng = random.Random(6)
    noise = rng.randbytes(500)
    words = "it was said that the old house by the river had been empty for a very long time"
    lines = "\n".join(f"line {n} of a text" for n in range(60)).encode() + b"\n"
    mixed = lines.replace(b"\n", b"\r\n").replace(b"line 7 of a text\r\n", b"line 7\n")
    prose = textwrap.fill(" ".join(rng.choice(words.split()) for _ in range(900)), 60).encode()
    called = _calls(60)
    return {
        "line ends": (TRANSFORMS[c.LINE_ENDS], mixed),
        "cr": (TRANSFORMS[c.LONE_CR], lines.replace(b"\n", b"\r")),
        "latin1": (LATIN1, "für Größe und Maß; ".encode("latin-1") * 20),
        "utf16": (
            UTF16,
            ("für Größe \U0001f600 \ud83d und " * 20).encode("utf-16-le", "surrogatepass"),
        ),
        "base64": (BASE64, base64.encodebytes(noise) + base64.encodebytes(noise[:100])),
        "base64 that ends with a line": (BASE64, base64.encodebytes(noise[:456])[:-1]),
        "hex": (LOWER_HEX, noise.hex().encode()),
        "upper hex": (UPPER_HEX, noise.hex().upper().encode()),
        "x86": (X86, called),
        "wraps": (WRAPS, prose),
        "wraps and line ends": (WRAPS, prose.replace(b"\n", b"\r\n")),
    }


@pytest.mark.parametrize("name", _examples())
def test_the_start_of_what_was_changed_gives_the_start(name: str) -> None:
    """Nothing that what is missing could change, and all but a word of the rest."""
    transform, data = _examples()[name]
    made = transform.change(data)
    assert made is not None
    assert transform.undo_start is not None
    last = 0
    for size in range(0, len(made.data) + 1, 1 + len(made.data) // 400):
        known = transform.undo_start(made.data[:size], made.params, len(data))
        assert data.startswith(known)
        assert len(known) >= last
        last = len(known)
        assert abs(len(known) / len(data) - size / len(made.data)) < 0.1
