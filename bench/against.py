"""Another installation of edgezip beside this one, in turns: is any of them slower?

    python -m bench.against /path/to/its/bin/python
    python -m bench.against OTHER --bytes 4000000 --runs 5 --only random --threads 1

For every input, packing and unpacking in whole processes, first the other installation's and then
this one's, again and again. What counts is the least CPU time (user and system) and the least time
by the clock of all runs: other work on the machine only ever adds. Each unpacks what it has packed
itself, and the content is compared. The kernels of both must be compiled, or the first run of each
line does it, which the minimum then leaves out; the same holds for Python's bytecode, which is
written even where the environment forbids it, because installed packages have it. Both should have
the same engine, or the lines with a model compare engines, too.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import (
    EVAL,
    RESULTS,
    ROOT,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    require,
    safe_environment,
    write_csv,
)

SIDES = ("other", "this")


@dataclass
class Side:
    """What one installation needed for a line: CPU time and time by the clock of each run."""

    python: str
    packed: int = 0
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def run(self, *arguments: str | Path) -> None:
        """One process; both times are noted."""
        command = [self.python, "-m", "edgezip", *map(str, arguments)]
        environment = safe_environment()
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()  # or it would go on beside whatever is measured next
            raise
        self.wall.append(time.perf_counter() - started)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")


def main() -> int:
    """Measure, print, store; 1 if a line took more CPU time here than `--tolerance` allows."""
    parser = argparse.ArgumentParser(
        prog="bench.against", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("other", help="the Python of the other installation")
    parser.add_argument("--runs", type=int, default=3, help="of each (3)")
    parser.add_argument("--bytes", type=int, default=20_000_000, help="of made inputs (20000000)")
    parser.add_argument("--only", choices=[*INPUTS], action="append", help="only these inputs")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--tolerance", type=float, default=0.03, help="part of the time (0.03)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "against.csv")
    arguments = parser.parse_args()
    if not hasattr(os, "wait4"):
        raise SystemExit("CPU time of a child process is known on Unix only")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        for what in arguments.only or INPUTS:
            file = Path(name) / f"{what}.bin"
            file.write_bytes(INPUTS[what](arguments.bytes))
            for direction, sides in _measure(file, arguments).items():
                rows.append({**_row(what, file, direction, sides), **provenance()})
            file.unlink()
            write_csv(arguments.csv, [*_others(arguments.csv, rows), *rows])
    print_table([*rows[0]][:-3], [[*row.values()][:-3] for row in rows])
    slower = [row for row in rows if float(str(row["cpu_ratio"])) > 1 + arguments.tolerance]
    print(f"{len(slower)} of {len(rows)} lines take more CPU time here")
    return 1 if slower else 0


def _measure(file: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Side]]:
    """Both sides for packing and for unpacking `file`."""
    pythons = dict(zip(SIDES, (arguments.other, sys.executable), strict=True))
    results = {
        direction: {side: Side(python) for side, python in pythons.items()}
        for direction in ("pack", "unpack")
    }
    raw = file.read_bytes()
    options = ("-q", "-f", "-T", arguments.threads)
    for number in range(arguments.runs):
        for side in SIDES:
            packed, back = file.with_suffix(f".{side}.ez"), file.with_suffix(f".{side}")
            results["pack"][side].run("pack", *options, "-o", packed, file)
            results["unpack"][side].run("unpack", *options, "-o", back, packed)
            if back.read_bytes() != raw:
                raise SystemExit(f"{file.name}: {side} does not give it back")
            for direction in results.values():
                direction[side].packed = packed.stat().st_size
            packed.unlink()
            back.unlink()
        log(f"  {file.stem}: {number + 1}/{arguments.runs}")
    return results


def _row(what: str, file: Path, direction: str, sides: dict[str, Side]) -> dict[str, object]:
    row: dict[str, object] = {
        "input": what,
        "direction": direction,
        "raw_bytes": file.stat().st_size,
        "runs": len(sides["this"].cpu),
    }
    for unit in ("cpu", "wall"):
        least = [min(getattr(sides[side], unit)) for side in SIDES]
        row |= {f"{side}_{unit}": f"{s:.2f}" for side, s in zip(SIDES, least, strict=True)}
        row[f"{unit}_ratio"] = f"{least[1] / least[0]:.2f}"
    row |= {f"{side}_packed": sides[side].packed for side in SIDES}
    return {**row, "load": load_average()}


def _others(path: Path, rows: list[dict[str, object]]) -> list[dict[str, str]]:
    """Stored rows that `rows` do not replace."""
    done = {_line(row) for row in rows}
    return [row for row in read_csv(path) if _line(row) not in done]


def _line(row: Mapping[str, object]) -> tuple[str, ...]:
    """What a row is about, as it is written."""
    return tuple(str(row[name]) for name in ("input", "raw_bytes", "direction"))


def _log(size: int) -> bytes:
    """Real logs again and again, each time with other digits."""
    choice = random.Random(1)
    parts = [path.read_bytes() for path in sorted(require(EVAL / "logs", "logs").glob("*.log"))]
    digits = [b"%d" % n for n in range(10)]
    out = bytearray()
    while len(out) < size:
        for part in parts:
            out += re.sub(rb"(?<=\d)\d\b", lambda _: choice.choice(digits), part)
    return bytes(out[:size])


INPUTS: dict[str, Callable[[int], bytes]] = {
    "message": lambda size: (ROOT / "tests" / "data" / "courage.txt").read_bytes()[:1024],
    "alice29": lambda size: require(EVAL / "text" / "alice29.txt", "alice29.txt").read_bytes(),
    "zeros": bytes,
    "log": _log,
    "random": lambda size: random.Random(1).randbytes(size),
}


if __name__ == "__main__":
    raise SystemExit(main())
