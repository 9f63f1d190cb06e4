"""Crafted files: what they cost in memory and time to whoever unpacks them.

    python -m bench.bombs                        # some minutes
    python -m bench.bombs --only recover

*Output*: small files that unpack to much; the peak memory of `unpack_stream` must not depend on it.
*Claims*: headers that claim up to 2^63 bytes; each must be refused in under 0.1 s and 50 MiB, the
start of the program aside. *Recover*: files that make the search of `--recover` work; twice the
bytes may take twice the time. Seconds are CPU time. Each case runs in a process of its own. Exits
with 1 beyond a bound.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from bench.common import (
    RESULTS,
    code_version,
    log,
    print_table,
    run_worker,
    today,
    write_csv,
)

MOST_MEMORY = 1 << 30
"""Bound of docs/reliability.md: bytes that unpacking may take, whatever the input."""
MOST_CLAIM_SECONDS = 0.1
MOST_CLAIM_MEMORY = 50 << 20
KINDS = ("output", "claims", "recover")


@dataclass(frozen=True)
class Case:
    """A crafted file: how it is made, by name and number, and how it is read."""

    kind: str
    name: str
    number: int = 0


CASES = [
    *(
        Case("output", name)
        for name in ("deflate", "lzma", "bzip2", "repeats", "channels", "payload")
    ),
    *(Case("claims", name) for name in ("stored", "coded", "frame", "index", "spans", "extras")),
    *(
        Case("recover", name, size << 10)
        for name in ("frame marks", "end marks", "short headers", "long headers", "members")
        for size in (76, 152, 304)
    ),
]


def main() -> int:
    """Measure all cases; 1 if one is beyond its bound."""
    parser = argparse.ArgumentParser(
        prog="bench.bombs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=KINDS, help="only cases of this kind")
    parser.add_argument("--csv", type=Path, default=RESULTS / "bombs.csv")
    arguments = parser.parse_args()
    rows, bad = [], 0
    for case in CASES:
        if arguments.only in (None, case.kind):
            row = {"kind": case.kind, "name": case.name, **_run(case)}
            log(f"  {row}")
            bad += not row["good"]
            rows.append(row)
    if rows:
        print_table([*rows[0]], [list(row.values()) for row in rows])
        version = code_version()
        write_csv(arguments.csv, [{**row, "version": version, "date": today()} for row in rows])
    print(f"{bad} beyond their bound")
    return 1 if bad else 0


def _run(case: Case) -> dict[str, object]:
    request = {"kind": case.kind, "name": case.name, "number": case.number}
    done = run_worker("bench.bombs_worker", request)
    seconds, memory = float(done["seconds"]), int(done["memory"])
    good = memory < MOST_MEMORY
    if case.kind == "claims":
        good = seconds < MOST_CLAIM_SECONDS and int(done["growth"]) < MOST_CLAIM_MEMORY
    return {
        "bytes": done["bytes"],
        "output": done["output"],
        "seconds": f"{seconds:.3f}",
        "peak_mb": memory >> 20,
        "growth_mb": int(done["growth"]) >> 20,
        "said": done["said"],
        "good": good,
    }


if __name__ == "__main__":
    raise SystemExit(main())
