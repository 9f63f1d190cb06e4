"""Calls with several models in turn: the memory of the process stops growing.

    python -m bench.memory                 # 50 rounds with two models and with four
    python -m bench.memory --rounds 150

Each round packs and unpacks a message with each model: the bundled one, and copies of stories260K
that differ in their context. Two models stay open; of four, each has to be opened again in every
round. What is resident after the twentieth round is compared with what is after the last one.
"""

from __future__ import annotations

import argparse
import struct
import tempfile
from pathlib import Path

import edgezip
from bench.common import RESULTS, STORIES, log, print_table, provenance, write_csv
from edgezip.pipeline.options import PackOptions, UnpackOptions

TEXT = b"Once upon a time there was a little girl who liked to play in the park.\n"
FIRST = 20
"""Round by which the allocator has settled."""
ALLOWED = 64 << 20
"""Bytes of growth that are no leak: what the allocator keeps goes up and down by that where models
are opened again and again. The fault that this shows mended took 16 MB a round."""


def main() -> int:
    """Measure; 1 if the memory grows."""
    parser = argparse.ArgumentParser(
        prog="bench.memory", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50, help="calls with each model (50)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "memory.csv")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        others = [_with_context(Path(folder), context) for context in (256, 320, 384)]
        for models in ([None, others[0]], [None, *others]):
            edgezip.release_models()
            sizes = [_round(models) for _ in range(arguments.rounds)]
            growth = sizes[-1] - sizes[FIRST - 1]
            row = {"models": len(models), "rounds": arguments.rounds, "bytes": sizes[-1]}
            rows.append({**row, f"growth since round {FIRST}": growth})
            log(f"  {len(models)} models: {[size >> 20 for size in sizes[::5]]} MiB")
    print_table([*rows[0]], [[*row.values()] for row in rows])
    write_csv(arguments.csv, [{**r, **provenance()} for r in rows])
    return 1 if any(int(str([*row.values()][-1])) > ALLOWED for row in rows) else 0


def _round(models: list[Path | None]) -> int:
    """One call each way with each model; bytes that are resident afterwards."""
    for model in models:
        packed = edgezip.compress(TEXT, options=PackOptions(model=model, threads=1))
        back = edgezip.decompress(packed, options=UnpackOptions(model=model, threads=1))
        if back != TEXT:
            raise SystemExit("a message does not come back")
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def _with_context(folder: Path, context: int) -> Path:
    """stories260K as it is, but for the length of its context: another file, another model."""
    data = bytearray(STORIES.read_bytes())
    key = b"llama.context_length"
    struct.pack_into("<I", data, data.index(key) + len(key) + 4, context)
    path = folder / f"{context}.gguf"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
