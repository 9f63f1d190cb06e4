"""One step of `bench.large_media`: reads a request from stdin, does it, prints what it cost."""

from __future__ import annotations

import json
import resource
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import peak_memory

RATE = 44100
SEED = 22
NOISE = 3
CELL = 48
"""Pixels between the corners of the smooth part of a picture."""


def main() -> None:
    """Serve one request."""
    request = json.load(sys.stdin)
    action = {"picture": picture, "sound": sound, "pack": pack, "unpack": unpack}
    print(json.dumps(action[request["action"]](request)))


def pack(request: dict[str, Any]) -> dict[str, Any]:
    """Pack the file `input` to `output`."""
    import edgezip

    options = edgezip.PackOptions(
        media_level=request["level"], frame_size=request["frame_size"], threads=1
    )
    source, target = Path(request["input"]), Path(request["output"])
    started = time.perf_counter()
    with source.open("rb") as file, target.open("wb") as out:
        report = edgezip.pack_stream(file, out, options, size=source.stat().st_size)
    coders = " ".join(f"{c.coder}:{c.raw_size}:{c.coded_size}" for c in report.channels)
    return {**_cost(started), "bytes": target.stat().st_size, "channels": coders}


def unpack(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack the file `input` to `output`."""
    import edgezip

    started = time.perf_counter()
    with Path(request["input"]).open("rb") as file, Path(request["output"]).open("wb") as out:
        edgezip.unpack_stream(file, out, edgezip.UnpackOptions(threads=1))
    return _cost(started)


def _cost(started: float) -> dict[str, Any]:
    """CPU seconds and peak memory of this whole process, seconds by the clock since `started`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.perf_counter() - started,
        "peak": peak_memory(),
    }


def picture(request: dict[str, Any]) -> dict[str, Any]:
    """Write a PPM of `pixels` pixels, 3 to 2, to `output`; `inputs` are tiled, if there are any."""
    width = max(round((request["pixels"] * 1.5) ** 0.5), 1)
    height = max(round(request["pixels"] / width), 1)
    with Path(request["output"]).open("wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (width, height))
        if request["inputs"]:
            file.write(_tiles(request["inputs"], width, height).tobytes())
        else:
            file.write(_smooth(width, height).tobytes())
    return {"what": f"{width} x {height}"}


def _smooth(width: int, height: int) -> NDArray[np.uint8]:
    """Straight lines between random corners, and noise of up to +-2 * `NOISE`, in integers."""
    random = np.random.Generator(np.random.PCG64(SEED))
    corners = random.integers(20, 236, (height // CELL + 2, width // CELL + 2, 3))
    column, across = np.divmod(np.arange(width), CELL)
    across = across[:, None]
    out = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        row, down = divmod(y, CELL)
        line = corners[row] * (CELL - down) + corners[row + 1] * down
        value = (line[column] * (CELL - across) + line[column + 1] * across) // (CELL * CELL)
        noise = random.integers(-NOISE, NOISE + 1, (2, width, 3)).sum(0)
        out[y] = np.clip(value + noise, 0, 255)
    return out


def _tiles(paths: Sequence[str], width: int, height: int) -> NDArray[np.uint8]:
    """Pictures side by side, each of them another time mirrored and with another brightness."""
    from PIL import Image

    out = np.empty((height, width, 3), np.uint8)
    sources = []
    for path in paths:
        with Image.open(path) as image:
            found = np.asarray(image.convert("RGB"))
        sources.append(found if found.shape[1] >= found.shape[0] else found.swapaxes(0, 1))
    tall, wide = (min(source.shape[axis] for source in sources) for axis in (0, 1))
    number = 0
    for y in range(0, height, tall):
        for x in range(0, width, wide):
            turn, which = divmod(number, len(sources))
            tile = sources[which][:tall, :wide].astype(np.int64)
            tile = tile[:: 1 - 2 * (turn & 1), :: 1 - (turn & 2)]
            changed = np.clip((tile * (256 - 3 * (turn % 16))) // 256 + turn % 7, 0, 255)
            out[y : y + tall, x : x + wide] = changed[: height - y, : width - x]
            number += 1
    return out


def sound(request: dict[str, Any]) -> dict[str, Any]:
    """Write a WAV, `seconds` of 16 bits in stereo at `RATE`, to `output`.

    `inputs` one after the other, again and again, every time with another loudness and offset, so
    that nothing repeats bit for bit; none: beating tones with echo and noise.
    """
    frames = round(request["seconds"] * RATE)
    with wave.open(request["output"], "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        if not request["inputs"]:
            for start in range(0, frames, RATE):
                file.writeframes(_tones(start, min(RATE, frames - start)).tobytes())
        else:
            _write_takes(file, request["inputs"], frames)
    return {"what": f"{request['seconds']:g} s"}


def _write_takes(file: wave.Wave_write, paths: Sequence[str], frames: int) -> None:
    from bench.audio import read_sound

    sounds = [read_sound(Path(path)) for path in paths]
    takes = [
        np.frombuffer(found.samples, "<i2").reshape(-1, 2).astype(np.int64)
        for found in sounds
        if found is not None and (found.channels, found.bits, found.rate) == (2, 16, RATE)
    ]
    if not takes:
        raise SystemExit(f"no sound of 16 bits, stereo, {RATE} Hz was named")
    turn = 0
    while frames:
        for take in takes:
            gain = 4096 - 37 * (turn % 64)
            part = np.clip((take[:frames] * gain >> 12) + turn % 5, -32768, 32767)
            file.writeframes(part.astype("<i2").tobytes())
            frames -= len(part)
        turn += 1


def _tones(start: int, count: int) -> NDArray[np.int16]:
    """Three tones as triangles, whose loudness changes, noise, right a little behind left."""
    random = np.random.Generator(np.random.PCG64([SEED, start]))
    place = np.arange(count)[:, None] + start - np.array([0, 11])
    value = np.zeros((count, 2), np.int64)
    for step, slow in ((327, 91000), (653, 70001), (1459, 44111)):
        triangle = np.abs((place * step) % 65536 - 32768) - 16384
        value += triangle * np.abs(place % slow - slow // 2) // (2 * slow)
    value += random.integers(-40, 41, (4, count, 2)).sum(0)
    return np.clip(value, -32768, 32767).astype("<i2")


if __name__ == "__main__":
    main()
