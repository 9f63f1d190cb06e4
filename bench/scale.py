"""What terabytes cost, and what failing and slow workers do to a run: no packing, arithmetic only.

    python -m bench.scale                        # both tables of docs/scale.md
    python -m bench.scale --core-hour 0.01 --gb-month 0.004

The cost model takes CPU seconds and sizes from --csv (`bench.levels`), and compares with xz -9e of
the same samples: years of storage after which the CPU time of packing, and of unpacking once, is
paid for by the bytes saved.

The simulation has tasks of different size (a file, or a range of a large one), workers of different
speed, of which some are ten times slower, and workers that die at random and lose the task that
they are at; another takes it. Where no task is left to begin, a second copy of one that somebody is
still at may run, because every copy makes the same bytes.
"""

from __future__ import annotations

import argparse
import heapq
import lzma
import random
import sys
from pathlib import Path
from typing import Any

from bench.common import RESULTS, print_table, read_csv
from bench.levels import chosen, sample

TB = 1e12


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        prog="bench.scale", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--csv", type=Path, default=RESULTS / "levels.csv")
    parser.add_argument("--core-hour", type=float, default=0.03, help="dollars")
    parser.add_argument("--gb-month", type=float, default=0.023, help="dollars")
    parser.add_argument("samples", nargs="*", metavar="KIND=FILE", help="as for bench.levels")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    measured = read_csv(arguments.csv)
    sizes = {str(row["kind"]): int(row["raw_size"]) for row in measured}
    samples = chosen(arguments.samples)
    xz = {kind: xz_percent(sample(samples[kind], size)) for kind, size in sizes.items()}
    rows = [costs(row, xz, arguments) for row in measured]
    heads = [
        "kind",
        "level",
        "%",
        "core hours: pack 1 TB",
        "unpack",
        "GB saved",
        "break-even years",
    ]
    print_table(heads, rows)
    print()
    runs: list[list[object]] = []
    for hours in (0.0, 100.0, 10.0, 2.0):
        for slow in (0.0, 0.1):
            runs.extend(simulate(arguments, hours, slow, copies) for copies in (1, 2))
    print_table(
        ["worker dies every", "slow workers", "copies", "tasks", "runs", "lost", "time of ideal"],
        runs,
    )
    return 0


def costs(row: dict[str, Any], xz: dict[str, float], prices: argparse.Namespace) -> list[object]:
    """One row of the cost table."""
    raw = float(row["raw_size"])
    share = float(row["packed_size"]) / raw
    pack = TB / raw * float(row["pack_seconds"]) / 3600
    unpack = TB / raw * float(row["unpack_seconds"]) / 3600
    saved = (xz[row["kind"]] / 100 - share) * TB / 1e9
    yearly = saved * prices.gb_month * 12
    years = (pack + unpack) * prices.core_hour / yearly if yearly > 0 else float("inf")
    return [
        row["kind"], row["level"], f"{100 * share:.1f}", f"{pack:,.0f}", f"{unpack:,.0f}",
        f"{saved:,.0f}", f"{years:.1f}" if years < 1000 else "never",
    ]  # fmt: skip


def simulate(arguments: argparse.Namespace, hours: float, slow: float, copies: int) -> list[object]:
    """Run the tasks; a row of the table.

    Args:
        arguments: numbers of tasks and workers, seed.
        hours: mean time between the deaths of a worker, in hours of a task that takes 0.5 h; 0
            for never. A dead worker is back after 0.1 h.
        slow: share of workers that are ten times slower.
        copies: how many workers may be at the same task when none is left to begin.
    """
    rng = random.Random(arguments.seed)
    speeds = [rng.uniform(0.8, 1.2) for _ in range(arguments.workers)]
    for worker in range(int(slow * arguments.workers)):
        speeds[worker] /= 10
    sizes = [0.5 * rng.lognormvariate(0, 0.5) for _ in range(arguments.tasks)]
    waiting = list(range(arguments.tasks))
    at: dict[int, set[int]] = {}
    done: set[int] = set()
    events: list[tuple[float, int, int, bool]] = []
    idle: list[int] = []
    runs = lost = 0
    now = 0.0

    def begin(worker: int) -> None:
        nonlocal runs
        task = None
        if waiting:
            task = waiting.pop()
        else:
            open_ = [t for t, who in at.items() if len(who) < copies and worker not in who]
            task = max(open_, key=lambda t: sizes[t], default=None)
        if task is None:
            idle.append(worker)
            return
        runs += 1
        at.setdefault(task, set()).add(worker)
        takes = sizes[task] / speeds[worker]
        dies = rng.expovariate(1 / hours) if hours else float("inf")
        heapq.heappush(events, (now + min(takes, dies), worker, task, takes <= dies))

    for worker in range(arguments.workers):
        begin(worker)
    while len(done) < arguments.tasks:
        now, worker, task, whole = heapq.heappop(events)
        if task < 0:  # it is back
            begin(worker)
            continue
        at.get(task, set()).discard(worker)
        if whole:
            lost += task in done
            done.add(task)
            at.pop(task, None)
            begin(worker)
        else:
            lost += 1
            if task not in done and not at.get(task):
                at.pop(task, None)
                waiting.append(task)
            heapq.heappush(events, (now + 0.1, worker, -1, False))
        while waiting and idle:
            begin(idle.pop())
    ideal = sum(sizes) / sum(speeds)
    label = f"{hours:g} h" if hours else "never"
    return [label, f"{slow:.0%}", copies, arguments.tasks, runs, lost, f"{now / ideal:.2f}"]


def xz_percent(data: bytes) -> float:
    """What xz -9e makes of data, in percent."""
    return 100 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)) / len(data)


if __name__ == "__main__":
    sys.exit(main())
