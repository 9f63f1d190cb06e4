"""`edgezip bench`: sizes, speed and memory on the user's own files, beside other compressors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgezip.cli import bench_worker
from edgezip.cli.console import Console, printable, write_line
from edgezip.cli.inputs import STDIN
from edgezip.errors import InputError, SettingsError
from edgezip.models import resolve
from edgezip.pipeline.effort import LEVELS
from edgezip.pipeline.opening import NO_MODEL

_CODERS = ("mix", "plain")
_HEAD = ("coder", "bytes", "bpb", "% of raw", "packs KB/s", "unpacks KB/s", "memory MB")


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What to measure: models named with -m (none: the default one), threads; the levels 1 to 9 as
    well; peers or not."""

    models: tuple[str, ...]
    threads: int | None = None
    peers: bool = True
    levels: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    peer: str | None
    options: dict[str, Any]
    level: int | None = None


def bench_files(names: Sequence[str], request: BenchRequest, console: Console) -> int:
    """Measure every coder on all files; returns the exit code.

    Raises:
        SettingsError: standard input cannot be read several times.
        InputError: a file is missing, or it is none.
    """
    if STDIN in names:
        raise SettingsError("bench reads its files several times; standard input cannot be")
    raw = 0
    for name in names:
        if os.path.isdir(name):
            raise InputError(f"{name}: is a directory; name the files in it")
        if not os.path.exists(name):
            raise InputError(f"{name}: no such file")
        if not os.path.isfile(name):
            raise SettingsError(f"bench reads its files several times; {name} is no plain file")
        raw += os.path.getsize(name)
    if not raw:
        raise InputError("there is nothing to measure in empty files")
    code = 0
    rows: list[dict[str, Any]] = []
    jobs = _jobs(request)
    if not console.json:
        width = max(len(job.name) for job in jobs)
        write_line(sys.stdout, _line(_HEAD, width))
    for job in jobs:
        found = _measured(job, [os.path.abspath(name) for name in names])
        if "error" in found:
            console.warn(job.name, str(found["error"]))
            code = code or int(found["code"])
            continue
        rows.append(_row(job.name, raw, found))
        console.result({**rows[-1], "files": list(names)})
        if not console.json:
            write_line(sys.stdout, _line(_cells(rows[-1]), width))
    return code


def _jobs(request: BenchRequest) -> list[_Job]:
    """First edgezip without a model, with each model and each coder, then the peers."""
    common = {"threads": request.threads}
    jobs = [_Job("edgezip, no model", None, {**common, "model": NO_MODEL})]
    for spec in request.models or (None,):
        if spec == NO_MODEL:
            continue
        file = resolve(spec)
        model = str(file.path)
        jobs.append(_Job(f"edgezip, {file.name}", None, {**common, "model": model}))
        jobs += [
            _Job(f"  --coder {coder}", None, {**common, "model": model, "coder": coder})
            for coder in _CODERS
        ]
        if request.levels:
            # Level 1 is without a model, whatever is named.
            named = {**common, "model": None if file.bundled else model}
            jobs += [_Job(f"  -{level}", None, named, level) for level in LEVELS]
    if request.peers:
        jobs += [_Job(name, name, {}) for name in bench_worker.available()]
    return jobs


def _measured(job: _Job, files: Sequence[str]) -> dict[str, Any]:
    """What the worker says."""
    request = {"peer": job.peer, "options": job.options, "files": list(files), "level": job.level}
    done = subprocess.run(
        [sys.executable, "-m", "edgezip.cli.bench_worker"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": last, "code": 1}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _row(name: str, raw: int, found: dict[str, Any]) -> dict[str, Any]:
    size = sum(found["sizes"])
    pack, unpack = (max(seconds, 1e-9) for seconds in found["seconds"])
    return {
        "coder": name.strip(),
        "shown": name,
        "raw_size": raw,
        "packed_size": size,
        "packed_sizes": found["sizes"],
        "bits_per_byte": 8 * size / raw,
        "pack_kb_per_s": raw / 1000 / pack,
        "unpack_kb_per_s": raw / 1000 / unpack,
        "peak_memory": found["peak_memory"],
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    memory = row["peak_memory"]
    return (
        row["shown"],
        f"{row['packed_size']:,}",
        f"{row['bits_per_byte']:.3f}",
        f"{12.5 * row['bits_per_byte']:.1f}",
        f"{row['pack_kb_per_s']:,.1f}",
        f"{row['unpack_kb_per_s']:,.1f}",
        "" if memory is None else f"{memory / 1e6:,.0f}",
    )


def _line(cells: Sequence[str], width: int) -> str:
    first, *others = cells
    return printable(f"{first:{width}}" + "".join(f"  {cell:>12}" for cell in others))
