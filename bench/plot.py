"""Pictures of the results of `bench.table`: ratio against speed, and bits per byte of each file.

    python -m bench.plot                       # bench/results/{ratio-speed,files}-GROUP.png

Published sizes of paq8px, cmix and the best of all are shown as hollow marks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.common import RESULTS, read_csv
from bench.peers import speeds
from bench.report import File, grouped

OWN, CM, OTHER, PUBLISHED = "#b2182b", "#ef8a62", "#4d4d4d", "#2166ac"
CLASSIC = {"gzip -9": "v", "bzip2 -9": "^", "xz -9e": "s", "zstd -19": "D", "brotli 11": "P"}
OFFSETS = {"xz -9e": (8, -3), "brotli 11": (4, -13), "cmix v21": (-18, 8)}
"""Places of labels, in points from the mark, where neighbours would be written over."""
PEERS = {"paq8px v216 -8": "o", "cmix v21": "s", "best of all": "*"}


def main() -> int:
    """Draw both pictures for every group that the CSV has."""
    parser = argparse.ArgumentParser(
        prog="bench.plot", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--csv", type=Path, default=RESULTS / "table.csv", help="from bench.table")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the pictures")
    arguments = parser.parse_args()
    rows = read_csv(arguments.csv)
    if not rows:
        raise SystemExit(f"{arguments.csv} has no rows; run python -m bench.table first")
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    arguments.out.mkdir(parents=True, exist_ok=True)
    for group, files in grouped(rows).items():
        total = files[-1]
        _ratio_speed(group, total, arguments.out / f"ratio-speed-{group}.png")
        singles = files[:-1] if len(files) > 1 else files
        _files(group, singles, arguments.out / f"files-{group}.png")
    return 0


def _ratio_speed(group: str, total: File, path: Path) -> None:
    """Bits per byte of the whole group against packing speed."""
    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    for coder, (mark, colour) in _marks().items():
        size, speed = total.size(coder), total.value(coder, "pack_kb_s")
        if size is None or not speed:
            continue
        _point(axes, coder, float(speed), 8 * size / total.raw, mark, colour)
    for coder, speed_ in speeds().items():
        size = total.size(coder)
        if size is not None:
            _point(axes, coder, speed_, 8 * size / total.raw, PEERS[coder], PUBLISHED, hollow=True)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.margins(x=0.18, y=0.12)
    axes.set_xlabel("packing speed, KB/s (log scale; hollow marks: published)")
    axes.set_ylabel("bits per byte (lower is better)")
    axes.set_title(f"{group}: {total.raw:,} bytes, sizes without the model", loc="left")
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _marks() -> dict[str, tuple[str, str]]:
    own = {"edgezip": ("o", OWN), "edgezip none": ("o", CM)}
    return own | {coder: (mark, OTHER) for coder, mark in CLASSIC.items()}


def _point(
    axes: Axes, name: str, x: float, y: float, mark: str, colour: str, *, hollow: bool = False
) -> None:
    face = "none" if hollow else colour
    axes.scatter([x], [y], marker=mark, s=46, facecolors=face, edgecolors=colour, linewidths=1.4)
    offset = OFFSETS.get(name, (7, 5))
    axes.annotate(_label(name), (x, y), offset, textcoords="offset points", color=colour)


def _label(coder: str) -> str:
    return "edgezip, no model" if coder == "edgezip none" else coder


def _files(group: str, files: Sequence[File], path: Path) -> None:
    """One line per file: marks for every coder from left (small) to right."""
    files = sorted(files, key=lambda file: (file.size("edgezip") or 0) / max(file.raw, 1))
    height = 1.5 + 0.36 * len(files)
    figure, axes = plt.subplots(figsize=(7.2, height), layout="constrained")
    lines = range(len(files))
    drawn = {coder: (mark, colour, False) for coder, (mark, colour) in _marks().items()}
    drawn |= {coder: (mark, PUBLISHED, True) for coder, mark in PEERS.items()}
    for coder, (mark, colour, hollow) in drawn.items():
        points = [(file.size(coder), file.raw, y) for file, y in zip(files, lines, strict=True)]
        known = [(8 * size / raw, y) for size, raw, y in points if size is not None and raw]
        if not known:
            continue
        xs, ys = zip(*known, strict=True)
        face = "none" if hollow else colour
        front = 4 if coder == "edgezip" else 3
        size_ = 52 if coder in ("edgezip", "best of all") else 30
        axes.scatter(
            xs,
            ys,
            marker=mark,
            s=size_,
            facecolors=face,
            edgecolors=colour,
            linewidths=1.2,
            label=_label(coder),
            zorder=front,
        )
    axes.set_yticks(list(lines), [file.name for file in files])
    axes.set_ylim(-0.6, len(files) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel("bits per byte (lower is better; hollow marks: published)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(f"{group}, sizes without the model", loc="left")
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
