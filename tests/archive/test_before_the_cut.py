"""What lies before the place where an archive was cut off comes back, down to the byte."""

from __future__ import annotations

import base64
import gzip
import io
import random
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgezip
from edgezip.archive.rescue import rescued
from edgezip.coding.mixing.bytecodec import cm_encode
from edgezip.coding.mixing.params import MixParams
from edgezip.container import constants as c
from edgezip.container.nested import decode_nested
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.pipeline.transforms.transform import split_params

NOISE = random.Random(8).randbytes(60_000)
WORDS = ("once", "upon", "a", "time", "there", "was", "girl", "who", "liked", "to", "play", "ball")
STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside.",
    "One day, she saw a big dog in the park. The dog was very happy to see her.",
    "Lily wanted to play with the dog, but her mom said it was time to go home.",
    "They went home and ate some food. Then Lily went to her room to sleep.",
    "The next day, Tim and his dad went to the store. Tim saw a red ball.",
    "He asked his dad if he could have it. His dad smiled and said yes.",
    "Tim was so happy. He ran to the park and threw the ball up high.",
    "The ball went up and up, and then it fell down in the water.",
    "Tim was sad, but a kind duck gave the ball back to him.",
)
WINDOW = 8
"""Bytes that a range decoder looks ahead."""


def texts(count: int, size: int, seed: int = 1) -> dict[str, bytes]:
    rng = random.Random(seed)
    files = {}
    for number in range(count):
        words = " ".join(rng.choice(WORDS) for _ in range(size // 4))
        files[f"{number:02}.txt"] = b"%d: %s.\n" % (number, words.encode()[:size])
    return files


def packed(files: dict[str, bytes], model: object = "none", **options: Any) -> bytes:
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model=model, options=PackOptions(**options)) as archive:  # type: ignore[arg-type]
        for name, data in files.items():
            archive.add_bytes(name, data, mtime=1)
    return target.getvalue()


def given(
    data: bytes, files: dict[str, bytes], model: object = None, unchecked: bool = True
) -> tuple[list[str], list[str]]:
    """The names of the files that come back, none of which is wrong, and what is said."""
    found: list[str] = []
    said: list[str] = []
    options = UnpackOptions(model=model)  # type: ignore[arg-type]

    def tell(_name: str, error: edgezip.EdgezipError) -> None:
        said.append(str(error))

    try:
        for part in rescued(io.BytesIO(data), options, tell, unchecked=unchecked):
            with part:
                for member in part:
                    file = part.extractfile(member)
                    assert file is not None
                    assert file.read() == files[member.name]
                    found.append(member.name)
    except edgezip.FormatError as error:
        assert not found
        said.append(str(error))
    return found, said


def unchecked_of(said: list[str]) -> int:
    numbers = [line.split()[0] for line in said if "have no check" in line]
    assert len(numbers) <= 1
    return int(numbers[0]) if numbers else 0


def test_every_text_before_the_cut_and_no_other() -> None:
    """Against the payloads of the first files alone."""
    files = texts(12, 900)
    data = packed(files)
    outer = Frame(data).channel
    size = split_params(outer.params)[0]
    (channel,) = decode_nested(outer.payload, size, False).channels
    assert channel.coder == c.CM
    settings = MixParams.for_size(size)
    if channel.params:
        settings = MixParams.from_bytes(channel.params)
    assert cm_encode(b"".join(files.values()), settings) == channel.payload
    begin = data.index(channel.payload)
    ends, contents = [], b""
    for content in files.values():
        contents += content
        ends.append(len(cm_encode(contents, settings)))
    names = list(files)
    checked = 0
    for cut in range(begin, len(data), 37):
        found, said = given(data[:cut], files)
        certain = sum(end + WINDOW <= cut - begin for end in ends)
        possible = sum(end - 1 <= cut - begin for end in ends)
        assert certain <= len(found) <= possible
        assert found == names[: len(found)]
        only_checked, said_then = given(data[:cut], files, unchecked=False)
        assert len(found) - len(only_checked) == unchecked_of(said)
        assert not unchecked_of(said_then)
        checked += len(only_checked)
    assert checked


@pytest.mark.parametrize("kind", ["noise", "base64", "program"])
def test_other_kinds_before_the_cut(kind: str) -> None:
    """Stored, undone by a transform, and machine code."""
    if kind == "noise":
        files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 600 + 10 * n] for n in range(20)}
    elif kind == "base64":
        files = {f"{n}": base64.encodebytes(NOISE[2000 * n : 2000 * n + 1500]) for n in range(9)}
    else:
        rng = random.Random(5)
        targets = [rng.randrange(1 << 16) for _ in range(9)]
        code = bytearray()
        for _ in range(900):
            code += b"\x55\x89\xe5\x83" + bytes([rng.randrange(40)])
            distance = rng.choice(targets) - len(code) - 5
            code += b"\xe8" + distance.to_bytes(4, "little", signed=True)
        files = {f"{n}": bytes(code[1000 * n : 1000 * n + 1000]) for n in range(9)}
    check_many_cuts(packed(files), files, None, 40, 0.75)


