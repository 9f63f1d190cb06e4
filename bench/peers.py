"""Published sizes of the strongest compressors, from bench/peers.csv."""

from __future__ import annotations

from bench.common import ROOT, Row, read_csv

PEERS = ROOT / "bench" / "peers.csv"
COLUMNS = ("paq8px v216 -8", "cmix v21", "best of all")


def published() -> dict[tuple[str, str], int]:
    """Compressed bytes by (coder, file name)."""
    return {(row["coder"], row["file"]): int(row["bytes"]) for row in read_csv(PEERS)}


def speeds() -> dict[str, float]:
    """KB/s (1000 bytes) by coder, where a figure is published."""
    rows: list[Row] = read_csv(PEERS)
    return {row["coder"]: float(row["kb_per_s"]) for row in rows if row["kb_per_s"]}
