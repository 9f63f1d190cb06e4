"""What goes in comes out, through every coder, layout and setting."""

from __future__ import annotations

import contextlib
import io
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgezip
from edgezip import api
from edgezip.errors import EdgezipError, FormatError, LimitError, ModelError, SettingsError
from edgezip.pipeline.context import Context
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.pipeline.parts import Part
from edgezip.pipeline.transforms.table import WRAPS
from edgezip.pipeline.writer import Packer

NO_MODEL = PackOptions(model="none")
AWKWARD = [
    b"",
    b"a",
    b"\n",
    b"\0",
    b"\xff",
    "\u2581 meta space \u2581\u2581".encode(),
    b"</s><s><unk><0x41>[INST]<|endoftext|>",
    b"\r\n" * 20 + b"mixed\nends\r\n\r\r\n",
    "\ufeffBOM and ZWJ \U0001f468\u200d\U0001f469\u200d\U0001f467 \u6f22\u5b57".encode(),
    b"\xed\xa0\x80 lone surrogate, overlong \xc0\x80",
    " " * 3000,
    b"abc" * 2000,
    bytes(range(256)) * 8,
]


def _bytes(item: bytes | str) -> bytes:
    return item.encode() if isinstance(item, str) else item


def _coders(packed: bytes) -> list[str]:
    members = api.inspect_stream(io.BytesIO(packed))
    return [part.coder for m in members for frame in m.frames for part in frame.channels]


@pytest.fixture(scope="module")
def story(data_dir: Path) -> bytes:
    return (data_dir / "courage.txt").read_bytes()[:3000]