@pytest.mark.parametrize("coder", ["mix", "plain"])
@pytest.mark.parametrize("streams", [1, 3])
def test_texts_with_a_model_before_the_cut(
    coder: Any, streams: int, stories_model: Path, strict_library: Path
) -> None:
    files = {f"{n}.txt": text.encode() for n, text in enumerate(STORY)}
    data = packed(files, stories_model, coder=coder, streams=streams)
    names = {channel.coder for channel in channels_of(data)}
    assert names == {"lm" if coder == "plain" else "lm-mix"}
    # Of three streams the first parts: a third of the files is found in the first third.
    last = check_many_cuts(data, files, stories_model, 14, 0.7 if streams == 1 else 0.2)
    if streams == 3:
        assert {"0.txt", "7.txt"} <= set(last)


def channels_of(data: bytes) -> list[Any]:
    return [
        channel
        for member in edgezip.inspect_stream(io.BytesIO(data))
        for frame in member.frames
        for channel in frame.channels
    ]


def check_many_cuts(
    data: bytes, files: dict[str, bytes], model: object, cuts: int, share: float
) -> list[str]:
    """The later the cut, the more; at the end all; a `share` of what the rest of the bytes are."""
    head = len(data) - len(Frame(data).channel.payload) - 9
    last: list[str] = []
    gained = 0
    for number in range(cuts):
        cut = head + (len(data) - head) * number // cuts
        found, said = given(data[:cut], files, model)
        assert set(last) <= set(found)
        assert said
        assert len(found) >= share * len(files) * number / cuts - 1.5
        gained += unchecked_of(said)
        last = found
    assert gained
    assert given(data, files, model) == (list(files), [])
    return last


def test_damage_that_is_no_cut_gives_nothing_unchecked() -> None:
    files = texts(12, 900)
    data = packed(files)
    for place in range(len(data) // 3, len(data), 61):
        damaged = bytearray(data)
        damaged[place] ^= 4
        assert not unchecked_of(given(bytes(damaged), files)[1])


def test_damage_before_the_cut_gives_nothing_unchecked() -> None:
    """The check of a stretch before does not fit."""
    files = {f"{n:02}": NOISE[1000 * n : 1000 * n + 900] for n in range(50)}
    data = bytearray(packed(files))
    sound, said = given(bytes(data[:40_000]), files)
    assert unchecked_of(said) > 1
    data[data.index(NOISE[9000:9900])] ^= 1
    found, said = given(bytes(data[:40_000]), files)
    assert not unchecked_of(said)
    assert "09" not in found
    assert 10 < len(found) < len(sound)


def test_more_claimed_than_there_is_gives_nothing_unchecked() -> None:
    """All of the content is there although bytes are missing: a size is wrong, nothing was cut."""
    files = {f"{n}": NOISE[100 * n : 100 * n + 90] for n in range(4)}
    data = packed(files)
    channel = Frame(data).channel
    size, own, _ = split_params(channel.params)
    assert channel.coder == c.NESTED
    assert size == 360
    assert own
    end = data.index(channel.payload) + len(channel.payload)
    claimed = data[:end].replace(
        varint_of(len(channel.payload)) + channel.payload,
        varint_of(len(channel.payload) + 99) + channel.payload,
    )
    assert len(claimed) >= end
    assert not unchecked_of(given(claimed, files)[1])
    assert unchecked_of(given(data[: end - 9], files)[1])


class Frame:
    """The first frame of a short member."""

    def __init__(self, data: bytes) -> None:
        from edgezip.container import ContainerParser, FrameEvent
        from edgezip.pipeline.channels import CODERS

        parser = ContainerParser(coders=CODERS)
        parser.feed(data)
        parser.feed_eof()
        (event,) = (event for event in parser if isinstance(event, FrameEvent))
        (self.channel,) = event.frame.channels


def varint_of(number: int) -> bytes:
    from edgezip.container import varint

    return varint.encode(number)


def test_streams_are_told_with_their_sizes_in_archives_only(
    stories_model: Path, strict_library: Path
) -> None:
    from edgezip.container import LmParams

    files = texts(6, 200)
    data = packed(files, stories_model, coder="mix", streams=3)
    outer = Frame(data).channel
    size = split_params(outer.params)[0]
    (inner,) = decode_nested(outer.payload, size, True).channels
    params = LmParams.decode(inner.params, size)
    assert len(params.sizes) == 2
    assert sum(params.sizes) < size
    text = b"".join(files.values())
    alone = edgezip.compress(text, model=stories_model, options=PackOptions(streams=3))
    assert not LmParams.decode(Frame(alone).channel.params, len(text)).sizes


def mixed() -> dict[str, bytes]:
    """Copies, gzip, sound, pictures, digits and text in one frame of many channels."""
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.integers(-9, 10, 4 * 6000)).astype("<i2")
    files = texts(8, 700)
    for number, part in enumerate(walk.reshape(4, -1)):
        sound = io.BytesIO()
        with wave.open(sound, "wb") as file:
            file.setparams((1, 2, 8000, len(part), "NONE", ""))
            file.writeframes(part.tobytes())
        files[f"{number}.wav"] = sound.getvalue()
        shades = (part & 255).astype(np.uint8).tobytes()
        files[f"{number}.pgm"] = b"P5 100 60 255\n" + shades
        name, text = f"{number:02}.txt", files[f"{number:02}.txt"]
        files[f"{name}.gz"] = gzip.compress(text + NOISE[number * 99 :][:500], mtime=0)
        files[f"{number}.eml"] = base64.encodebytes(NOISE[3000 * number :][:2500])
        files[f"copy of {name}"] = text
    return files


