"""Sizes, speed and memory of edgezip and its peers on a set of files, as CSV and as a table.

    python -m bench.table                        # text, binary, logs and json of ../shared/eval
    python -m bench.table FILE... --plain
    python -m bench.table --show                 # the stored results, nothing is measured

Every (file, coder) pair is one row of the CSV, measured in child processes and verified by
decoding. Rows are kept as they come, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from bench.common import (
    EVAL,
    RESULTS,
    Row,
    code_version,
    files_of,
    group_and_name,
    hash_of,
    load_average,
    log,
    read_csv,
    run_worker,
    today,
    write_csv,
)

GROUPS = ("text", "binary", "logs", "json")
CLASSIC = ("gzip -9", "bzip2 -9", "xz -9e", "zstd -19", "brotli 11")
STRONGEST = "edgezip -9"
WORKER = "bench.worker"
YES_NO: dict[bool | None, str] = {True: "yes", False: "no", None: ""}


def main() -> int:
    """Measure what is missing, then print the table; 1 if a row did not decode to the input."""
    arguments = _parser().parse_args()
    paths = arguments.paths or [EVAL / group for group in GROUPS]
    files = files_of(paths)
    rows = {_key(row): row for row in read_csv(arguments.csv)}
    failed = 0
    if not arguments.show:
        failed = _measure_all(files, arguments, rows)
    wanted = {group_and_name(file) for file in files}
    report.show([row for row in rows.values() if (row["group"], row["file"]) in wanted])
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.table", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--csv", type=Path, default=RESULTS / "table.csv", help="where rows go")
    parser.add_argument("--model", help="GGUF, name or SHA-256 prefix (default: the bundled one)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--plain", action="store_true", help="also the plain coder")
    parser.add_argument("--no-ideal", action="store_true", help="leave the model's ideal out")
    parser.add_argument("--no-peers", action="store_true", help="leave gzip to brotli out")
    parser.add_argument("--only", nargs="+", metavar="CODER", help="these coders and no others")
    parser.add_argument("--pack-only", action="store_true", help="sizes only, nothing is decoded")
    parser.add_argument("--again", action="store_true", help="measure rows that are there as well")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    return parser


def _measure_all(
    files: list[Path], arguments: argparse.Namespace, rows: dict[tuple[str, ...], Row]
) -> int:
    """Measure the pairs that are not in `rows`; returns how many failed."""
    code = code_version()
    failed = 0
    for number, file in enumerate(files, 1):
        for coder in _coders(arguments):
            version = _version(coder, code, file)
            group, name = group_and_name(file)
            old = rows.get((group, name, coder))
            if old is not None and old["version"] == version and not arguments.again:
                continue
            log(f"[{number}/{len(files)}] {name}: {coder}")
            row = _measure(file, coder, version, arguments)
            if row is None:
                continue
            failed += row["verified"] == "no"
            rows[group, name, coder] = row
            write_csv(arguments.csv, list(rows.values()))
    return failed


def _coders(arguments: argparse.Namespace) -> list[str]:
    coders = [] if arguments.no_peers else list(CLASSIC)
    coders += ["edgezip none", "edgezip", STRONGEST]
    coders += ["edgezip plain"] if arguments.plain else []
    coders += [] if arguments.no_ideal else ["ideal"]
    return [coder for coder in coders if not arguments.only or coder in arguments.only]


def _version(coder: str, code: str, file: Path) -> str:
    content = hash_of([file])
    return content if coder in CLASSIC else f"{content} {code}"


def _measure(file: Path, coder: str, version: str, arguments: argparse.Namespace) -> Row | None:
    try:
        if coder in CLASSIC:
            found = _classic(file, coder)
        elif coder == "ideal":
            found = _ideal(file, arguments)
        else:
            found = _edgezip(file, coder, arguments)
    except RuntimeError as error:
        log(f"  FAILED: {error}")
        found = {"verified": False}
    return None if found is None else _row(file, coder, version, arguments, found)


def _classic(file: Path, coder: str) -> dict[str, Any] | None:
    done = run_worker(WORKER, {"action": "classic", "name": coder, "input": str(file)})
    if done.get("missing"):
        log(f"  left out: the Python module for {coder} is not installed")
        return None
    return {**done, "pack": done["seconds"], "unpack": done["unpack_seconds"]}


def _edgezip(file: Path, coder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    request: dict[str, object] = {
        "input": str(file),
        "model": "none" if coder == "edgezip none" else arguments.model,
        "threads": arguments.threads,
        "coder": "plain" if coder == "edgezip plain" else "auto",
        "level": 9 if coder == STRONGEST else None,
    }
    with tempfile.TemporaryDirectory() as folder:
        request["output"] = str(Path(folder) / "packed.ez")
        packed = run_worker(WORKER, {**request, "action": "pack"})
        if arguments.pack_only:
            return {**packed, "pack": packed["seconds"], "pack_memory": packed["peak_memory"]}
        unpacked = run_worker(WORKER, {**request, "action": "unpack"})
    return {
        **packed,
        "pack": packed["seconds"],
        "unpack": unpacked["seconds"],
        "unpack_memory": unpacked["peak_memory"],
        "pack_memory": packed["peak_memory"],
        "verified": unpacked["verified"],
    }


def _ideal(file: Path, arguments: argparse.Namespace) -> dict[str, Any] | None:
    request = {"action": "ideal", "input": str(file), "model": arguments.model}
    done = run_worker(WORKER, {**request, "threads": arguments.threads})
    # Nothing of the file went to the model: there is no ideal, and no need to ask again.
    return done if done["covered"] else {"bytes": None}


def _row(
    file: Path, coder: str, version: str, arguments: argparse.Namespace, found: dict[str, Any]
) -> Row:
    raw = file.stat().st_size
    group, name = group_and_name(file)
    size = found.get("bytes")
    lm_coded = found.get("lm_coded")
    values = {
        "group": group,
        "file": name,
        "coder": coder,
        "raw_bytes": raw,
        "bytes": size,
        "bpb": f"{8 * size / raw:.4f}" if size is not None and raw else "",
        "pack_kb_s": _speed(raw, found.get("pack")),
        "unpack_kb_s": _speed(raw, found.get("unpack")),
        "pack_mb": _megabytes(found.get("pack_memory")),
        "unpack_mb": _megabytes(found.get("unpack_memory")),
        "verified": YES_NO[found.get("verified")],
        "model_bytes": found.get("model_size"),
        "lm_coded_bytes": f"{lm_coded:.1f}" if lm_coded is not None else "",
        "channels": found.get("channels"),
        "threads": "" if coder in CLASSIC else arguments.threads,
        "model": "" if coder in CLASSIC else arguments.model or "bundled",
        "version": version,
        "date": today(),
        "load": load_average(),
    }
    return {key: "" if value is None else str(value) for key, value in values.items()}


def _speed(raw: int, seconds: float | None) -> str:
    return f"{raw / 1000 / seconds:.3g}" if seconds else ""


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.0f}" if size else ""


def _key(row: Row) -> tuple[str, ...]:
    return row["group"], row["file"], row["coder"]


if __name__ == "__main__":
    raise SystemExit(main())
