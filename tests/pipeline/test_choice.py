"""What is tried follows from the bytes: the model where it pays, and never at any price."""

from __future__ import annotations

import base64
import io
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip import api
from edgezip.container import Settings
from edgezip.container import constants as c
from edgezip.pipeline import choice, layout, parts
from edgezip.pipeline.choice import Verdict, encode_part, make_part
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress
from edgezip.pipeline.coders.lzma1 import LZMA
from edgezip.pipeline.coders.mixing import MIXING
from edgezip.pipeline.coders.table import CLASSICAL
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import BINARY, TEXT, Piece
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.parts import Part
from edgezip.pipeline.plan import _judged
from edgezip.pipeline.rawlzma import quick_size

NONE = PackOptions(model="none")
NOISE = random.Random(11).randbytes(40_000)


def _counted(coder: Coder, sizes: list[int]) -> Coder:
    """The coder, which notes the sizes of what it is given."""

    def encode(data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
        sizes.append(len(data))
        return coder.encode(data, settings, context, progress)

    return replace(coder, encode=encode)


def _coders(packed: bytes) -> list[str]:
    members = api.inspect_stream(io.BytesIO(packed))
    return [part.coder for m in members for frame in m.frames for part in frame.channels]


@pytest.fixture
def auto(bundled_model: Path, strict_library: Path) -> PackOptions:
    """What users get who ask for nothing."""
    return PackOptions(model=bundled_model, threads=1)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of tokens that were evaluated, one for each channel or test of some of its bytes."""
    counts: list[int] = []
    original = LanguageModel.encode

    def encode(self: LanguageModel, ids: Any, *arguments: Any) -> bytes:
        counts.append(len(ids))
        return original(self, ids, *arguments)

    monkeypatch.setattr(LanguageModel, "encode", encode)
    return counts


def test_prose_is_for_the_model(auto: PackOptions, evaluated: list[int], data_dir: Path) -> None:
    prose = (data_dir / "roughing_it.txt").read_bytes()[:20_000]
    assert _coders(edgezip.compress(prose, options=auto)) == ["lm-mix"]
    assert len(evaluated) == 1  # nothing was tried out: its words are known


def test_what_is_clear_after_some_of_it_is_not_tried(
    auto: PackOptions, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    """Where both ways are to be tried, some of the bytes tell whether the second one can be better:
    not for words, but for a table."""
    tried: list[int] = []
    monkeypatch.setattr(parts, "MIXING", _counted(MIXING, tried))
    context = Context(open_for_packing(auto))

    def coder_of(data: bytes) -> int:
        part = make_part(data, TEXT, context)
        return encode_part(part, TEXT, Verdict.BOTH, auto, parts.untold).channel.coder

    words = (data_dir / "roughing_it.txt").read_bytes()[:20_000]
    assert coder_of(words) == c.LM_MIX
    assert set(tried) == {choice.SMALL}
    tried.clear()
    table = b"".join(b"%d,%d,%d\n" % (n, n * n % 97, n * n * n % 89) for n in range(2000))
    assert coder_of(table) == c.CM
    assert len(table) in tried


def test_of_two_profiles_one_that_is_far_behind_is_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some of the bytes show it; where they are few, or show no winner, both are tried in whole."""
    tried: list[int] = []
    monkeypatch.setattr(parts, "MIXING", _counted(MIXING, tried))
    rng = random.Random(8)
    records = b"".join(
        struct.pack("<IHHd", i, rng.randrange(9), 7 * i & 1023, i / 3) for i in range(4000)
    )
    whole = Part(records, Context(None, all_contexts=True)).compact
    assert tried == [3 * parts.PLACE, 3 * parts.PLACE, len(records)]
    tried.clear()
    monkeypatch.setattr(parts, "FAR_BEHIND", 1000)
    assert Part(records, Context(None, all_contexts=True)).compact == whole
    assert tried == [3 * parts.PLACE, 3 * parts.PLACE, len(records), len(records)]
    tried.clear()
    assert Part(records[:20_000], Context(None, all_contexts=True)).compact
    assert tried == [20_000, 20_000]


def test_some_of_a_long_log_tells_that_it_is_not_for_the_model(
    auto: PackOptions,
    evaluated: list[int],
    monkeypatch: pytest.MonkeyPatch,
    data_dir: Path,
) -> None:
    rng = random.Random(3)
    names = [b"accepted connection", b"closed connection", b"reading from queue", b"checking mail"]
    log = b"".join(
        b"Oct  7 %02d:%02d:%02d gateway daemon[%d]: %s of user number %d\n"
        % (n // 3600, n // 60 % 60, n % 60, rng.randrange(900, 903), rng.choice(names), n % 7)
        for n in range(1600)
    )
    monkeypatch.setattr(choice, "SHOWN", (24 << 10, 36 << 10))
    context = Context(open_for_packing(auto))

    def judged(text: bytes) -> Verdict:
        return choice.judge(Part(text, context), TEXT, auto)

    assert judged(log) is Verdict.BOTH
    assert not evaluated
    monkeypatch.setattr(choice, "LONG", len(log))
    assert judged(log) is Verdict.BYTES
    assert len(evaluated) == 2
    assert sum(evaluated) < len(log) / 2
    # Prose in wide columns, which repeats blanks only: that is clear after the first strips.
    evaluated.clear()
    lines = (data_dir / "roughing_it.txt").read_bytes()[:20_000].splitlines()
    assert judged(b"".join(line.ljust(400) + b"\n" for line in lines)) is Verdict.BOTH
    assert len(evaluated) == 1


def test_a_message_of_words_is_not_mixed_without_the_model(
    auto: PackOptions, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    """What the model makes less than half of what xz makes of; other short texts are tried."""
    tried: list[int] = []
    monkeypatch.setattr(parts, "MIXING", _counted(MIXING, tried))
    assert _coders(edgezip.compress((data_dir / "courage.txt").read_bytes()[:900], options=auto))
    assert tried == []
    table = b"".join(b"%d,%d,%d\n" % (n, n * n % 97, n * n * n % 89) for n in range(100))
    edgezip.compress(table, options=auto)
    assert tried


def test_noise_is_not_given_to_lzma(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time that packing noise takes. Where anything is saved, lzma is tried."""
    tried: list[int] = []
    counting = _counted(LZMA, tried)
    monkeypatch.setattr(parts, "LZMA", counting)
    codecs = [counting if coder is LZMA else coder for coder in CLASSICAL]
    monkeypatch.setattr(parts, "CLASSICAL", codecs)
    noise = random.Random(3).randbytes(parts.NOISE)
    assert len(edgezip.compress(noise, options=NONE)) == len(noise) + 16
    assert tried == [3 * parts.TESTED]
    tried.clear()
    for data in (noise[:-1], noise + bytes(1000), bytes(b & 127 for b in noise)):
        edgezip.compress(data, options=NONE)
        (size,) = tried
        assert size > len(noise) - 1000
        tried.clear()


@pytest.mark.parametrize("record", [12, 100, 2000])
def test_noise_that_comes_twice_far_apart_is_for_lzma(record: int) -> None:
    """Farther than other codecs see, in pieces shorter than long repeats, and at any place."""
    chance = random.Random(record)
    first = chance.randbytes(1_200_000)
    turned = first[250_000:] + first[:250_000]  # no samples of three places have it twice
    pieces = (turned[i : i + record] for i in range(0, len(turned), record))
    again = b"".join(piece + chance.randbytes(record // 8 + 1) for piece in pieces)
    size = Part(first + again, Context()).classical.size
    assert size < 0.9 * len(first + again)


def test_noise_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick look of lzma takes longest of noise, three times as long as all else."""
    looked: list[int] = []

    def counted(data: bytes) -> int:
        looked.append(len(data))
        return quick_size(data)

    monkeypatch.setattr(parts, "quick_size", counted)
    noise = random.Random(3).randbytes(parts.NOISE)
    edgezip.compress(noise, options=NONE)
    assert looked == [3 * parts.TESTED]
    looked.clear()
    edgezip.compress(bytes(b & 15 for b in noise), options=NONE)
    assert looked == [3 * parts.TESTED, len(noise)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what classical codecs are given, one for each call."""
    sizes: list[int] = []
    monkeypatch.setattr(parts, "CLASSICAL", [_counted(coder, sizes) for coder in CLASSICAL])
    return sizes


def test_no_codec_is_asked_where_context_mixing_is_far_ahead(
    asked: list[int], data_dir: Path
) -> None:
    text = (data_dir / "courage.txt").read_bytes()
    assert _coders(edgezip.compress(text, options=NONE)) == ["cm"]
    assert asked == []
    assert _coders(edgezip.compress(text, options=replace(NONE, all_contexts=True))) == ["cm"]
    assert asked == [len(text)] * len(CLASSICAL)


def test_codecs_are_asked_where_they_may_be_smaller(asked: list[int]) -> None:
    """Strings of noise that come again, nothing but matches; and where each byte counts."""
    strings = [NOISE[i : i + 40] for i in range(0, 4000, 40)]
    rng = random.Random(2)
    for data in (b"".join(rng.choice(strings) for _ in range(400)), b"one, two; " * 50):
        assert Part(data, Context()).compact.size < len(data)
        assert asked == [len(data)] * len(CLASSICAL)
        asked.clear()


@pytest.mark.parametrize("kind", ["printable", "base64", "hex", "dna"])
def test_noise_in_letters_is_never_shown_to_the_model(
    kind: str, auto: PackOptions, evaluated: list[int]
) -> None:
    rng = random.Random(5)
    data = {
        "printable": bytes(rng.randrange(33, 127) for _ in range(20_000)),
        "base64": base64.encodebytes(NOISE[:15_000]),
        "hex": NOISE[:10_000].hex().encode(),
        "dna": bytes(rng.choice(b"ACGT") for _ in range(20_000)),
    }[kind]
    packed = edgezip.compress(data, options=auto)
    assert not evaluated
    assert len(packed) <= len(edgezip.compress(data, options=NONE)) * 1.005 + 32
    assert edgezip.decompress(packed) == data


def test_numbers_are_not_larger_with_the_model(auto: PackOptions, evaluated: list[int]) -> None:
    rng = random.Random(6)
    table = b"".join(
        b"%d,%d,%.3f\n" % (i, rng.randrange(90), rng.gauss(20, 3)) for i in range(1500)
    )
    packed = edgezip.compress(table, options=auto)
    assert len(packed) <= len(edgezip.compress(table, options=NONE)) * 1.005 + 32
    assert evaluated  # it was at least tried out


def test_a_message_with_an_attachment_is_cut(auto: PackOptions, data_dir: Path) -> None:
    prose = (data_dir / "roughing_it.txt").read_bytes()[:9000]
    attached = base64.encodebytes(NOISE[:9000])
    packed = edgezip.compress(prose + b"\n" + attached, options=auto)
    assert len(_coders(packed)) == 2
    assert _coders(packed)[0] == "lm-mix"
    alone = len(edgezip.compress(prose, options=auto))
    assert len(packed) <= alone + 9000 + 150


def test_utf16_costs_what_utf8_does(auto: PackOptions, data_dir: Path) -> None:
    prose = (data_dir / "courage.txt").read_text("utf-8")[:6000]
    wide = edgezip.compress(prose.encode("utf-16"), options=auto)
    assert _coders(wide) == ["lm-mix"]
    assert len(wide) <= len(edgezip.compress(prose.encode(), options=auto)) + 40
    assert edgezip.decompress(wide) == prose.encode("utf-16")
    assert _coders(edgezip.compress(prose.encode("utf-16"), options=NONE)) == ["cm"]


@pytest.mark.parametrize(("coder", "name"), [("plain", "lm"), ("mix", "lm-mix")])
def test_a_coder_that_is_asked_for_is_used(
    coder: Any, name: str, auto: PackOptions, data_dir: Path
) -> None:
    prose = (data_dir / "roughing_it.txt").read_bytes()[:2000]
    options = PackOptions(model=auto.model, threads=1, coder=coder)
    assert _coders(edgezip.compress(prose, options=options)) == [name]


def test_text_that_becomes_bytes_joins_the_bytes_that_are_there() -> None:
    raw = b"words of a text. " * 20 + bytes(range(256)) * 3 + b"and of another. " * 20
    pieces = [Piece(TEXT, 340), Piece(BINARY, 768), Piece(TEXT, 320)]
    plan = _judged(raw, pieces, [], Context(), PackOptions(model="none"))
    assert {content: way.part.data for content, way in plan.ways.items()} == layout.group(
        raw, plan.pieces
    )


def test_what_classical_codecs_save_little_of_is_looked_at() -> None:
    """Every eighth byte is mostly the one eight before."""
    rng = random.Random(8)
    hinted = bytearray(rng.randbytes(270_000))
    for i in range(8, len(hinted), 8):
        if rng.random() < 0.76:
            hinted[i] = hinted[i - 8]
    assert _coder_of(bytes(hinted)) == c.CM
    assert _coder_of(rng.randbytes(270_000)) == c.STORED


def _coder_of(data: bytes) -> int:
    part = Part(data, Context(None, Settings()))
    assert part.classical.size > len(data) - (len(data) >> parts.INCOMPRESSIBLE)
    return part.compact.channel.coder
