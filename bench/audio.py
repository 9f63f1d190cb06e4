"""Sound: sizes and speeds of edgezip's levels beside FLAC and WavPack, file by file.

    python -m bench.audio                      # ../shared/eval/audio and music
    python -m bench.audio --eight              # also the upper 8 bits of each sample
    python -m bench.audio FILE...              # WAV, or FLAC, which is decoded first

Peers are Debian's programs flac and wavpack; without them their rows are left out, and FLAC files
cannot be read. Every row was decoded and compared. Speeds are of raw samples over CPU time in
user mode, without start and compilation; sizes of edgezip are payloads with the header of the file.
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import (
    EVAL,
    RESULTS,
    code_version,
    files_of,
    group_and_name,
    integer,
    load_average,
    log,
    print_table,
    read_csv,
    write_csv,
)
from edgezip.coding.audio.codec import decode, encode
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.levels import LEVELS

HEADER = 44
FLAC = ("flac", "-8", "-e", "-p", "--no-padding", "--no-seektable", "-s", "-f")
WAVPACK = ("wavpack", "-hh", "-x6", "-q", "-y")
LEVEL_NAMES = ("fast", "default", "strong")


@dataclass(frozen=True)
class Sound:
    """A sound as a WAV file of 44 bytes and samples."""

    group: str
    name: str
    samples: bytes
    channels: int
    bits: int
    rate: int

    @property
    def wav(self) -> bytes:
        """The file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((self.channels, self.bits // 8, self.rate, 0, "NONE", ""))
            writer.writeframes(self.samples)
        return file.getvalue()

    def upper_byte(self) -> Sound:
        """The upper 8 bits of every sample, unsigned: `lin2lin(x, 2, 1)` + 128."""
        cells = np.frombuffer(self.samples, np.uint8).reshape(-1, self.bits // 8)
        eight = (cells[:, -1] ^ 0x80).tobytes()
        return Sound(f"{self.group}-8", self.name, eight, self.channels, 8, self.rate)


@dataclass(frozen=True)
class Measured:
    """Bytes, and seconds to pack and to unpack."""

    size: int
    pack: float
    unpack: float


def read_sound(path: Path) -> Sound | None:
    """The sound in a WAV or FLAC file; None for anything else."""
    data = path.read_bytes()
    if data[:4] == b"fLaC":
        if not shutil.which("flac"):
            log(f"{path.name} left out: reading FLAC needs the program flac (apt install flac)")
            return None
        command = ["flac", "-d", "-s", "-c", str(path)]
        data = subprocess.run(command, check=True, capture_output=True).stdout
    if data[:4] != b"RIFF":
        return None
    with wave.open(io.BytesIO(data)) as file:
        samples = file.readframes(file.getnframes())
        shape = file.getnchannels(), file.getsampwidth() * 8, file.getframerate()
    return Sound(*group_and_name(path), samples, *shape)


Coder = Callable[[Sound], Measured]


def _program(command: Sequence[str], undo: Sequence[str], suffix: str) -> Coder:
    """A peer that is a program: `command` writes what `undo` reads."""

    def measure(sound: Sound) -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            source, packed = Path(folder, "in.wav"), Path(folder, "out" + suffix)
            back = Path(folder, "back.wav")
            source.write_bytes(sound.wav)
            pack = _timed([*command, "-o", str(packed), str(source)])
            unpack = _timed([*undo, "-o", str(back), str(packed)])
            if _samples(back.read_bytes()) != sound.samples:
                raise SystemExit(f"{command[0]} gave other samples back: {sound.name}")
            return Measured(packed.stat().st_size, pack, unpack)

    return measure


def _samples(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav), "rb") as file:
        return file.readframes(file.getnframes())


def _timed(command: Sequence[str]) -> float:
    """Seconds of user time that a program takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def _user() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def _level(level: int) -> Coder:
    """One of edgezip's levels."""

    def measure(sound: Sound) -> Measured:
        geometry = AudioGeometry(sound.channels, sound.bits, signed=sound.bits > 8)
        start = _user()
        payload = encode(sound.samples, geometry, level)
        packed = _user()
        same = decode(payload, len(sound.samples), geometry, level) == sound.samples
        if not same:
            raise SystemExit(f"level {level} gave other samples back: {sound.name}")
        return Measured(len(payload) + HEADER, packed - start, _user() - packed)

    warm = Sound("", "", bytes(range(250)) * 4, 1, 16, 16000)
    measure(warm)
    return measure


def coders() -> dict[str, Coder]:
    """The coders that are here, by name."""
    found: dict[str, Coder] = {}
    if shutil.which("flac"):
        found["FLAC -8 -e -p"] = _program(FLAC, ("flac", "-d", "-s", "-f"), ".flac")
    if shutil.which("wavpack"):
        found["WavPack -hh -x6"] = _program(WAVPACK, ("wvunpack", "-q", "-y"), ".wv")
    for name in ("flac", "wavpack"):
        if not shutil.which(name):
            log(f"{name} is not installed: its row is left out (apt install {name})")
    for level in range(len(LEVELS)):
        found[f"edgezip {LEVEL_NAMES[level]}"] = _level(level)
    return found


def measure(sounds: Sequence[Sound], path: Path) -> list[dict[str, object]]:
    """One row for each sound and coder, stored under `path` after each sound."""
    chosen = coders()
    version = code_version()
    rows: list[dict[str, object]] = []
    for sound in sounds:
        for name, coder in chosen.items():
            result = coder(sound)
            rows.append(
                {
                    "group": sound.group,
                    "file": sound.name,
                    "coder": name,
                    "raw": len(sound.samples) + HEADER,
                    "bytes": result.size,
                    "pack_s": f"{result.pack:.3f}",
                    "unpack_s": f"{result.unpack:.3f}",
                    "load": load_average(),
                    "version": version,
                }
            )
        write_csv(path, rows)
        log(f"{sound.group} {sound.name}")
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table for each group: files, totals, speeds."""
    for group in dict.fromkeys(str(row["group"]) for row in rows):
        mine = [row for row in rows if row["group"] == group]
        names = list(dict.fromkeys(str(row["coder"]) for row in mine))
        cells = {(row["file"], row["coder"]): row for row in mine}
        files = list(dict.fromkeys(str(row["file"]) for row in mine))
        table: list[list[object]] = [
            [
                file,
                integer(cells[file, names[0]]["raw"]),
                *(integer(cells[file, name]["bytes"]) for name in names),
            ]
            for file in files
        ]
        raw = sum(int(cells[file, names[0]]["raw"]) for file in files)
        totals = [sum(int(cells[file, name]["bytes"]) for file in files) for name in names]
        table.append(["total", integer(raw), *(integer(total) for total in totals)])
        table.append(["% of raw", "", *(f"{100 * total / raw:.2f}" for total in totals)])
        for label, column in (("pack KB/s", "pack_s"), ("unpack KB/s", "unpack_s")):
            times = [sum(float(cells[file, name][column]) for file in files) for name in names]
            table.append([label, "", *(f"{raw / max(t, 1e-9) / 1000:.0f}" for t in times)])
        print_table([group, "raw", *names], table)


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Size against speed, a panel for each group."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    groups = list(dict.fromkeys(str(row["group"]) for row in rows))
    figure, panels = plt.subplots(1, len(groups), figsize=(5 * len(groups), 4), squeeze=False)
    for group, axes in zip(groups, panels[0], strict=True):
        mine = [row for row in rows if row["group"] == group]
        for name in dict.fromkeys(str(row["coder"]) for row in mine):
            part = [row for row in mine if row["coder"] == name]
            raw = sum(int(row["raw"]) for row in part)
            size = 100 * sum(int(row["bytes"]) for row in part) / raw
            speed = raw / 1000 / max(sum(float(row["pack_s"]) for row in part), 1e-3)
            axes.plot(speed, size, "o" if "edgezip" in name else "s", color=_colour(name))
            axes.annotate(name, (speed, size), xytext=(5, 4), textcoords="offset points", size=8)
        axes.set(xscale="log", xlabel="packed, KB of raw per second of CPU", title=group)
        axes.margins(x=0.3, y=0.15)
    panels[0][0].set_ylabel("size, % of raw")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _colour(name: str) -> str:
    return "#b2182b" if "edgezip" in name else "#4d4d4d"


def main() -> int:
    """Measure, store, print, draw."""
    parser = argparse.ArgumentParser(
        prog="bench.audio", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders")
    parser.add_argument(
        "--eight", action="store_true", help="also the first group at 8 bits, the paper's way"
    )
    parser.add_argument("--csv", type=Path, default=RESULTS / "audio.csv", help="where rows go")
    parser.add_argument("--show", action="store_true", help="only print and draw what is stored")
    arguments = parser.parse_args()
    if arguments.show:
        rows: list[dict[str, Any]] = [dict(row) for row in read_csv(arguments.csv)]
    else:
        paths = arguments.paths or [EVAL / "audio", EVAL / "music"]
        sounds = [sound for path in files_of(paths) if (sound := read_sound(path))]
        if arguments.eight:
            first = sounds[0].group if sounds else ""
            sounds += [sound.upper_byte() for sound in sounds if sound.group == first]
        rows = measure(sounds, arguments.csv)
    if not rows:
        raise SystemExit("no sound was measured; name WAV or FLAC files")
    show(rows)
    plot(rows, arguments.csv.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