@pytest.mark.parametrize("frame_size", [None, 40_000])
def test_a_mixed_folder_cut_at_many_places(frame_size: int | None) -> None:
    files = mixed()
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", frame_size=frame_size) as archive:
        for name, content in files.items():
            archive.add_bytes(name, content, mtime=1)
    data = target.getvalue()
    (member,) = edgezip.inspect_stream(io.BytesIO(data))
    assert "nested" in {channel.coder for channel in channels_of(data)}  # deflate streams undone
    assert (len(member.frames) > 1) == (frame_size is not None)
    last: set[str] = set()
    gained = 0
    for cut in range(300, len(data), len(data) // 13):
        found, said = given(data[:cut], files)
        assert last <= set(found)
        last = set(found)
        gained += unchecked_of(said)
    assert gained
    assert len(last) > len(files) * 3 // 4
    assert set(given(data, files)[0]) == set(files)


def test_nothing_behind_a_stream_of_unknown_length_is_settled() -> None:
    """A picture that is cut off is packed again to a deflate stream of another length."""
    rng = np.random.default_rng(3)
    shades = np.cumsum(rng.integers(-9, 10, (3, 60, 80)), axis=2) & 255
    words = list(texts(3, 600).values())
    files = {}
    for number, picture in enumerate(shades.astype(np.uint8)):
        picture_file = b"P5 80 60 255\n" + picture.tobytes()
        files[f"{number}a.pgm.gz"] = gzip.compress(picture_file, mtime=0)
        files[f"{number}b.bin.gz"] = gzip.compress(words[number], mtime=0)
        files[f"{number}c.xyz.gz"] = gzip.compress(NOISE[number * 399 :][:150], mtime=0)
    data = packed(files)
    last: set[str] = set()
    for cut in range(len(data) // 8, len(data), len(data) // 24):
        found, _ = given(data[:cut], files)  # and none of them is wrong
        assert last <= set(found)
        last = set(found)
    assert len(last) >= len(files) - 1  # all, if the last cut is behind the last of them


def test_sizes_of_streams_are_where_they_belong_and_right(
    stories_model: Path, strict_library: Path
) -> None:
    """Each content has one encoding: with sizes in an archive, and without anywhere else."""
    from dataclasses import replace

    from edgezip.container import LmParams, Settings
    from edgezip.pipeline.coders import language
    from edgezip.pipeline.context import Context
    from edgezip.pipeline.opening import open_for_packing

    alone = Context(open_for_packing(PackOptions(model=stories_model)), Settings())
    told = replace(alone, with_sizes=True)
    text = STORY[0].encode()
    settings = language.LanguageSettings(2, 0)
    without, having = (
        language.PLAIN.encode(text, settings, context, lambda count: None)
        for context in (alone, told)
    )
    assert without.payload == having.payload
    assert having.params.startswith(without.params)
    sizes = LmParams.decode(having.params, len(text)).sizes
    assert len(sizes) == 1
    wrong = LmParams(having.tokens, 2, None, (sizes[0] - 1,)).encode()
    for params, context, right in (
        (without.params, alone, True),
        (having.params, alone, False),
        (without.params, told, False),
        (having.params, told, True),
        (wrong, told, False),
    ):
        if right:
            found = language.PLAIN.decode(
                having.payload, params, len(text), context, lambda count: None
            )
            assert found == text
        else:
            with pytest.raises(edgezip.FormatError, match="sizes"):
                language.PLAIN.decode(
                    having.payload, params, len(text), context, lambda count: None
                )
