"""What a second copy of the same text in a tar costs, in bytes and in time.

    python -m bench.repeats                    # 1 MB of ../shared/eval/text, bundled model
    python -m bench.repeats --size 100000 --model none

Packs a tar with the text once and a tar with it twice, under two names, alternating; the medians of
the times count. The aim: at most 2 % more bytes and 10 % more time.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tarfile
import time
from pathlib import Path

from bench.common import (
    EVAL,
    RESULTS,
    files_of,
    load_average,
    log,
    print_table,
    provenance,
    write_csv,
)
from edgezip import api
from edgezip.pipeline.options import PackOptions, UnpackOptions


def main() -> int:
    """Measure, print, store; 1 if a tar does not come back."""
    parser = argparse.ArgumentParser(
        prog="bench.repeats", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="texts to take the bytes from")
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of the text (1000000)")
    parser.add_argument("--model", help="GGUF, name, or none (default: the bundled one)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--runs", type=int, default=1, help="alternating runs (1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "repeats.csv")
    arguments = parser.parse_args()
    text = _text(arguments.files or [EVAL / "text"], arguments.size)
    tars = {"once": _tar([("a.txt", text)]), "twice": _tar([("a.txt", text), ("b.txt", text)])}
    options = PackOptions(model=arguments.model, threads=arguments.threads)
    rows = _measure(tars, options, arguments.runs)
    _show(rows)
    write_csv(arguments.csv, rows)
    return 1 if any(row["verified"] == "no" for row in rows) else 0


def _text(paths: list[Path], size: int) -> bytes:
    """`size` bytes of the largest files; no byte is taken twice."""
    files = sorted(files_of(paths), key=lambda file: file.stat().st_size, reverse=True)
    text = b"".join(file.read_bytes() for file in files)[:size]
    if len(text) < size:
        raise SystemExit(f"the files have {len(text)} bytes only; name more or a smaller --size")
    return text


def _tar(members: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _measure(tars: dict[str, bytes], options: PackOptions, runs: int) -> list[dict[str, object]]:
    model = None if options.model == "none" else options.model
    back = UnpackOptions(model=model, threads=options.threads)
    warm_up = tars["once"][:3000]
    api.decompress(api.compress(warm_up, options=options), options=back)
    pack_times: dict[str, list[float]] = {name: [] for name in tars}
    packed = {}
    for run in range(runs):
        for name, tar in tars.items():
            log(f"run {run + 1}: {name}")
            started = time.perf_counter()
            packed[name] = api.compress(tar, options=options)
            pack_times[name].append(time.perf_counter() - started)
    rows: list[dict[str, object]] = []
    for name, tar in tars.items():
        started = time.perf_counter()
        same = api.decompress(packed[name], options=back) == tar
        rows.append(
            {
                "tar": name,
                "model": options.model or "bundled",
                "raw_bytes": len(tar),
                "bytes": len(packed[name]),
                "pack_s": f"{statistics.median(pack_times[name]):.2f}",
                "unpack_s": f"{time.perf_counter() - started:.2f}",
                "runs": runs,
                "verified": "yes" if same else "no",
                **provenance(),
                "load": load_average(),
            }
        )
    return rows


def _show(rows: list[dict[str, object]]) -> None:
    columns = ["tar", "raw_bytes", "bytes", "pack_s", "unpack_s", "verified"]
    cells = [[row[column] for column in columns] for row in rows]
    more: list[object] = ["second copy"]
    for column in columns[1:-1]:
        once, twice = (float(str(row[column])) for row in rows)
        more.append(f"{100 * twice / once - 100:+.1f} %")
    print_table(columns, [*cells, [*more, ""]])


if __name__ == "__main__":
    raise SystemExit(main())
