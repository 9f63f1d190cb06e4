"""Damages small archives in every place and counts what unpacking says: never wrong bytes.

    python -m bench.faults                       # bundled model and no model; takes long
    python -m bench.faults --every 16 --jobs 2
    python -m bench.faults --resume              # without the rows that are stored for this version
    python -m bench.faults --stories

Each archive of about 4 KB is cut at every prefix, every bit of its first 1 KB is flipped, every
byte of its first 512 is given every other value (without a language model; with one, one in 64),
and each block of 512 bytes is made zero; once made of many small frames and once of a single one.
All of it goes through `--recover` as well, which may give only true parts, and all of them where it
lists nothing as lost. A *loss* is wrong or missing bytes without an exception; a *crash* is an
exception that is not an EdgezipError. Both must be 0. Frames that were decoded before from the very
same bytes are taken from a memory, so that only damaged ones cost time. Every prefix (with a
model, one in 64) goes through the command line in one process (exit code 3, no output), some
damages through one of their own: exit code 3 to 6, no output, no traceback.

The version of a row covers what the processes that try the damages have loaded of the package: the
code that packs is not part of it, and for rows of the library neither is the command line.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bench.archives import (
    BLOCK,
    KINDS,
    Archive,
    Damage,
    Outcome,
    cli_outcome,
    make,
    start_worker,
    try_commands,
    try_damages,
    versions,
)
from bench.common import RESULTS, STORIES, Row, log, print_table, read_csv, today, write_csv

FLIP_BYTES = 1024
CHANGE_BYTES = 512
WITH_MODEL_EVERY = 64
S = TypeVar("S")
T = TypeVar("T")
CLI_TRIES = 6
SINGLE_FRAME_EVERY = 16
"""A single large frame is decoded from its start each time, so fewer damages are tried."""


def main() -> int:
    """Try all damages; 1 if there is a loss or a crash."""
    parser = argparse.ArgumentParser(
        prog="bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try one damage of N (1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--stories", action="store_true", help="stories260K for the bundled model")
    parser.add_argument("--only", choices=[*KINDS], help="only archives of this kind")
    parser.add_argument("--no-model", action="store_true", help="only archives without a model")
    parser.add_argument("--resume", action="store_true", help="keep rows of this version")
    parser.add_argument("--csv", type=Path, default=RESULTS / "faults.csv")
    arguments = parser.parse_args()
    models = [str(STORIES) if arguments.stories else None, "none"][arguments.no_model :]
    rows: list[Mapping[str, object]] = []
    for model in models:
        for kind in [arguments.only] if arguments.only else KINDS:
            archive = make(kind, model)
            every = arguments.every * (SINGLE_FRAME_EVERY if kind == "single frame" else 1)
            (stamp,) = _spread(archive, [None], 1, _versions)
            kept = _stored(arguments.csv, stamp) if arguments.resume else {}
            for row in _all_faults(archive, every, arguments.jobs, kept):
                version = stamp["command" in str(row["fault"])]
                date = row.get("date") or today()
                rows.append({**row, "version": version, "date": date})
                # One row after the other: a run that is ended has not been in vain.
                write_csv(arguments.csv, [*_others(arguments.csv, rows), *rows])
    headings = ["archive", "fault", "tried", "losses", "crashes", "coders", "unpacking said"]
    cells = [[f"{r['model']}, {r['archive']}", *list(r.values())[2:8]] for r in rows]
    print_table(headings, cells)
    bad = sum(int(str(row["losses"])) + int(str(row["crashes"])) for row in rows)
    print(f"{bad} losses and crashes")
    return 1 if bad else 0


def _others(path: Path, rows: Sequence[Mapping[str, object]]) -> list[Row]:
    """Stored rows that `rows` do not replace."""
    done = {(row["model"], row["archive"], row["fault"]) for row in rows}
    stored = read_csv(path)
    if stored and [*stored[0]] != [*rows[0]]:
        return []
    return [row for row in stored if (row["model"], row["archive"], row["fault"]) not in done]


def _stored(path: Path, stamp: tuple[str, str]) -> dict[tuple[str, str, str], Row]:
    """The stored rows of a version, by model, archive and fault."""
    rows = [row for row in read_csv(path) if row["version"] == stamp["command" in row["fault"]]]
    return {(row["model"], row["archive"], row["fault"]): row for row in rows}


def _all_faults(
    archive: Archive, every: int, jobs: int, stored: Mapping[tuple[str, str, str], Row]
) -> Iterator[Mapping[str, object]]:
    """Rows for truncations, bit flips and the command line; those of `stored` as they are, if they
    are about as many damages."""
    size = len(archive.packed)
    changes = every if archive.model == "none" else every * WITH_MODEL_EVERY
    cuts = [("cut", n) for n in range(0, size, every)]
    flips = [("bit", n) for n in range(0, 8 * min(FLIP_BYTES, size), every)]
    bytes_ = [("byte", n) for n in range(0, 255 * min(CHANGE_BYTES, size), changes)]
    blocks = [("block", n) for n in range(-(-size // BLOCK))]
    # The longest last: a run that is ended has most of the rows.
    faults = {"truncated": cuts, "bit flipped": flips, "block zero": blocks, "byte changed": bytes_}
    log(f"{archive.title}: {len(archive.raw):,} -> {size:,} bytes")

    def known(fault: str, damages: Sequence[Damage]) -> Row | None:
        row = stored.get((archive.model_name, archive.kind, fault))
        return row if row is not None and row["tried"] == str(len(damages)) else None

    prefixes = cuts if archive.model == "none" else cuts[::WITH_MODEL_EVERY]
    name = "truncated, command"
    yield known(name, prefixes) or _row(
        archive, name, _spread(archive, prefixes, jobs, try_commands)
    )
    some = [*cuts[:: -(-len(cuts) // 3)], *flips[:: -(-len(flips) // 3)]][:CLI_TRIES]
    yield _row(archive, "by command line", [cli_outcome(archive, d) for d in some])
    for name, damages in faults.items():
        names = [name, f"{name}, recovered"]
        rows = [known(fault, damages) for fault in names]
        if None in rows:
            outcomes = zip(*_spread(archive, damages, jobs, try_damages), strict=True)
            yield from (_row(archive, *pair) for pair in zip(names, outcomes, strict=True))
        else:
            yield from (row for row in rows if row is not None)


def _spread(
    archive: Archive,
    damages: Sequence[S],
    jobs: int,
    attempt: Callable[[list[S]], list[T]],
) -> list[T]:
    """Outcomes of all damages, in processes that each hold the archive."""
    chunk = 64
    parts = [[*damages[i : i + chunk]] for i in range(0, len(damages), chunk)]
    outcomes: list[T] = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, start_worker, (archive,)) as pool:
        for done, part in enumerate(pool.imap(attempt, parts), 1):
            outcomes += part
            if done % 8 == 0 or done == len(parts):
                log(f"  {min(done * chunk, len(damages))}/{len(damages)}")
    return outcomes


def _versions(_: list[None]) -> list[tuple[str, str]]:
    return [versions()]


def _row(archive: Archive, fault: str, outcomes: Sequence[Outcome]) -> dict[str, object]:
    said = Counter(outcome.said for outcome in outcomes)
    for outcome in outcomes:
        if outcome.verdict != "refused" and outcome.verdict != "harmless":
            log(f"  {outcome.verdict.upper()}: damage {outcome.damage}: {outcome.said}")
    return {
        "model": archive.model_name,
        "archive": archive.kind,
        "fault": fault,
        "tried": len(outcomes),
        "losses": sum(outcome.verdict == "loss" for outcome in outcomes),
        "crashes": sum(outcome.verdict == "crash" for outcome in outcomes),
        "coders": archive.coders,
        "said": " ".join(f"{name}:{count}" for name, count in said.most_common()),
        "packed_bytes": len(archive.packed),
    }


if __name__ == "__main__":
    raise SystemExit(main())
