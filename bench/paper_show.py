"""The table and the pictures of `bench.paper`, from the stored rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.common import ROOT, Row, print_table
from bench.paper_data import ALL, KINDS, MODEL_BYTES, MODELS, SIXTEEN, quoted

PICTURES = ROOT / "docs" / "pictures"
GIGABYTE = 999_999_488
"""Bytes of each of the paper's data sets, by which it adjusts."""
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#999999"


def rate(row: Row, what: str) -> float | None:
    """Percent of the raw bytes, None where there is no such figure."""
    return 100 * int(row[what]) / int(row["raw_bytes"]) if row[what] else None


def show(rows: list[Row]) -> None:
    """Both samples in Markdown, one line for each coder and chunk, the paper's own rows below."""
    for sample in (ALL, MODELS):
        some = [row for row in rows if row["sample"] == sample]
        sizes = {row["kind"]: int(row["raw_bytes"]) for row in some}
        told = ", ".join(f"{kind} {sizes[kind]:,}" for kind in KINDS if kind in sizes)
        print(f"\nSample '{sample}', bytes: {told}\n")
        _table(some)
    print("\nThe paper's Table 1\n")
    _quoted()
    sixteen = [row for row in rows if row["kind"] == SIXTEEN]
    if sixteen:
        print(f"\nRecordings of 16 bits, whole files, {int(sixteen[0]['raw_bytes']):,} bytes\n")
        print_table(
            ["coder", "bytes", "%"],
            [
                [row["coder"], row["whole_bytes"], _text(rate(row, "whole_bytes"))]
                for row in sixteen
            ],
        )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _pair(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{_text(rate(row, 'paper_bytes'))} / {_text(rate(row, 'whole_bytes'))}"


def _table(rows: list[Row]) -> None:
    cells = {(row["coder"], row["chunk"], row["kind"]): row for row in rows}
    lines = dict.fromkeys((row["coder"], row["chunk"]) for row in rows if row["kind"] in KINDS)
    print("| | chunk | " + " | ".join(f"{kind}, paper / whole" for kind in KINDS) + " | adds |")
    print("|---" * (len(KINDS) + 3) + "|")
    for coder, chunk in lines:
        found = [cells.get((coder, chunk, kind)) for kind in KINDS]
        size = next((row["model_bytes"] for row in found if row and row["model_bytes"]), "")
        adds = f"{100 * int(size) / GIGABYTE:.2f}" if size else ""
        print(f"| {coder} | {chunk} | {' | '.join(map(_pair, found))} | {adds} |")


def _quoted() -> None:
    print("| | chunk | " + " | ".join(KINDS) + " | adds |")
    print("|---" * (len(KINDS) + 3) + "|")
    for row in quoted():
        adds = f"{200 * int(row['parameters']) / GIGABYTE:.2f}" if row["parameters"] else ""
        figures = " | ".join(row[kind] for kind in KINDS)
        print(f"| {row['coder']} | {row['chunk']} | {figures} | {adds} |")


def _axes(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, 3, figsize=(width, height))


def plot(rows: list[Row], path: Path = PICTURES / "paper.png") -> None:
    """Rate against parameters for three kinds: the paper's models and ours, in chunks of 2048."""
    figure, axes = _axes(13, 4.6)
    for axis, kind in zip(axes, KINDS, strict=False):
        theirs = [row for row in quoted() if row["parameters"]]
        families: dict[str, list[tuple[int, float]]] = {}
        for row in theirs:
            family = row["coder"].split()[0]
            families.setdefault(family, []).append((int(row["parameters"]), float(row[kind])))
        for family, points in families.items():
            style = {"Transformer": "s", "Llama": "*", "Chinchilla": "o"}[family]
            axis.plot(*zip(*points, strict=True), f"{style}-", color=BLUE, label=f"paper: {family}")
        ours = [
            row for row in rows
            if (row["kind"], row["chunk"], row["sample"]) == (kind, "2048", MODELS)
            and row["parameters"]
        ]  # fmt: skip
        for group, mark in (("scaling", "D"), ("edgezip-small", "^"), ("smollm2-135m", "v")):
            some = [row for row in ours if row["coder"].startswith(group)]
            if not some:
                continue
            sizes = [int(row["parameters"]) for row in some]
            for what, fill, line in (("paper", "full", "-"), ("whole", "none", ":")):
                rates = [rate(row, f"{what}_bytes") for row in some]
                told = f"{group}, {'as the paper counts' if what == 'paper' else 'a file'}"
                axis.plot(
                    sizes, rates, mark + line, color=ORANGE, fillstyle=fill, label=told
                )  # fmt: skip
        _lines(axis, rows, kind)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(1e5, 2e11)
        axis.set_title(f"{kind}, % of raw")
        axis.set_xlabel("parameters")
        ticks = [8, 10, 20, 30, 50, 100, 200, 300]
        axis.set_yticks(ticks, list(map(str, ticks)))
        axis.minorticks_off()
        axis.set_ylim(7, 330)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=5, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    _save(figure, path)


def _lines(axis: Any, rows: list[Row], kind: str) -> None:
    """What coders without parameters make of the same bytes, whole."""
    wanted = {
        "text": ("gzip", "edgezip, no model"),
        "images": ("gzip", "PNG, 64 wide", "edgezip image coder, default"),
        "audio": ("gzip", "FLAC", "edgezip audio coder, default"),
    }[kind]
    place, side = (1.9e11, "right") if kind == "text" else (1.1e5, "left")
    for row in rows:
        if (row["kind"], row["chunk"], row["sample"]) != (kind, "whole", MODELS):
            continue
        if row["coder"] in wanted:
            height = rate(row, "whole_bytes")
            axis.axhline(height, color=GREY, linewidth=0.7)
            told = row["coder"].removesuffix(", default")
            axis.annotate(told, (place, height), fontsize=7, va="bottom", ha=side)


def plot_context(rows: list[Row], path: Path = PICTURES / "paper-context.png") -> None:
    """What is gained by history: chunks of 2048 bytes against the whole, files in both cases."""
    figure, axes = _axes(13, 4.8)
    cells = {
        (row["coder"], row["chunk"], row["kind"]): row for row in rows if row["sample"] == MODELS
    }
    coders = [
        coder
        for coder in dict.fromkeys(row["coder"] for row in rows if row["sample"] == MODELS)
        if not coder.endswith(("mixed", "strong", "width")) and coder != "edgezip audio coder"
    ]
    for axis, kind in zip(axes, KINDS, strict=False):
        here = [
            coder
            for coder in coders
            if {(coder, one, kind) for one in ("2048", "whole")} & set(cells)
        ]
        for place, coder in enumerate(reversed(here)):
            series = (
                (coder, "2048", BLUE, "o"),
                (coder, "whole", ORANGE, "D"),
                (f"{coder}, mixed", "whole", GREEN, "*"),
            )
            found = [
                (rate(cells[name, chunk, kind], "whole_bytes"), color, mark)
                for name, chunk, color, mark in series
                if (name, chunk, kind) in cells
            ]
            values = [value for value, _, _ in found if value is not None]
            axis.plot([min(values), max(values)], [place, place], color=GREY, linewidth=0.8)
            for value, color, mark in found:
                axis.plot(value, place, mark, color=color)
        axis.set_yticks(range(len(here)), [one.removesuffix(", default") for one in here[::-1]])
        axis.tick_params(axis="y", labelsize=8)
        axis.set_xscale("log")
        ticks = [tick for tick in (10, 15, 20, 30, 40, 60, 80, 100, 150) if _near(axis, tick)]
        axis.set_xticks(ticks, list(map(str, ticks)))
        axis.minorticks_off()
        axis.set_title(f"{kind}, {MODEL_BYTES[kind]:,} bytes, % of raw")
        axis.grid(axis="x", color="#dddddd", linewidth=0.5)
    for mark, color, told in (
        ("o", BLUE, "chunks of 2048 bytes"),
        ("D", ORANGE, "whole"),
        ("*", GREEN, "whole, mixed with context models"),
    ):
        axes[0].plot([], [], mark, color=color, label=told)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    _save(figure, path)


def _near(axis: Any, tick: float) -> bool:
    low, high = axis.get_xlim()
    return bool(low <= tick <= high)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
