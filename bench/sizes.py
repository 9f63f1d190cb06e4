"""Exact compressed sizes of files of this repository: a change of one of them is a reviewed diff.

    python -m bench.sizes             # compare with bench/results/sizes.csv; 1 if it differs
    python -m bench.sizes --write     # store what is measured, to be committed with its cause

Nothing else is measured, so it takes some seconds, and it needs no file from elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import edgezip
from bench.common import RESULTS, ROOT, print_table, read_csv, write_csv
from edgezip.pipeline.options import PackOptions

DATA = ROOT / "tests" / "data"
WAYS = {
    "default": PackOptions(),
    "none": PackOptions(model="none"),
    "plain": PackOptions(coder="plain"),
}


def inputs() -> dict[str, bytes]:
    """Name and content of what is packed."""
    courage, roughing = ((DATA / f"{name}.txt").read_bytes() for name in ("courage", "roughing_it"))
    numbers = b"".join((i * i).to_bytes(4, "little") for i in range(2000))
    return {
        "message": courage[:200],
        "courage 8K": courage[:8192],
        "roughing_it 8K, CR LF": roughing[:8192].replace(b"\n", b"\r\n"),
        "numbers": numbers,
        "text and numbers": courage[:4000] + numbers[:4000] + courage[1000:3000],
        "GGUF header": (DATA / "stories260K.gguf").read_bytes()[:8192],
    }


def main() -> int:
    """Measure, and compare or store; 1 if a size differs from the stored one."""
    parser = argparse.ArgumentParser(
        prog="bench.sizes", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="store the sizes")
    parser.add_argument("--csv", type=Path, default=RESULTS / "sizes.csv")
    arguments = parser.parse_args()
    before = {(row["input"], row["way"]): row["packed"] for row in read_csv(arguments.csv)}
    rows: list[dict[str, Any]] = []
    for name, raw in inputs().items():
        for way, options in WAYS.items():
            packed = edgezip.compress(raw, options=options)
            if edgezip.decompress(packed) != raw:
                raise SystemExit(f"{name}, {way}: does not come back")
            rows.append({"input": name, "way": way, "raw": len(raw), "packed": len(packed)})
    changed = [row for row in rows if before.get((row["input"], row["way"])) != str(row["packed"])]
    cells = [[*row.values(), before.get((row["input"], row["way"]), "")] for row in changed]
    print_table(["input", "way", "raw", "packed", "stored"], cells)
    print(f"{len(changed)} of {len(rows)} sizes differ from {arguments.csv.name}")
    if arguments.write:
        write_csv(arguments.csv, rows)
    return 1 if changed and not arguments.write else 0


if __name__ == "__main__":
    raise SystemExit(main())
