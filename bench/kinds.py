"""Forty-odd kinds of files, made on the spot: is any of them larger with the model than without?

    python -m bench.kinds
    python -m bench.kinds base64 fasta --size 200000

The automatic choice must never cost more than 0.5 % and 32 bytes over `--model none`, whatever the
file. Times are CPU seconds of packing in this process, everything warmed up; the exit code is 1 if
a file is larger than allowed or does not come back.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import edgezip
from bench.common import RESULTS, Row, code_version, log, read_csv, write_csv
from bench.kind_makers import KINDS
from edgezip.pipeline.options import PackOptions

COLUMNS = (
    "kind",
    "raw_size",
    "auto_size",
    "none_size",
    "auto_seconds",
    "none_seconds",
    "coders",
    "version",
)
SIZE = 60_000
SHARE, BYTES = 1.005, 32


def main() -> int:
    """Measure and print; 1 if a kind is larger than allowed."""
    arguments = _parser().parse_args()
    names = arguments.kinds or list(KINDS)
    rows = {row["kind"]: row for row in read_csv(arguments.csv)}
    _pack(b"warm up " * 9, "none"), _pack(b"warm up " * 900, None)
    bad = 0
    for name in names:
        row = _measure(name, arguments.size, not arguments.no_check)
        rows[name] = row
        write_csv(arguments.csv, list(rows.values()))
        bad += not allowed(row)
        log(describe(row))
    total = [sum(int(rows[name][key]) for name in names) for key in ("auto_size", "none_size")]
    log(f"{len(names)} kinds, {bad} larger than allowed; {total[0]:,} bytes, none {total[1]:,}")
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.kinds", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "kinds", nargs="*", choices=[*KINDS, []], metavar="KIND", help=", ".join(KINDS)
    )
    parser.add_argument("--size", type=int, default=SIZE, help=f"bytes of each file ({SIZE})")
    parser.add_argument("--no-check", action="store_true", help="do not unpack")
    parser.add_argument("--csv", type=Path, default=RESULTS / "kinds.csv", help="where rows go")
    return parser


def _measure(name: str, size: int, check: bool) -> Row:
    raw = KINDS[name](size)
    sizes, seconds, coders = [], [], ""
    for model in (None, "none"):
        packed, took = _pack(raw, model)
        if check and edgezip.decompress(packed) != raw:
            raise SystemExit(f"{name}: did not come back")
        sizes.append(len(packed))
        seconds.append(f"{took:.2f}")
        coders = coders or _coders(packed)
    values = [name, len(raw), *sizes, *seconds, coders, code_version()]
    return dict(zip(COLUMNS, map(str, values), strict=True))


def _pack(raw: bytes, model: str | None) -> tuple[bytes, float]:
    started = time.process_time()
    packed = edgezip.compress(raw, options=PackOptions(model=model))
    return packed, time.process_time() - started


def _coders(packed: bytes) -> str:
    members = edgezip.inspect_stream(io.BytesIO(packed))
    names = [part.coder for m in members for frame in m.frames for part in frame.channels]
    return "+".join(sorted(set(names)))


def allowed(row: Row) -> bool:
    """Whether the automatic choice is small enough."""
    return int(row["auto_size"]) <= int(row["none_size"]) * SHARE + BYTES


def describe(row: Row) -> str:
    """A line for people."""
    auto, none = int(row["auto_size"]), int(row["none_size"])
    mark = " " if allowed(row) else "!"
    times = float(row["auto_seconds"]) / max(float(row["none_seconds"]), 0.01)
    return (
        f"{mark} {row['kind']:14} {int(row['raw_size']):8,} {auto:8,} {none:8,}"
        f" {100 * (auto / none - 1):+7.2f} %  {times:5.1f} x time  {row['coders']}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
