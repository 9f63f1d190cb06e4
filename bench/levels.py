"""Levels 1 to 9: size and CPU time over text, logs, binary data and pictures; a table and a plot.

    python -m bench.levels                       # samples from shared/eval
    python -m bench.levels text=FILE logs=FILE ...

Every sample is cut to --size bytes; from 150,000 bytes on text has as many streams as it ever gets,
and the levels from -6 on differ. One thread; times are CPU seconds of packing and unpacking, which
other work on the machine changes little, behind a first call that loads what is needed. A level
that is larger than the one before it is an error.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Any

import edgezip
from bench.common import RESULTS, ROOT, log, print_table, provenance, write_csv
from edgezip.pipeline.effort import LEVELS, at_level
from edgezip.pipeline.options import PackOptions, UnpackOptions

EVAL = ROOT.parent / "shared" / "eval"
SAMPLES = {
    "text": EVAL / "text" / "alice29.txt",
    "logs": EVAL / "logs",
    "binary": EVAL / "binary" / "obj2",
    "pictures": EVAL / "images" / "kodak",
}


def main() -> int:
    """Measure, print, store, draw."""
    parser = argparse.ArgumentParser(
        prog="bench.levels", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("samples", nargs="*", metavar="KIND=FILE")
    parser.add_argument("--size", type=int, default=160_000, help="bytes of a sample")
    parser.add_argument("--levels", default=",".join(map(str, LEVELS)))
    parser.add_argument("--csv", type=Path, default=RESULTS / "levels.csv")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "pictures" / "levels.png")
    arguments = parser.parse_args()
    rows = []
    for kind, path in chosen(arguments.samples).items():
        data = sample(path, arguments.size)
        for level in map(int, arguments.levels.split(",")):
            row = {"kind": kind, "level": level, **measure(data, level)}
            log(f"{kind} -{level}: {row['packed_size']:,} of {row['raw_size']:,} bytes")
            rows.append({**row, **provenance()})
    write_csv(arguments.csv, rows)
    print_table(
        ["kind", "level", "bytes", "packed", "%", "packs KB/s", "unpacks KB/s"],
        [
            [
                row["kind"], row["level"], f"{row['raw_size']:,}", f"{row['packed_size']:,}",
                f"{100 * row['packed_size'] / row['raw_size']:.2f}",
                rate(row, "pack_seconds"), rate(row, "unpack_seconds"),
            ]
            for row in rows
        ],
    )  # fmt: skip
    draw(rows, arguments.plot)
    worse = larger(rows)
    for text in worse:
        log(text)
    return 1 if worse else 0


def larger(rows: list[dict[str, Any]]) -> list[str]:
    """A line for every level that is larger than the one before it."""
    return [
        f"{row['kind']}: -{row['level']} is larger than -{before['level']}"
        for before, row in itertools.pairwise(rows)
        if row["kind"] == before["kind"] and row["packed_size"] > before["packed_size"]
    ]


def chosen(named: list[str]) -> dict[str, Path]:
    """Samples by kind, from KIND=FILE; the usual ones if there are none."""
    if not named:
        return dict(SAMPLES)
    samples = {}
    for text in named:
        kind, _, path = text.partition("=")
        if not (kind and path):
            raise SystemExit(f"{text}: name a file and its kind of data: KIND=FILE")
        samples[kind] = Path(path)
    return samples


def sample(path: Path, size: int) -> bytes:
    """The first `size` bytes of a file; of a folder, of its first file (pictures are whole)."""
    if path.is_dir():
        path = sorted(p for p in path.iterdir() if p.is_file())[0]
    data = path.read_bytes()
    if path.suffix in (".png", ".ppm", ".jpg", ".webp"):
        return as_pixels(path, size)
    return data[:size]


def as_pixels(path: Path, size: int) -> bytes:
    """A part of a picture as PPM: rows from the top."""
    from PIL import Image

    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    rows = max(size // (3 * whole.width), 1)
    part = whole.crop((0, 0, whole.width, min(rows, whole.height)))
    return b"P6\n%d %d\n255\n" % part.size + part.tobytes()


def measure(data: bytes, level: int) -> dict[str, Any]:
    """Sizes and CPU seconds."""
    options = at_level(level, PackOptions(threads=1))
    back = UnpackOptions(threads=1)
    edgezip.decompress(edgezip.compress(data[:2000], options=options), options=back)
    start = time.process_time()
    packed = edgezip.compress(data, options=options)
    middle = time.process_time()
    if edgezip.decompress(packed, options=back) != data:
        raise SystemExit(f"level {level}: a sample does not come back")
    end = time.process_time()
    return {
        "raw_size": len(data),
        "packed_size": len(packed),
        "pack_seconds": round(middle - start, 3),
        "unpack_seconds": round(end - middle, 3),
    }


def rate(row: dict[str, Any], key: str) -> str:
    """KB of content in a CPU second."""
    return f"{row['raw_size'] / 1000 / max(row[key], 1e-3):.1f}"


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Size against packing speed, a line for each kind with its levels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        x = [row["raw_size"] / 1000 / max(row["pack_seconds"], 1e-3) for row in mine]
        y = [100 * row["packed_size"] / row["raw_size"] for row in mine]
        axes.plot(x, y, "o-", markersize=4, linewidth=1, label=kind)
        near: list[tuple[int, float, float]] = []  # levels too close for labels of their own
        for row, a, b in zip(mine, x, y, strict=True):
            if near and not (0.75 < a / near[0][1] < 1.33 and abs(b - near[0][2]) < 2):
                mark(axes, near)
                near = []
            near.append((row["level"], a, b))
        mark(axes, near)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([20, 50, 100, 200, 500, 1000]))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("packs, KB in a CPU second")
    axes.set_ylabel("packed size, % of the content")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def mark(axes: Any, levels: list[tuple[int, float, float]]) -> None:
    """Label points that lie together, above the first of them."""
    (first, x, y), last = levels[0], levels[-1][0]
    text = f"-{first}" if first == last else f"-{first} to -{last}"
    axes.annotate(text, (x, y), (3, 4), textcoords="offset points", size=7)


if __name__ == "__main__":
    sys.exit(main())