@pytest.mark.parametrize("data", AWKWARD, ids=lambda item: repr(item[:16]))
def test_awkward_inputs(
    data: bytes | str, pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    raw = _bytes(data)
    for coder in ("auto", "plain", "mix"):
        packed = edgezip.compress(raw, options=replace(pack_options, coder=coder))
        assert edgezip.decompress(packed, options=unpack_options) == raw
        assert len(packed) <= len(raw) + 32


@settings(max_examples=25)
@given(st.binary(max_size=300))
def test_any_bytes_with_a_model(
    pack_options: PackOptions, unpack_options: UnpackOptions, data: bytes
) -> None:
    packed = edgezip.compress(data, options=pack_options)
    assert edgezip.decompress(packed, options=unpack_options) == data
    assert len(packed) <= len(data) + 32


@settings(max_examples=40)
@given(st.binary(max_size=3000))
def test_any_bytes_without_a_model(data: bytes) -> None:
    packed = edgezip.compress(data, options=NO_MODEL)
    assert edgezip.decompress(packed) == data
    assert len(packed) <= len(data) + 32


@pytest.mark.parametrize("top_k", [0, 1, 7, 511])
@pytest.mark.parametrize("streams", [1, 2, 5])
def test_settings_are_in_the_stream(
    top_k: int,
    streams: int,
    story: bytes,
    pack_options: PackOptions,
    unpack_options: UnpackOptions,
) -> None:
    options = replace(
        pack_options, top_k=top_k, streams=streams, window=64, keep=10, evict=7, span=90
    )
    for coder in ("plain", "mix"):
        packed = edgezip.compress(story[:900], options=replace(options, coder=coder))
        assert edgezip.decompress(packed, options=unpack_options) == story[:900]


def test_a_message_pays_at_most_16_bytes(story: bytes, pack_options: PackOptions) -> None:
    for message in (story[:100], story[200:300]):
        packed = edgezip.compress(message, options=pack_options)
        (member,) = api.inspect_stream(io.BytesIO(packed))
        payload = sum(part.coded_size for part in member.frames[0].channels)
        assert len(packed) - payload <= 16


def test_bare_messages_pay_one_byte(story: bytes, pack_options: PackOptions) -> None:
    message = story[:100]
    bare = edgezip.compress_bare(message, options=pack_options)
    assert len(bare) <= len(edgezip.compress(message, options=pack_options)) - 15
    assert edgezip.decompress_bare(bare, len(message), options=pack_options) == message
    # Nothing is checked: another size is an error or other bytes, never more than was asked for.
    with contextlib.suppress(FormatError):
        other = edgezip.decompress_bare(bare, len(message) + 1, options=pack_options)
        assert len(other) == len(message) + 1


def test_mixed_content_is_cut_into_channels(
    story: bytes, data_dir: Path, pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    noise = random.Random(1).randbytes(20_000)
    table = b"".join(i.to_bytes(4, "little") for i in range(0, 60_000, 7))
    story = story * 2 + (data_dir / "roughing_it.txt").read_bytes()[:6000]
    data = story + noise + story + table
    packed = edgezip.compress(data, options=pack_options)
    assert edgezip.decompress(packed, options=unpack_options) == data
    coders = _coders(packed)
    assert "repeat" in coders
    assert len(coders) == 3
    assert len(packed) < len(story) // 2 + len(noise) + len(table) // 8 + 500


def test_streams_follow_from_the_text_alone(
    monkeypatch: pytest.MonkeyPatch,
    data_dir: Path,
    pack_options: PackOptions,
    unpack_options: UnpackOptions,
) -> None:
    text = (data_dir / "roughing_it.txt").read_bytes()[:9000]
    asked: list[int] = []

    def choose(self: LanguageModel, settings: object, n_tokens: int, information: int) -> int:
        asked.append(information)
        return 3

    monkeypatch.setattr(LanguageModel, "choose_streams", choose)
    noise = random.Random(5).randbytes(30_000)
    for raw in (text, text + noise):
        packed = edgezip.compress(raw, options=replace(pack_options, coder="mix"))
        assert edgezip.decompress(packed, options=unpack_options) == raw
    alone, beside_noise = asked
    smallest = Part(text, Context(), (WRAPS,)).classical.size
    assert smallest <= alone <= smallest + 8
    assert abs(beside_noise - alone) < 500  # cut to some bytes


def test_frames_are_independent_and_recoverable(
    story: bytes, pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    options = replace(pack_options, frame_size=1024)
    packed = bytearray(edgezip.compress(story, options=options))
    assert edgezip.decompress(bytes(packed), options=unpack_options) == story
    (member,) = api.inspect_stream(io.BytesIO(bytes(packed)))
    assert len(member.frames) == 3
    middle = member.frames[1]
    packed[middle.offset + middle.packed_size // 2] ^= 0x10
    with pytest.raises(FormatError):
        edgezip.decompress(bytes(packed), options=unpack_options)
    out = io.BytesIO()
    report = api.unpack_stream(
        io.BytesIO(bytes(packed)), out, replace(unpack_options, recover=True)
    )
    assert out.getvalue() == story[:1024] + story[2048:]
    assert report.lost == ((1024, 2048),)


def test_chunking_of_the_input_changes_nothing(story: bytes) -> None:
    options = replace(NO_MODEL, frame_size=1024)
    whole = Packer(options, len(story))
    packed = whole.feed(story) + whole.finish()
    pieces = Packer(options, len(story))
    out = b"".join(pieces.feed(story[i : i + 77]) for i in range(0, len(story), 77))
    assert out + pieces.finish() == packed


def test_incompressible_streams_are_stored(tmp_path: Path) -> None:
    noise = random.Random(2).randbytes(100_000)
    target = io.BytesIO()
    options = replace(NO_MODEL, frame_size=1 << 13)
    report = api.pack_stream(io.BytesIO(noise), target, options)
    assert len(target.getvalue()) == report.packed_size <= len(noise) + 32
    assert edgezip.decompress(target.getvalue()) == noise


def test_concatenated_members(story: bytes) -> None:
    a, b = (edgezip.compress(part, options=NO_MODEL) for part in (story[:500], story[500:]))
    assert edgezip.decompress(a + b) == story
    with pytest.raises(FormatError):
        edgezip.decompress(a + b"garbage")


def test_output_limit_is_exact(story: bytes) -> None:
    packed = edgezip.compress(story, options=NO_MODEL)
    size = len(story)
    assert edgezip.decompress(packed, options=UnpackOptions(max_output=size)) == story
    with pytest.raises(LimitError):
        edgezip.decompress(packed, options=UnpackOptions(max_output=size - 1))


def test_primer_must_be_the_same(
    story: bytes, pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    prime, data = story[:2500], story[2400:2900]
    for options in (pack_options, NO_MODEL):
        packed = edgezip.compress(data, options=replace(options, prime=prime))
        assert len(packed) < len(edgezip.compress(data, options=options))
        primed = replace(unpack_options, prime=prime)
        assert edgezip.decompress(packed, options=primed) == data
        for wrong in (None, prime + b" "):
            with pytest.raises(ModelError, match="prime"):
                edgezip.decompress(packed, options=replace(unpack_options, prime=wrong))


def test_another_model_is_refused(
    story: bytes, pack_options: PackOptions, bundled_model: Path
) -> None:
    packed = edgezip.compress(story[:400], options=replace(pack_options, coder="plain"))
    with pytest.raises(ModelError, match="not the model"):
        edgezip.decompress(packed, model=bundled_model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 64, "keep": 63},
        {"evict": 0},
        {"span": 15},
        {"streams": 0},
        {"frame_size": 5},
        {"gpu_layers": 3},
    ],
)
def test_senseless_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        PackOptions(**wrong)  # type: ignore[arg-type]


def test_damage_is_never_silent(
    story: bytes, pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    data = story[:200]
    packed = edgezip.compress(data, options=replace(pack_options, coder="plain"))
    for cut in range(len(packed)):
        with pytest.raises(EdgezipError):
            edgezip.decompress(packed[:cut], options=unpack_options)
    for bit in range(0, 8 * len(packed), 3):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EdgezipError):
            edgezip.decompress(bytes(damaged), options=unpack_options)
