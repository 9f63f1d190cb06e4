"""Archives that were cut off or damaged give back what comes before, and nothing that is wrong."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import tarfile
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgezip
from edgezip import api
from edgezip.archive import members
from edgezip.archive.members import Members
from edgezip.archive.rescue import rescued
from edgezip.container import Channel, Header, MemberWriter, Span
from edgezip.container import constants as c
from edgezip.container.nested import encode_nested
from edgezip.pipeline import salvage
from edgezip.pipeline.options import UnpackOptions
from edgezip.pipeline.recover import Recovery, recovered
from edgezip.pipeline.transforms import tarred
from edgezip.pipeline.transforms.transform import join_params
from tests.pipeline.media_files import media_files

NOISE = random.Random(8).randbytes(60_000)
DATA = Path(__file__).resolve().parent.parent / "data"
PROSE = b"".join((DATA / name).read_bytes() for name in ("courage.txt", "roughing_it.txt"))
SIZES = (8790, 4410, 7256, 11_406, 9350, 5786)
TEXTS = {f"{n}.txt": PROSE[sum(SIZES[:n]) : sum(SIZES[: n + 1])] for n in range(len(SIZES))}


def packed(files: dict[str, bytes], **options: Any) -> bytes:
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", **options) as archive:
        for name, data in files.items():
            archive.add_bytes(name, data, mtime=1)
    return target.getvalue()


def left(data: bytes, files: dict[str, bytes]) -> list[str]:
    """The names of the files that come back, in the order of the archive; none is wrong."""
    found: list[str] = []
    lost: list[str] = []
    try:
        for part in rescued(io.BytesIO(data), UnpackOptions(), lambda _, e: lost.append(str(e))):
            with part:
                for member in part:
                    file = part.extractfile(member)
                    assert file is not None
                    assert file.read() == files[member.name]
                    found.append(member.name)
    except edgezip.FormatError:
        assert not found
        return []
    assert lost or len(found) == len(files)
    return found


def order(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(edgezip.decompress(data))) as tar:
        return tar.getnames()


def check_cuts(data: bytes, files: dict[str, bytes], slack: int, cuts: int = 25) -> None:
    """However it is cut, the first files come back: not much less than what is there holds."""
    names = order(data)
    sizes = [len(files[name]) for name in names]
    assert left(data, files) == names
    last: list[str] = []
    for number in range(cuts + 1):
        cut = len(data) * number // cuts - 1
        found = left(data[: max(cut, 0)], files)
        assert found == names[: len(found)]
        assert len(found) >= len(last)
        last = found
        if slack:
            share = sum(sizes[: len(found) + 1]) / sum(sizes)
            assert share >= (cut - slack) / len(data)


def test_noise_comes_back_up_to_the_cut() -> None:
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 600 + 10 * n] for n in range(50)}
    check_cuts(packed(files), files, 5000, 60)


@pytest.mark.parametrize("all_contexts", [None, False])
def test_texts_come_back_up_to_the_cut(all_contexts: bool | None) -> None:
    options = edgezip.PackOptions(all_contexts=all_contexts)
    check_cuts(packed(TEXTS, options=options), TEXTS, 4000, 7)


def test_frames_before_the_cut_and_a_part_of_one() -> None:
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(60)}
    check_cuts(packed(files, frame_size=20_000), files, 4500, 60)


def test_equal_files_and_streams_come_back() -> None:
    """What is repeated, and what deflate streams hold."""
    zipped = {f"{name}.gz": gzip.compress(text, mtime=0) for name, text in TEXTS.items()}
    first, *rest = TEXTS
    copies = {f"copy-{n}": TEXTS[first] for n in range(4)}
    files = {**zipped, **copies, **{name: TEXTS[name] for name in rest}}
    data = packed(files)
    names = order(data)
    assert left(data, files) == names
    for cut in range(1, 20, 3):
        left(data[: len(data) * cut // 20], files)
    assert left(data[:-1], files)[: len(zipped)] == names[: len(zipped)]


def test_repeats_stand_before_what_they_repeat() -> None:
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(10, 50)}
    files |= {"00": NOISE[:8000], "01": NOISE[:8000]}
    data = packed(files)
    assert left(data[: len(data) * 2 // 3], files)[:2] == ["00", "01"]


@pytest.mark.parametrize("kind", ["byte", "zeros", "noise"])
def test_damage_inside(kind: str) -> None:
    """What follows on the damage in its frame is lost, and nothing wrong is given."""
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(50)}
    for archive in (packed(files), packed(TEXTS)):
        contents = files if archive == packed(files) else TEXTS
        damaged = bytearray(archive)
        place = len(damaged) * 2 // 3
        if kind == "byte":
            damaged[place] ^= 1
        else:
            size = len(damaged) - place
            damaged[place:] = bytes(size) if kind == "zeros" else NOISE[:size]
        found = left(bytes(damaged), contents)
        assert len(found) >= len(contents) // 3


@pytest.mark.parametrize("suffix", [".tga", ".wav", ".jpg"])
def test_pictures_and_sounds_that_are_whole_come_back(suffix: str) -> None:
    media = {file.name: file.data for file in media_files() if file.name.endswith(suffix)}
    files = {**media, **TEXTS}
    data = packed(files)
    for cut in (2, 5):
        left(data[: len(data) * cut // 8], files)
    assert len(left(data[:-20], files)) > len(files) // 2


@pytest.mark.parametrize("kind", ["pgm", "wav"])
def test_pictures_and_sounds_before_the_cut(kind: str) -> None:
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.integers(-9, 10, 5 * 20_000)).astype(np.int16)
    files = {}
    for number, part in enumerate(walk.reshape(5, -1)):
        if kind == "pgm":
            # Rows and columns that each wander, which only the coder of pictures knows.
            rows, columns = part[:100, None], part[100:300]
            plane = rows + columns + rng.integers(-3, 4, (100, 200))
            data = b"P5 200 100 255\n" + (plane & 255).astype(np.uint8).tobytes()
        else:
            blob = io.BytesIO()
            with wave.open(blob, "wb") as file:
                file.setparams((1, 2, 8000, len(part), "NONE", ""))
                file.writeframes(part.tobytes())
            data = blob.getvalue()
        files[f"{number}.{kind}"] = data
    archive = packed(files)
    (member,) = edgezip.inspect_stream(io.BytesIO(archive))
    coders = {channel.coder for channel in member.frames[0].channels}
    assert coders & {"image", "audio"}
    names = order(archive)
    found = left(archive[: len(archive) * 2 // 3], files)
    assert found == names[: len(found)]
    assert len(found) >= 2


def test_members_that_claim_the_same_bytes_are_bounded_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(10)}
    data = packed(files)
    head = data[: data.index(NOISE[:900])]
    decoded: list[int] = []
    real = salvage.salvage

    def counting(channel: Channel, *rest: Any) -> Iterator[tuple[int, bytes]]:
        decoded.append(len(channel.payload))
        return real(channel, *rest)

    monkeypatch.setattr(salvage, "salvage", counting)
    crafted = head * 200 + data[len(head) : -100]
    target = io.BytesIO()
    with contextlib.suppress(edgezip.EdgezipError):
        api.unpack_stream(io.BytesIO(crafted), target, UnpackOptions(recover=True))
    assert decoded
    assert sum(decoded) <= 2 * len(crafted)


def test_damaged_heads_give_nothing_wrong() -> None:
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(30)}
    data = packed(files)
    rng = random.Random(2)
    for _ in range(150):
        damaged = bytearray(data[: rng.randrange(100, len(data))])
        for _ in range(rng.randrange(1, 3)):
            damaged[rng.randrange(min(len(damaged), 400))] = rng.randrange(256)
        left(bytes(damaged), files)


def crafted(*channels: Channel) -> bytes:
    """A frame of an archive that does not decode to what its digest says."""
    writer = MemberWriter(Header())
    size = sum(channel.raw_size for channel in channels)
    return b"".join([writer.begin(), writer.frame(bytes(size), list(channels)), writer.finish()])


def nested(raw_size: int, *channels: Channel, transform: int, own: bytes = b"") -> Channel:
    size = sum(channel.raw_size for channel in channels)
    spans = [Span(number, channel.raw_size) for number, channel in enumerate(channels)]
    payload = encode_nested(size, channels, spans)
    return Channel(c.NESTED, payload, raw_size, transform, join_params(size, own, b""))


def test_frames_inside_of_frames_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside others there is none, nor do contents exceed those of a frame: no work at all."""

    def never(*_args: Any) -> bytes:
        raise AssertionError

    monkeypatch.setattr(salvage, "_content", never)
    one = nested(9, Channel(c.STORED, bytes(9), 9), transform=c.DEFLATED)
    large = Channel(c.CM, b"a", 1 << 20, c.DEFLATED, join_params(65 << 20, b"", b""))
    for inner in ([one, one], [large, large]):
        size = sum(channel.raw_size for channel in inner)
        own = members.encode(Members(size, 0, b"", b""))
        data = crafted(nested(size, *inner, transform=c.TARRED, own=own))
        with pytest.raises(edgezip.FormatError):
            api.unpack_stream(io.BytesIO(data), io.BytesIO(), UnpackOptions(recover=True))


