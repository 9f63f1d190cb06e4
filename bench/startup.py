"""How long things take that a user waits for at the start: medians over processes of their own.

    python -m bench.startup
    python -m bench.startup --runs 21

`import edgezip` must stay under 100 ms, and a 1 KB file must pack in under 1.5 s once the caches
(compiled kernels, files in memory) are warm. The first run of each line is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import (
    RESULTS,
    ROOT,
    edgezip_cli,
    load_average,
    print_table,
    provenance,
    safe_environment,
    write_csv,
)

IMPORT = "import time; a = time.perf_counter(); import edgezip; print(time.perf_counter() - a)"
LIMITS = {"import edgezip": 0.1, "pack 1 KB": 1.5}


def main() -> int:
    """Measure, print, store; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(
        prog="bench.startup", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=11, help="processes per line (11)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "startup.csv")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for what, measure in _measures(Path(name), arguments.threads).items():
            measure()
            times = sorted(measure() for _ in range(arguments.runs))
            rows.append(_row(what, times))
    print_table(
        ["", "median ms", "fastest", "slowest", "limit"], [list(r.values())[:5] for r in rows]
    )
    write_csv(arguments.csv, rows)
    return 1 if any(_exceeds(row) for row in rows) else 0


def _exceeds(row: dict[str, object]) -> bool:
    limit = str(row["limit_ms"])
    return bool(limit) and int(str(row["median_ms"])) > int(limit)


def _measures(folder: Path, threads: int) -> dict[str, Callable[[], float]]:
    file = folder / "message.txt"
    file.write_bytes((ROOT / "tests" / "data" / "courage.txt").read_bytes()[:1024])
    packed = folder / "message.txt.ez"
    options = ("-q", "-f", "-T", threads)
    return {
        "python itself": lambda: _process("pass"),
        "import edgezip": lambda: float(_python(IMPORT)),
        "edgezip --version": lambda: _cli("--version"),
        "pack 1 KB": lambda: _cli("pack", *options, file),
        "unpack 1 KB": lambda: _cli("unpack", *options, packed),
        "pack 1 KB, no model": lambda: _cli("pack", *options, "-m", "none", file),
    }


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=safe_environment(),
        check=True,
    )
    return done.stdout


def _process(code: str) -> float:
    started = time.perf_counter()
    _python(code)
    return time.perf_counter() - started


def _cli(*arguments: object) -> float:
    started = time.perf_counter()
    done = edgezip_cli(*map(str, arguments))
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"edgezip {arguments[0]} failed: {done.stderr.strip()}")
    return seconds


def _row(what: str, times: list[float]) -> dict[str, object]:
    limit = LIMITS.get(what)
    return {
        "what": what,
        "median_ms": round(1000 * statistics.median(times)),
        "fastest_ms": round(1000 * times[0]),
        "slowest_ms": round(1000 * times[-1]),
        "limit_ms": round(1000 * limit) if limit else "",
        "runs": len(times),
        **provenance(),
        "load": load_average(),
    }


if __name__ == "__main__":
    raise SystemExit(main())
