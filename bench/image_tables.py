"""What the table of exact contexts of the image coder is worth: bytes and memory at several sizes.

    python -m bench.image_tables                       # Kodak 23 in colour
    python -m bench.image_tables FILE... --lines 14 15 16 17

The most lines that a context of a plane has are 2^17 (`LINE_LOG2` of `coding/image/state.py`,
section 6 of docs/media.md), fewer for pictures of less than 2^17 pixels. Each row is a process of
its own that encodes at the default level with another most; other ones than 17 give payloads that
no decoder reads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench.common import (
    EVAL,
    RESULTS,
    ROOT,
    Row,
    integer,
    peak_memory,
    print_table,
    provenance,
    write_csv,
)


def main() -> int:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(
        prog="bench.image_tables",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    default = [EVAL / "images" / "kodak" / "23.png"]
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", default=default)
    parser.add_argument("--lines", type=int, nargs="+", default=[17, 16, 15, 14], help="log2")
    parser.add_argument("--csv", type=Path, default=RESULTS / "image_tables.csv")
    parser.add_argument("--encode", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.encode is not None:
        print(json.dumps(_encoded(arguments.paths[0], arguments.encode)))
        return 0
    rows: list[Row] = []
    for path in arguments.paths:
        for lines in arguments.lines:
            command = [
                sys.executable,
                "-m",
                "bench.image_tables",
                str(path),
                "--encode",
                str(lines),
            ]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            rows.append({"file": path.name, "lines": str(lines), **json.loads(done.stdout)})
            write_csv(arguments.csv, [{**row, **provenance()} for row in rows])
    _show(rows)
    return 0


def _show(rows: list[Row]) -> None:
    first = {row["file"]: int(row["bytes"]) for row in reversed(rows)}
    table = []
    for row in rows:
        more = 100 * (int(row["bytes"]) / first[row["file"]] - 1)
        megabytes = int(row["peak"]) // 1000000
        table.append((row["file"], row["lines"], integer(row["bytes"]), f"{more:.2f}", megabytes))
    print_table(("file", "lines, log2", "bytes", "% more", "peak MB"), table)


def _encoded(path: Path, lines: int) -> dict[str, str]:
    """Bytes and peak memory, with at most 2^`lines` lines."""
    import numpy as np
    from PIL import Image

    from edgezip.coding.image import codec, state
    from edgezip.coding.image.geometry import ImageGeometry

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    vars(state)["LINE_LOG2"] = state.LINE_LOG2[0], lines
    payload = codec.encode(pixels.tobytes(), ImageGeometry(pixels.shape[1], 3))
    return {"raw": str(pixels.nbytes), "bytes": str(len(payload)), "peak": str(peak_memory())}


if __name__ == "__main__":
    raise SystemExit(main())
