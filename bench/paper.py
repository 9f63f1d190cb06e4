"""Table 1 of "Language Modeling Is Compression" (2309.10668) over three kinds of data, decodable.

    python -m bench.paper                          # every coder, edgezip-small
    python -m bench.paper --models A.gguf B.gguf   # these models as well
    python -m bench.paper --limit 65536            # the first 64 KiB of each kind
    python -m bench.paper --show --plot            # what is stored; docs/pictures/paper.png

Two figures for each row: *paper*, counted as the paper counts, and *whole*, every byte that a file
needs, decoded and compared. docs/paper.md says what came out.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from bench import paper_coders, paper_models
from bench.common import RESULTS, ROOT, Row, log, print_table, read_csv, today, write_csv
from bench.paper_data import Column, columns, quoted, recordings
from edgezip.models.gguf import read_gguf
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions

PLOT = ROOT / "docs" / "pictures" / "paper.png"
LM_LIMIT = 65_536
_GIGABYTE = 999_999_488
"""Bytes of each of the paper's data sets, by which it adjusts."""
KINDS = ("text", "images", "audio", "random")


def main() -> int:
    """Measure what is missing; 1 if something was not decoded right."""
    arguments = _parser().parse_args()
    rows = {_key(row): row for row in read_csv(arguments.csv)}
    if not arguments.show:
        _measure(arguments, rows)
    _show(list(rows.values()))
    if arguments.plot:
        _plot(list(rows.values()))
    return 1 if any(row["decoded"] == "no" for row in rows.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.paper", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="*", default=["edgezip-small"], help="GGUFs or names")
    parser.add_argument("--coders", nargs="*", help="only those whose names begin so")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="which")
    parser.add_argument("--limit", type=int, help="bytes of each kind")
    parser.add_argument(
        "--lm-limit", type=int, default=LM_LIMIT, help=f"bytes for models ({LM_LIMIT})"
    )
    parser.add_argument("--sixteen", action="store_true", help="whole recordings of 16 bits, too")
    parser.add_argument("--csv", type=Path, default=RESULTS / "paper.csv", help="where rows go")
    parser.add_argument("--again", action="store_true", help="measure rows that are there as well")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    parser.add_argument("--plot", action="store_true", help="draw docs/pictures/paper.png")
    return parser


def _key(row: Row) -> tuple[str, ...]:
    return row["kind"], row["chunk"], row["coder"], row["raw_bytes"]


def _row(kind: str, chunk: str, coder: str, raw: int, **fields: Any) -> Row:
    """A row of the CSV; sizes in bytes, empty where there is no such figure."""
    order = ("paper_bytes", "whole_bytes", "parameters", "model_bytes", "outside", "decoded")
    row = {"kind": kind, "chunk": chunk, "coder": coder, "raw_bytes": str(raw)}
    return row | {name: str(fields.get(name, "")) for name in order} | {"date": today()}


def _measure(arguments: argparse.Namespace, rows: dict[tuple[str, ...], Row]) -> None:
    def wanted(row: Row) -> bool:
        return arguments.again or _key(row) not in rows

    def keep(row: Row) -> None:
        rows[_key(row)] = row
        write_csv(arguments.csv, list(rows.values()))

    chosen = [one for one in columns(arguments.limit) if one.name in arguments.kinds]
    for coder in paper_coders.coders():
        if arguments.coders is not None and not coder.name.startswith(tuple(arguments.coders)):
            continue
        for column in chosen:
            for chunked in (True, False):
                chunk = "2048" if chunked else "whole"
                empty = _row(column.name, chunk, coder.name, len(column.data))
                if chunked and not coder.chunked:
                    continue
                if column.name not in coder.columns or not wanted(empty):
                    continue
                log(f"{coder.name}: {column.name}, {chunk}")
                found = paper_coders.measure(coder, column, chunked)
                sizes = {"paper_bytes": found.paper, "whole_bytes": found.stored}
                told = "yes" if found.decoded else "no"
                data = len(column.data)
                keep(_row(column.name, chunk, coder.name, data, **sizes, decoded=told))
    if arguments.sixteen:
        _sixteen(wanted, keep)
    small = [one for one in columns(arguments.lm_limit) if one.name in arguments.kinds]
    for spec in arguments.models:
        _measure_model(spec, small, wanted, keep)


def _sixteen(wanted: Any, keep: Any) -> None:
    samples = recordings()
    raw = sum(map(len, samples))
    if wanted(_row("audio 16 bit", "whole", "edgezip audio coder, default", raw)):
        log("recordings of 16 bits")
        for name, (size, packed) in paper_coders.sixteen_bits(samples).items():
            keep(_row("audio 16 bit", "whole", name, size, whole_bytes=packed, decoded="yes"))