def test_a_head_without_sense_does_not_end_recovery() -> None:
    info = tarfile.TarInfo("x")
    header = info.tobuf(tarfile.USTAR_FORMAT).replace(b"00000000000\0", b"0000000000x\0")
    params = join_params(0, members.encode(Members(0, 0, header, b"")), b"")
    data = crafted(Channel(c.DEFLATE, b"\3\0", 2048, c.TARRED, params))
    target = io.BytesIO()
    api.unpack_stream(
        io.BytesIO(data + edgezip.compress(b"text", model="none")),
        target,
        UnpackOptions(recover=True),
    )
    assert target.getvalue() == b"text"


def test_a_size_in_an_extended_header() -> None:
    """Such a member has more frames: where they are lost, it is no empty one."""
    info = tarfile.TarInfo("large")
    info.size = 9 << 30
    header = info.tobuf(tarfile.PAX_FORMAT)
    raw = header + NOISE[:50_000]
    made = tarred.shorten(raw, [(0, len(header))])
    assert made is not None
    channel = Channel(c.STORED, made.data, len(made.data))
    data = crafted(nested(len(raw), channel, transform=c.TARRED, own=made.params(50_000)))
    with pytest.raises(edgezip.FormatError):
        list(rescued(io.BytesIO(data), UnpackOptions(), lambda _name, _error: None))


