"""Packing is the same everywhere: many packs of one file under other settings, one SHA-256.

    python -m bench.repeatable                   # 100 packs of a text with binary parts
    python -m bench.repeatable --packs 4 FILE

Each pack is a process of its own with another PYTHONHASHSEED, locale, time zone, working directory,
number of threads and vector level (EDGEZIP_SIMD_LEVEL), and one in ten unpacks what another wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.common import RESULTS, ROOT, log, provenance, write_csv

LOCALES = ["C", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8", "POSIX"]
ZONES = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"]
THREADS = [1, 2, 8]
LEVELS = ["0", "1", "2", "3", "4", "5"]


def main() -> int:
    """Pack again and again; 1 unless all archives are the same and unpack to the input."""
    parser = argparse.ArgumentParser(
        prog="bench.repeatable",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, help="default: text, numbers and repeats")
    parser.add_argument("--packs", type=int, default=100)
    parser.add_argument("--model", default=None)
    parser.add_argument("--csv", type=Path, default=RESULTS / "repeatable.csv")
    arguments = parser.parse_args()
    raw = arguments.file.read_bytes() if arguments.file else sample()
    found, wrong = packs(raw, arguments.packs, arguments.model)
    print(f"{arguments.packs} packs, {len(found)} different archives, {wrong} wrong contents")
    for digest in sorted(found):
        print(digest)
    row = {
        "packs": arguments.packs,
        "archives": len(found),
        "wrong": wrong,
        "sha256": " ".join(sorted(found)),
    }
    write_csv(arguments.csv, [{**row, **provenance()}])
    return 0 if len(found) == 1 and not wrong else 1


def sample() -> bytes:
    """Some KB of text with CR LF, numbers and a repeat."""
    text = (ROOT / "tests" / "data" / "courage.txt").read_bytes()[:6000]
    numbers = b"".join(i.to_bytes(2, "little") for i in range(0, 4000, 3))
    return text.replace(b"\n", b"\r\n") + numbers + text[1000:3000]


def packs(raw: bytes, count: int, model: str | None) -> tuple[set[str], int]:
    """SHA-256 of the archives that `count` packs make, and how many unpack to something else."""
    found, wrong = set(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            place = Path(folder) / f"{number:03} é"
            place.mkdir()
            (place / "input").write_bytes(raw)
            _run(number, place, "pack", "-q", *_model(model), "input")
            found.add(hashlib.sha256((place / "input.ez").read_bytes()).hexdigest())
            if number % 10 == 0:
                _run(number + 1, place, "unpack", "-q", "input.ez", "-o", "back")
                wrong += (place / "back").read_bytes() != raw
                log(f"  {number + 1}/{count}")
    return found, wrong


def _model(model: str | None) -> list[str]:
    return [] if model is None else ["-m", str(Path(model).resolve())]


def _run(number: int, place: Path, *command: str) -> None:
    environment = os.environ | {
        "PYTHONHASHSEED": str(number * 7919 % 4294967295),
        "LC_ALL": LOCALES[number % len(LOCALES)],
        "TZ": ZONES[number % len(ZONES)],
        "EDGEZIP_SIMD_LEVEL": LEVELS[number % len(LEVELS)],
        "PYTHONSAFEPATH": "1",
    }
    threads = str(THREADS[number % len(THREADS)])
    call = [sys.executable, "-m", "edgezip", command[0], "-T", threads, *command[1:]]
    subprocess.run(call, cwd=place, env=environment, check=True)


if __name__ == "__main__":
    raise SystemExit(main())