def _measure_model(spec: str, chosen: list[Column], wanted: Any, keep: Any) -> None:
    model = open_for_packing(PackOptions(model=spec))
    if model is None:
        return
    name = model.file.name
    sizes = {"model_bytes": model.file.size, "parameters": _parameters(model.file.path)}
    for column in chosen:
        raw = len(column.data)
        if wanted(_row(column.name, "2048", name, raw)):
            log(f"{name}: {column.name}")
            paper = paper_models.paper_form(model, column, log)
            whole = paper_models.chunked_form(model, column, log)
            keep(
                _row(
                    column.name, "2048", name, raw, paper_bytes=round(paper.size),
                    whole_bytes=round(whole.size), outside=f"{paper.outside:.4f}",
                    decoded="yes" if whole.decoded else "no", **sizes,
                )
            )  # fmt: skip
        mixed = f"{name}, mixed"
        if wanted(_row(column.name, "whole", mixed, raw)):
            found = paper_models.carried_form(model, column, log)
            told = "yes" if found.decoded else "no"
            size = round(found.size)
            keep(_row(column.name, "whole", mixed, raw, whole_bytes=size, decoded=told, **sizes))


def _parameters(path: Path) -> int:
    """Numbers in all tensors."""
    return sum(math.prod(tensor.shape) for tensor in read_gguf(path).tensors.values())


def _rate(row: Row, what: str) -> float | None:
    return 100 * int(row[what]) / int(row["raw_bytes"]) if row[what] else None


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _show(rows: list[Row]) -> None:
    """One line for each coder and chunk, figures of all kinds."""
    heads = ["coder", "chunk"]
    for kind in KINDS:
        heads += [f"{kind} paper", "whole"]
    lines: dict[tuple[str, str], list[str]] = {}
    added: dict[tuple[str, str], float] = {}
    for row in sorted(rows, key=lambda row: int(row["raw_bytes"])):  # the most bytes are shown
        if row["kind"] not in KINDS:
            continue
        key = row["coder"], row["chunk"]
        cells = lines.setdefault(key, [""] * (2 * len(KINDS)))
        place = 2 * KINDS.index(row["kind"])
        cells[place : place + 2] = [_text(_rate(row, f"{w}_bytes")) for w in ("paper", "whole")]
        if row["model_bytes"]:
            added[key] = 100 * int(row["model_bytes"]) / _GIGABYTE
    table: list[list[str]] = []
    order = dict.fromkeys((row["coder"], row["chunk"]) for row in rows if row["kind"] in KINDS)
    for key in order:
        cells = lines[key]
        table.append([*key, *cells, f"{added[key]:.2f}" if key in added else ""])
    for row in quoted():
        cells = [cell for kind in KINDS for cell in (row[kind], "")]
        more = f"{200 * int(row['parameters']) / _GIGABYTE:.2f}" if row["parameters"] else ""
        table.append([f"paper: {row['coder']}", row["chunk"], *cells, more])
    print_table([*heads, "model adds, 1 GB"], table)
    for row in rows:
        if row["kind"] not in KINDS:
            print(f"{row['kind']}, {row['coder']}: {_text(_rate(row, 'whole_bytes'))} %")


def _plot(rows: list[Row]) -> None:
    """Rate against parameters for three kinds: the paper's models and ours, whole forms hollow."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 4), sharex=True)
    for axis, kind in zip(axes, KINDS, strict=False):
        for row in quoted():
            if row["parameters"]:
                axis.plot(int(row["parameters"]), float(row[kind]), "o", color="#0072b2")
        for row in rows:
            if row["kind"] != kind or not row["parameters"]:
                continue
            size = int(row["parameters"])
            for what, fill in (("paper_bytes", "full"), ("whole_bytes", "none")):
                rate = _rate(row, what)
                mark = "s" if row["chunk"] == "2048" else "D"
                if rate is not None:
                    axis.plot(size, rate, mark, color="#d55e00", fillstyle=fill)
        best = [
            (row["coder"], rate)
            for row in rows
            if row["kind"] == kind and not row["parameters"] and row["chunk"] == "whole"
            if int(row["raw_bytes"]) > 100_000 and not row["coder"].endswith("strong")
            if (rate := _rate(row, "whole_bytes")) is not None
        ]
        for name, rate in sorted(best, key=lambda item: item[1])[:3]:
            axis.axhline(rate, color="#999", linewidth=0.8)
            axis.annotate(name, (1.2e5, rate), fontsize=7, va="bottom")
        axis.set_xscale("log")
        axis.set_xlim(1e5, 2e11)
        axis.set_title(f"{kind}, % of raw")
        axis.set_xlabel("parameters")
        axis.set_yscale("log")
        axis.set_yticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
    figure.suptitle(
        "Blue: the paper, an estimate. Orange: here; filled the paper's count, hollow what a file"
        " needs (square: chunks, diamond: whole, mixed)",
        fontsize=9,
    )
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=90)


if __name__ == "__main__":
    sys.exit(main())
