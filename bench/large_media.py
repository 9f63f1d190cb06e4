"""Large pictures and long sounds: CPU time, speed and memory of packing and of unpacking.

    python -m bench.large_media                        # 1 and 24 megapixels, 10 minutes: made up
    python -m bench.large_media --megapixels 1 6 --minutes 2 --inputs PICTURE... SOUND...
    python -m bench.large_media --megapixels 6 --minutes --frame-mib 64   # one frame, no sound
    python -m bench.large_media --show                 # the stored results, nothing is measured

A picture is a PPM in colour, a sound a WAV of 16 bits in stereo at 44.1 kHz. Both come from what
is named: pictures side by side and recordings one after the other, each time mirrored or with
another loudness, so that nothing repeats bit for bit. Of a kind of which nothing is named, they are
made up: straight lines between random corners and noise; tones and noise. `content` says which.

Packing (`pack_stream`, one thread) and unpacking are a process each. CPU seconds and memory are of
the whole process, in user and system mode, with its start and the loading of compiled kernels
(compiled before, by a small run that is not counted), and memory is its peak of resident bytes.
What came back is compared with the file. Every row is stored as soon as it is measured.
"""

from __future__ import annotations

import argparse
import filecmp
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.common import (
    RESULTS,
    Row,
    files_of,
    integer,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    run_worker,
    write_csv,
)

WORKER = "bench.large_media_worker"
SOUNDS = (".wav", ".flac")
LEVELS = ("fast", "default", "strong")
KEYS = ("file", "content", "level", "frame_mib")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, store and print; 1 if anything came back different."""
    chosen = parser().parse_args(arguments)
    rows = {tuple(row[key] for key in KEYS): row for row in read_csv(chosen.csv)}
    if not chosen.show:
        inputs = files_of(chosen.inputs)
        sounds = [str(path) for path in inputs if path.suffix.lower() in SOUNDS]
        pictures = [str(path) for path in inputs if path.suffix.lower() not in SOUNDS]
        jobs = [("picture", f"{size:g} megapixels", size * 1e6, pictures)
                for size in chosen.megapixels]  # fmt: skip
        jobs += [("sound", f"{size:g} minutes", size * 60, sounds) for size in chosen.minutes]
        for kind, name, size, sources in jobs:
            with tempfile.TemporaryDirectory() as folder:
                _warm(kind, LEVELS.index(chosen.level), Path(folder))
                made = Path(folder, "made")
                _make(kind, size, sources, made)
                for mib in chosen.frame_mib:
                    log(f"{name}, {chosen.level}, frames of {mib:g} MiB")
                    content = ("tiled" if kind == "picture" else "recordings") if sources else ""
                    row = {
                        "file": name,
                        "content": content or "made up",
                        "level": chosen.level,
                        "frame_mib": f"{mib:g}",
                        **_measured(made, LEVELS.index(chosen.level), round(mib * (1 << 20))),
                    }
                    rows[tuple(row[key] for key in KEYS)] = row
                    write_csv(chosen.csv, list(rows.values()))
    _show(list(rows.values()))
    return int(any(row["verified"] != "yes" for row in rows.values()))


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = made.add_argument
    add("--megapixels", type=_positive, nargs="*", default=[1, 24], help="sizes of pictures")
    add("--minutes", type=_positive, nargs="*", default=[10], help="lengths of sounds")
    add("--inputs", type=Path, nargs="*", default=[], help="pictures and sounds to take from")
    add("--level", choices=LEVELS, default="default")
    add("--frame-mib", type=_frame, nargs="+", default=[8], help="sizes of frames, at most 64")
    add("--csv", type=Path, default=RESULTS / "large_media.csv")
    add("--show", action="store_true", help="print what is stored")
    return made


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 10000:
        raise argparse.ArgumentTypeError(f"{text} is not a size")
    return value


def _frame(text: str) -> float:
    value = float(text)
    if not 1 / 1024 <= value <= 64:
        raise argparse.ArgumentTypeError("a frame has 1 KiB to 64 MiB")
    return value


def _make(kind: str, size: float, inputs: Sequence[str], target: Path) -> None:
    """Write a picture of `size` pixels or a sound of `size` seconds."""
    request = {"action": kind, "output": str(target), "inputs": list(inputs)}
    run_worker(WORKER, {**request, "pixels" if kind == "picture" else "seconds": size})


def _warm(kind: str, level: int, folder: Path) -> None:
    """Compile the kernels once, so that no measured process does."""
    small = folder / "small"
    _make(kind, 4000 if kind == "picture" else 0.5, [], small)
    _measured(small, level, 8 << 20)


def _measured(source: Path, level: int, frame_size: int) -> Row:
    """Pack and unpack the file `source`."""
    packed, back = source.with_suffix(".ez"), source.with_suffix(".back")
    files = {"input": str(source), "output": str(packed)}
    request = {"action": "pack", "level": level, "frame_size": frame_size, **files}
    there = run_worker(WORKER, request)
    load = load_average()
    again = run_worker(WORKER, {"action": "unpack", "input": str(packed), "output": str(back)})
    size = source.stat().st_size
    return {
        "raw": str(size),
        "frames": str(-(-size // frame_size)),
        "bytes": str(there["bytes"]),
        "pack_cpu_s": f"{there['cpu_s']:.1f}",
        "pack_wall_s": f"{there['wall_s']:.1f}",
        "pack_peak": str(there["peak"]),
        "unpack_cpu_s": f"{again['cpu_s']:.1f}",
        "unpack_wall_s": f"{again['wall_s']:.1f}",
        "unpack_peak": str(again["peak"]),
        "channels": there["channels"],
        "verified": "yes" if filecmp.cmp(source, back, shallow=False) else "no",
        "load": f"{load} {load_average()}",
        **provenance(),
    }


def _show(rows: Sequence[Row]) -> None:
    def speed(row: Row, seconds: str) -> str:
        return f"{int(row['raw']) / 1000 / max(float(row[seconds]), 0.01):.0f}"

    print_table(
        ("file", "content", "level", "frame MiB", "frames", "raw", "bytes", "pack CPU s", "KB/s",
         "MB", "unpack CPU s", "KB/s", "MB", "same", "load"),
        [
            (row["file"], row["content"], row["level"], row["frame_mib"], row["frames"],
             integer(row["raw"]), integer(row["bytes"]),
             row["pack_cpu_s"], speed(row, "pack_cpu_s"), int(row["pack_peak"]) // 1000000,
             row["unpack_cpu_s"], speed(row, "unpack_cpu_s"), int(row["unpack_peak"]) // 1000000,
             row["verified"], row["load"])
            for row in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
