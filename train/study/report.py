"""The tables of docs/scaling.md as Markdown, and where a curve does not go as theory says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from train.study.rates import adjusted, exponent, rises
from train.study.tables import Row, break_evens, rate

Tables = dict[str, list[Row]]
AMOUNTS = (1e6, 1e7, 1e8, 1e9)


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [headings, *rows]]
    lines.insert(1, "|" + "---|" * len(headings))
    return "\n".join(lines) + "\n"


def amount(size: float) -> str:
    """Bytes as people read them; "never" for infinity."""
    if math.isinf(size):
        return "never"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= factor:
            return f"{size / factor:,.3g} {unit}"
    return f"{size:.0f} B"


def _bpb(row: Row) -> str:
    return f"{float(row['bpb']):.3f}"


def sizes(tables: Tables) -> str:
    """Bits per byte, adjusted rates and break-even points of every size."""
    rows = tables["sizes"]
    even = break_evens(rows, tables["peers"])
    headings = ["parameters", "GGUF bytes", "bpb", "rate %"]
    headings += [f"adjusted %, {amount(a)}" for a in AMOUNTS]
    headings += ["beats gzip -9 from", "beats xz -9e from", "beats the size before from"]
    lines = []
    for row, e in zip(rows, even, strict=True):
        own, model = rate(row), float(row["gguf_bytes"])
        lines.append(
            [f"{int(row['parameters']):,}", f"{int(row['gguf_bytes']):,}", _bpb(row)]
            + [f"{100 * own:.1f}"]
            + [f"{100 * adjusted(own, model, a):.1f}" for a in AMOUNTS]
            + [amount(e["gzip -9"]), amount(e["xz -9e"])]
            + [amount(e["smaller"]) if "smaller" in e else ""]
        )
    for row in tables["peers"]:
        cells = [row["coder"], "", _bpb(row), f"{12.5 * float(row['bpb']):.1f}"]
        lines.append([*cells, *[""] * (len(headings) - len(cells))])
    x, y = ([float(row[name]) for row in rows] for name in ("parameters", "bpb"))
    return (
        markdown(headings, lines)
        + f"\nSlope of log bpb over log parameters: {exponent(x, y):.3f}\n"
    )


def tokens(tables: Tables) -> str:
    """Bits per byte against training tokens."""
    rows = tables["tokens"]
    x, y = ([float(row[name]) for row in rows] for name in ("train_tokens", "bpb"))
    lines = [[f"{int(row['train_tokens']):,}", _bpb(row)] for row in rows]
    table = markdown(["training tokens", "bpb"], lines)
    return table + f"\nSlope of log bpb over log tokens: {exponent(x, y):.3f}\n"


def vocab(tables: Tables) -> str:
    """Bits per byte, bytes per token and coding speed by vocabulary."""
    speed = {row["run"]: row for row in tables["speed"]}
    lines = []
    for row in tables["vocab"]:
        own = speed.get(row["run"], {})
        lines.append(
            [f"{int(row['pieces']):,}", f"{int(row['parameters']):,}"]
            + [f"{int(row['train_tokens']):,}", f"{float(row['bytes_per_token']):.2f}"]
            + [f"{float(row['bpb']) * float(row['bytes_per_token']):.2f}", _bpb(row)]
            + [f"{float(own[k]):.1f}" if own else "" for k in ("pack_kb_s", "unpack_kb_s")]
        )
    headings = ["pieces", "parameters", "training tokens", "bytes per token", "bits per token"]
    return markdown([*headings, "bpb", "packs KB/s", "unpacks KB/s"], lines)


def position(tables: Tables) -> str:
    """Bits per byte by position, a column for each size."""
    curves = position_curves(tables["position"])
    bins = [(row["first"], row["last"]) for row in next(iter(curves.values()), [])]
    lines = [
        [first if first == last else f"{first}-{last}", *(_bpb(c[i]) for c in curves.values())]
        for i, (first, last) in enumerate(bins)
    ]
    return markdown(["position", *curves], lines)


def position_curves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each size, by its name, in the order of the file."""
    curves: dict[str, list[Row]] = {}
    for row in rows:
        curves.setdefault(row["shape"], []).append(row)
    return curves


def checks(tables: Tables) -> str:
    """One line for every place where a curve rises that should fall."""
    curves = {
        "parameters": ("parameters", tables["sizes"]),
        "training tokens": ("train_tokens", tables["tokens"]),
    }
    for name, rows in position_curves(tables["position"]).items():
        curves[f"position, {name}"] = ("first", rows)
    found = []
    for name, (column, rows) in curves.items():
        values = [float(row["bpb"]) for row in rows]
        for i in rises(values):
            margin = float(rows[i]["margin_95"])
            found.append(
                f"- bpb rises over {name} at {rows[i][column]}:"
                f" {values[i - 1]:.4f} to {values[i]:.4f} (margin {margin:.4f})"
            )
    return "\n".join(found) + "\n" if found else "Every curve falls from point to point.\n"


def report(tables: Tables) -> str:
    """Everything that the CSV files hold."""
    sections = {"sizes": sizes, "tokens": tokens, "vocab": vocab, "position": position}
    parts = [f"## {name}\n\n{make(tables)}" for name, make in sections.items() if tables[name]]
    return "\n".join([*parts, f"## checks\n\n{checks(tables)}"])
