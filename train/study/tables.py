"""The CSV files of the study, and what is computed from their rows."""

from __future__ import annotations

import csv
import gzip
import lzma
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.plot import read_csv
from train.study.rates import break_even

Row = dict[str, str]
NAMES = ("sizes", "tokens", "vocab", "position", "peers", "speed")


def path_of(results: Path, name: str) -> Path:
    """Where the table called `name` is kept."""
    return results / f"study-{name}.csv"


def write(results: Path, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table in one step; floats get six digits."""
    results.mkdir(parents=True, exist_ok=True)
    path = path_of(results, name)
    partial = path.with_suffix(".partial")
    with open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    os.replace(partial, path)
    print(f"{path}: {len(rows)} rows", flush=True)


def read(results: Path) -> dict[str, list[Row]]:
    """All tables that are there; the rows of the sizes in order of parameters."""
    found = {name: read_csv(path_of(results, name)) for name in NAMES}
    if not any(found.values()):
        raise SystemExit(f"no study-*.csv in {results}: run the other commands first")
    for name, column in (("sizes", "parameters"), ("tokens", "train_tokens"), ("vocab", "pieces")):
        found[name].sort(key=lambda row: float(row[column]))
    return found


def peers(text: bytes) -> list[dict[str, Any]]:
    """What general compressors make of the validation text as one file."""
    coded = {
        "gzip -9": gzip.compress(text, 9, mtime=0),
        "xz -9e": lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
    }
    return [
        {
            "coder": name,
            "raw_bytes": len(text),
            "bytes": len(data),
            "bpb": 8 * len(data) / len(text),
        }
        for name, data in coded.items()
    ]


def peer_rate(rows: Sequence[Row], coder: str) -> float:
    """Compressed bytes per raw byte of one of `peers`; raises SystemExit when it is not there."""
    for row in rows:
        if row["coder"] == coder:
            return float(row["bytes"]) / float(row["raw_bytes"])
    raise SystemExit(f"no row of {coder} in study-peers.csv: run `python -m train.study sizes`")


def rate(row: Row) -> float:
    """Compressed bytes per raw byte of a model's row."""
    return float(row["bpb"]) / 8


def break_evens(sizes: Sequence[Row], peer_rows: Sequence[Row]) -> list[dict[str, float]]:
    """For each size, in order: bytes from which it beats raw, gzip, xz and the size before it."""
    table = []
    for i, row in enumerate(sizes):
        own, model = rate(row), float(row["gguf_bytes"])
        entry = {"raw": break_even(own, model, 1.0)}
        for coder in ("gzip -9", "xz -9e"):
            entry[coder] = break_even(own, model, peer_rate(peer_rows, coder))
        if i:
            smaller = sizes[i - 1]
            entry["smaller"] = break_even(own, model, rate(smaller), float(smaller["gguf_bytes"]))
        table.append(entry)
    return table