def test_what_cannot_be_decoded_here_does_not_end_recovery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A short archive that needs what is not installed: the next member comes all the same."""

    def fail(*_args: Any) -> Any:
        raise edgezip.PackageError("not installed")

    text = edgezip.compress(b"text" * 50, model="none", options=edgezip.PackOptions(coder="plain"))
    files = {f"{n}": NOISE[1000 * n : 1000 * n + 900] for n in range(5)}
    data = packed(files)
    monkeypatch.setattr("edgezip.pipeline.coders.nested.decode_nested", fail)
    monkeypatch.setattr(salvage, "_inside", fail)
    target = io.BytesIO()
    report = api.unpack_stream(io.BytesIO(data + text), target, UnpackOptions(recover=True))
    assert target.getvalue() == b"text" * 50
    assert report.lost


def test_names_of_lost_members_are_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of some hundred bytes has headers of 64 MiB."""
    info = tarfile.TarInfo("x")
    info.size = 1
    header = info.tobuf(tarfile.USTAR_FORMAT)
    params = join_params(100, members.encode(Members(0, 0, header * 100, b"")), b"")
    data = crafted(Channel(c.DEFLATE, b"", 200 * 512, c.TARRED, params)) * 5
    for most, named in ((300 * len(header), 300), (1 << 26, 500)):
        monkeypatch.setattr("edgezip.pipeline.recover.MOST_LOST", most)
        result = Recovery()
        with pytest.raises(edgezip.FormatError):
            list(recovered(io.BytesIO(data), UnpackOptions(), result))
        assert len(result.headers) == named


def test_a_head_that_is_lost_without_a_member() -> None:
    """A global header and nothing behind it."""
    header = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
    params = join_params(9, members.encode(Members(0, 0, header, b"")), b"")
    packed_text = edgezip.compress(b"text" * 300, model="none")
    data = crafted(Channel(c.DEFLATE, b"", 2048, c.TARRED, params)) + packed_text
    lost: list[str] = []
    list(rescued(io.BytesIO(data), UnpackOptions(), lambda name, _: lost.append(name)))
    assert lost == ["(member)", "(archive)"]
