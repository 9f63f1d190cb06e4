"""Kernels compiled for a level of processors against those for this very one: bits and speed.

    python -m bench.kernel_levels [FILE] [--levels host,x86-64-v3,x86-64-v2]

Packs and unpacks FILE in a process of its own for each level, whose kernels are compiled for it if
they are not kept. CPU seconds, the best of --runs. Fails if the packed bytes differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.common import RESULTS, ROOT, print_table, provenance, write_csv

SAMPLE = ROOT / "tests" / "data" / "roughing_it.txt"


def main() -> int:
    """Measure; 1 if levels do not agree."""
    parser = argparse.ArgumentParser(
        prog="bench.kernel_levels",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--levels", default="host,x86-64-v3,x86-64-v2")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, default=RESULTS / "kernel_levels.csv")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.file.read_bytes(), arguments.runs)))
        return 0
    rows = []
    for level in arguments.levels.split(","):
        environment = dict(os.environ)
        if level != "host":
            environment |= {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": ""}
        command = [sys.executable, "-m", "bench.kernel_levels", "--worker", str(arguments.file)]
        command += ["--runs", str(arguments.runs)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        rows.append({"level": level, **json.loads(done.stdout)})
    stamped = [{**row, **provenance()} for row in rows]
    write_csv(arguments.csv, stamped)
    heads = ["level", "bytes", "packs KB/s", "unpacks KB/s", "compiled", "SHA-256"]
    print_table(heads, list(map(texts, rows)))
    return 0 if len({row["sha256"] for row in rows}) == 1 else 1


def texts(row: dict[str, Any]) -> list[object]:
    """A row of the table."""
    packs, unpacks = (f"{row['raw_size'] / 1000 / row[key]:.1f}" for key in ("pack", "unpack"))
    return [
        row["level"], row["packed_size"], packs, unpacks, row["compiled"], row["sha256"][:16],
    ]  # fmt: skip


def measure(data: bytes, runs: int) -> dict[str, Any]:
    """Sizes, digest and CPU seconds in this process."""
    import edgezip
    from edgezip.coding.watch import watching
    from edgezip.pipeline.options import PackOptions, UnpackOptions

    compiled: list[str] = []
    options, back = PackOptions(threads=1), UnpackOptions(threads=1)
    with watching(lambda name, kept: None if kept else compiled.append(name)):
        packed = edgezip.compress(data, options=options)
        edgezip.decompress(packed, options=back)
    pack, unpack = [], []
    for _ in range(runs):
        start = time.process_time()
        packed = edgezip.compress(data, options=options)
        middle = time.process_time()
        if edgezip.decompress(packed, options=back) != data:
            raise SystemExit("the sample does not come back")
        pack.append(middle - start)
        unpack.append(time.process_time() - middle)
    return {
        "raw_size": len(data),
        "packed_size": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "pack": round(min(pack), 3),
        "unpack": round(min(unpack), 3),
        "compiled": len(compiled),
    }


if __name__ == "__main__":
    sys.exit(main())
