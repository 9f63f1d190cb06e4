"""`edgezip sample`: the decoders fed with random bits."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path
from typing import Any

from edgezip.pipeline.sample import random_bytes

PLAIN = b" Once upon a time, there was a little girl named Lily. She l"
STORY = b"Once upon a time, there was a little girl named Lily. She liked to play in the park. "


def test_the_random_bits_are_splitmix64() -> None:
    # Published for this seed: https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert struct.unpack("<5Q", random_bytes(1234567, 40)) == tuple(expected)
    assert random_bytes(1234567, 13) == random_bytes(1234567, 40)[:13]
    assert random_bytes((1 << 64) - 1, 8) == random_bytes(-1, 8)


def test_text_by_seed(cli: Any, stories_model: Path, strict_library: Path) -> None:
    Path("prefix.txt").write_bytes(STORY * 20)
    model = ("-m", str(stories_model), "--seed", "7")
    # The same on every machine, with any number of threads.
    plain = cli("sample", *model, "--coder", "plain", "-n", "60")
    assert plain.out == PLAIN
    mixed = ("sample", *model, "--prefix", "prefix.txt", "-n", "400")
    first = cli(*mixed, "-T", "1")
    assert first.code == 0, first.err
    assert len(first.out) == 400
    assert cli(*mixed, "-T", "2").out == first.out
    assert cli(*mixed[:-3], "-n", "100", "--prefix", "prefix.txt", "--seed", "8").out != first.out
    assert sum(first.out.count(word) for word in (b"Lily", b"park", b"little", b"time")) > 4
    assert cli("sample", *model, "-n", "0").out == b""


def test_context_mixing_has_learned_the_prefix(cli: Any) -> None:
    Path("prefix.txt").write_bytes(STORY * 20)
    args = ("sample", "-m", "none", "--seed", "3", "-n", "300")
    text = cli(*args, "--prefix", "prefix.txt")
    assert text.code == 0, text.err
    assert STORY[:40] in text.out
    assert cli(*args, "--prefix", "prefix.txt", "-o", "out.txt").code == 0
    assert Path("out.txt").read_bytes() == text.out
    cli(*args, "--prefix", "prefix.txt", "-o", "out.txt").failed(1, "exists already")
    # Before anything is computed: not even the model is looked for.
    cli("sample", "-m", "no-such-model", "-o", "out.txt").failed(1, "exists already")
    cli(*args[:-1], "99999999").failed(2, "at most 16,777,216 bytes")


def test_pictures_and_sounds_go_on(cli: Any) -> None:
    rows = bytes((x * y // 7 + 3 * c) & 255 for y in range(24) for x in range(40) for c in range(3))
    Path("picture.ppm").write_bytes(b"P6\n40 24\n255\n" + rows)
    args: tuple[str, ...] = ("sample", "--prefix", "picture.ppm", "--length", "8", "--seed", "1")
    first = cli(*args)
    assert struct.unpack(">II", first.out[16:24]) == (40, 32)
    assert cli(*args).out == first.out
    assert cli(*args[:-1], "2").out != first.out
    made = cli("sample", "--as", "image:16,0,1,8", "--seed", "1", "--length", "5")
    assert struct.unpack(">II", made.out[16:24]) == (16, 5)
    cli(*args, terminals=("stdout",)).failed(1, "-o FILE")
    with wave.open("sound.wav", "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<hh", x * x % 900, 7 * x) for x in range(1000)))
    args = ("sample", "--prefix", "sound.wav", "--length", "300", "-o", "more.wav", "-f")
    assert cli(*args, "--seed", "1").code == 0
    once = Path("more.wav").read_bytes()
    with wave.open("more.wav") as file:
        assert file.getparams()[:4] == (2, 2, 8000, 1300)
        samples = file.readframes(1000)
    with wave.open("sound.wav") as file:
        assert file.readframes(1000) == samples
    assert cli(*args, "--seed", "1").code == 0
    assert Path("more.wav").read_bytes() == once
    cli("sample", "--as", "audio:8000,1,8", "--length", "9").failed(2, "--prefix")


def test_messages_name_the_file(cli: Any) -> None:
    os.mkdir("folder")
    cli("sample", "-m", "none", "--prefix", "folder").failed(1, "folder: is a directory")
    cli("explain", "-m", "none", "folder").failed(1, "folder: is a directory")
