"""Candidates for the bundled model: packed size against packing and unpacking speed.

    python -m bench.candidates OLD.gguf NEW.gguf ... [--levels host avx2]

Every level of vector instructions runs `bench.models` in a process of its own: alternating runs of
all models on one file. Written are a table and a picture.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from bench.common import EVAL, RESULTS, ROOT, Row, print_table, read_csv, write_csv

LEVELS = {"host": {}, "avx2": {"EDGEZIP_SIMD_LEVEL": "2"}}
COLOURS = ("#b2182b", "#2166ac", "#4d4d4d", "#ef8a62", "#1b7837", "#762a83")
DIRECTIONS = {"pack KB/s": "packing", "unpack KB/s": "unpacking"}


def measure(models: Sequence[str], level: str, file: Path, runs: int) -> list[Row]:
    """The rows of `bench.models` at `level`, which stands in front."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        command = [sys.executable, "-m", "bench.models", *models, "--runs", str(runs)]
        command += ["--file", str(file), "--csv", str(path)]
        subprocess.run(command, env=os.environ | LEVELS[level], check=True)
        return [{"level": level, **row} for row in read_csv(path)]


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bits per byte against speed: a colour for each model, a line from packing (full) to
    unpacking (hollow) for each level."""
    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    names = list(dict.fromkeys(str(row["model"]) for row in rows))
    marks = dict(zip(LEVELS, "os", strict=True))
    for row in rows:
        name, level = str(row["model"]), str(row["level"])
        colour = COLOURS[names.index(name) % len(COLOURS)]
        rate = 8 * int(str(row["packed"])) / int(str(row["bytes"]))
        speeds = [float(str(row[column])) for column in DIRECTIONS]
        first = level == str(rows[0]["level"])
        label = f"{name.removesuffix('.gguf')}, {int(str(row['model bytes'])) / 1e6:.1f} MB"
        axes.plot(speeds, [rate, rate], color=colour, linewidth=1.2, label=label if first else None)
        for speed, face in zip(speeds, (colour, "white"), strict=True):
            axes.scatter(
                [speed],
                [rate],
                marker=marks[level],
                s=42,
                facecolors=face,
                edgecolors=colour,
                zorder=3,
            )
    axes.margins(x=0.08, y=0.12)
    axes.legend(loc="center right", frameon=False)
    axes.set_xlabel("KB/s: packing full, unpacking hollow; squares with AVX2 only")
    axes.set_ylabel("bits per byte (lower is better)")
    axes.set_title(str(rows[0]["file"]), loc="left")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Measure, print the table, write it and the picture."""
    parser = argparse.ArgumentParser(
        prog="bench.candidates", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--levels", nargs="+", choices=list(LEVELS), default=list(LEVELS))
    parser.add_argument("--file", type=Path, default=EVAL / "text" / "alice29.txt")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--csv", type=Path, default=RESULTS / "candidates.csv")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "pictures" / "candidates.png")
    arguments = parser.parse_args()
    rows = [
        row
        for level in arguments.levels
        for row in measure(arguments.models, level, arguments.file, arguments.runs)
    ]
    columns = ["model", "level", "model bytes", "packed", *DIRECTIONS, "unpack/pack"]
    print_table(columns, [[row[column] for column in columns] for row in rows])
    write_csv(arguments.csv, rows)
    draw(rows, arguments.plot)


if __name__ == "__main__":
    main()
