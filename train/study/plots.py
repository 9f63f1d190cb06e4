"""The pictures of docs/scaling.md, from the CSV files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from train.study.rates import adjusted
from train.study.report import Tables, position_curves
from train.study.tables import Row, peer_rate, rate

BLUE, RED, GREY = "#2166ac", "#b2182b", "#6b6b6b"
STYLES = {"gzip -9": ":", "xz -9e": "--"}


def draw(tables: Tables, out: Path) -> list[Path]:
    """Draw everything that there are rows for; returns the files written."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    pictures: dict[str, Callable[[Tables], Figure]] = {
        "sizes": _sizes,
        "adjusted": _adjusted,
        "tokens": _tokens,
        "vocab": _vocab,
        "position": _position,
    }
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in pictures.items():
        if tables["sizes" if name == "adjusted" else name]:
            figure = picture(tables)
            figure.savefig(out / f"{name}.png", dpi=130)
            plt.close(figure)
            written.append(out / f"{name}.png")
    return written


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def _axes() -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    return figure, axes


def _curve(axes: Axes, rows: Sequence[Row], x: str, **style: object) -> None:
    """Bits per byte with their margins over the column `x`, which gets a logarithmic axis."""
    xs, ys, margins = (_column(rows, name) for name in (x, "bpb", "margin_95"))
    options = {"marker": "o", "capsize": 2, "color": BLUE, "elinewidth": 0.8, **style}
    axes.errorbar(xs, ys, margins, **options)  # type: ignore[arg-type]
    axes.set_xscale("log")
    axes.set_ylabel("bits per byte (lower is better)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _ticks(axes: Axes, values: Sequence[float]) -> None:
    """Mark exactly these values."""
    axes.set_xticks(values, [EngFormatter(places=1, sep="")(value) for value in values])
    axes.minorticks_off()


def _peer_lines(axes: Axes, rows: Sequence[Row], scale: float) -> None:
    for coder, line in STYLES.items():
        value = scale * peer_rate(rows, coder)
        axes.axhline(value, color=GREY, linestyle=line, linewidth=1)
        place = (0.99, value)
        axes.annotate(
            coder,
            place,
            (0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=GREY,
        )


def _sizes(tables: Tables) -> Figure:
    figure, axes = _axes()
    rows = tables["sizes"]
    _curve(axes, rows, "parameters")
    _peer_lines(axes, tables["peers"], 8)
    _ticks(axes, _column(rows, "parameters"))
    axes.set_xlabel("parameters (log scale)")
    axes.set_title(f"Equal training: {int(rows[0]['train_tokens']):,} tokens each", loc="left")
    return figure


def _adjusted(tables: Tables) -> Figure:
    """The paper's Figure 2: the adjusted rate of each size over the amount of data."""
    figure, axes = _axes()
    data = np.logspace(4.5, 10, 200)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(tables["sizes"])))
    for row, colour in zip(tables["sizes"], colours, strict=True):
        own, model = rate(row), float(row["gguf_bytes"])
        ys = [100 * adjusted(own, model, amount) for amount in data]
        axes.plot(data, ys, color=colour, label=f"{row['shape']}: {100 * own:.1f} % + model")
    _peer_lines(axes, tables["peers"], 100)
    axes.set(xscale="log", xlabel="amount of data, bytes (log scale)", ylim=(0, 110))
    axes.set_ylabel("(compressed + model) / raw, %")
    axes.set_title("Counting the model itself", loc="left")
    axes.legend(frameon=False)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    return figure


def _tokens(tables: Tables) -> Figure:
    figure, axes = _axes()
    rows = tables["tokens"]
    _curve(axes, rows, "train_tokens")
    _ticks(axes, _column(rows, "train_tokens"))
    axes.set_xlabel("training tokens (log scale)")
    axes.set_title(f"{int(rows[0]['parameters']):,} parameters", loc="left")
    return figure


def _vocab(tables: Tables) -> Figure:
    """Bits per byte, bytes per token and, where it was measured, coding speed."""
    rows = tables["vocab"]
    speed = {row["run"]: row for row in tables["speed"]}
    timed = [row | speed[row["run"]] for row in rows if row["run"] in speed]
    count = 3 if timed else 2
    figure, panels = plt.subplots(1, count, figsize=(3.4 * count, 3.6), layout="constrained")
    pieces = _column(rows, "pieces")
    _curve(panels[0], rows, "pieces")
    panels[0].set_title("Equal training compute", loc="left")
    panels[1].plot(pieces, _column(rows, "bytes_per_token"), marker="o", color=BLUE)
    panels[1].set_ylabel("bytes per token")
    if timed:
        for column, name, colour in (("pack_kb_s", "pack", RED), ("unpack_kb_s", "unpack", BLUE)):
            xs, ys = (_column(timed, key) for key in ("pieces", column))
            panels[2].plot(xs, ys, marker="o", color=colour, label=name)
        panels[2].set_ylabel(f"KB/s, threads: {timed[0]['threads']}")
        panels[2].set_ylim(bottom=0)
        panels[2].legend(frameon=False)
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xticks(pieces, [f"{int(p):,}" for p in pieces], fontsize=8)
        axes.set_xlabel("pieces of the vocabulary (log scale)")
        axes.grid(True, color="#dddddd", linewidth=0.6)
    return figure


def _position(tables: Tables) -> Figure:
    figure, axes = _axes()
    curves = position_curves(tables["position"])
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.8, len(curves)))
    for (name, rows), colour in zip(curves.items(), colours, strict=True):
        # Each bin stands at its middle; positions are counted from 1, for the logarithm.
        middle = [{**r, "at": str((int(r["first"]) + int(r["last"])) / 2 + 1)} for r in rows]
        _curve(axes, middle, "at", color=colour, label=name, markersize=3)
    axes.set_xlabel("position in the context, tokens (log scale)")
    axes.set_title("Learning in the context", loc="left")
    axes.legend(frameon=False)
    return figure
