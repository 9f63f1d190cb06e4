"""Several models on the same file, in alternating runs: size, and speed of packing and unpacking.

    python -m bench.models MODEL MODEL...              # alice29.txt, default settings, all cores
    python -m bench.models edgezip-small OTHER.gguf --file FILE --threads 1

Loading a model is left out: a part of the file is packed first, untimed. A first round of all
models is not counted. Medians of `--runs` rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from bench.common import (
    EVAL,
    RESULTS,
    code_version,
    load_average,
    log,
    print_table,
    today,
    write_csv,
)
from edgezip import api
from edgezip.models import ModelFile, resolve
from edgezip.pipeline.options import PackOptions, UnpackOptions

_WARM = 16_384


def measure(model: ModelFile, data: bytes, threads: int | None) -> tuple[int, float, float]:
    """Packed bytes, seconds of packing and of unpacking; SystemExit when the file is not back."""
    options = PackOptions(model=str(model.path), threads=threads)
    api.compress(data[:_WARM], options=options)  # edgezip keeps the model that it opened last
    start = time.perf_counter()
    packed = api.compress(data, options=options)
    middle = time.perf_counter()
    back = api.decompress(packed, model=str(model.path), options=UnpackOptions(threads=threads))
    end = time.perf_counter()
    if back != data:
        raise SystemExit(f"{model.path}: the file did not come back")
    return len(packed), middle - start, end - middle


def main() -> None:
    """Measure the models and print the table."""
    parser = argparse.ArgumentParser(
        prog="bench.models", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--file", type=Path, default=EVAL / "text" / "alice29.txt")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--csv", type=Path, default=RESULTS / "models-speed.csv")
    arguments = parser.parse_args()
    data = arguments.file.read_bytes()
    models = [resolve(name) for name in arguments.models]
    results: dict[int, list[tuple[int, float, float]]] = {i: [] for i in range(len(models))}
    for number in range(arguments.runs + 1):
        log(f"round {number} of {arguments.runs}")
        for i, model in enumerate(models):
            found = measure(model, data, arguments.threads)
            if number:
                results[i].append(found)
    rows = []
    for i, model in enumerate(models):
        pack, unpack = (statistics.median(run[k] for run in results[i]) for k in (1, 2))
        rows.append(
            {
                "model": model.path.name,
                "model bytes": model.path.stat().st_size,
                "file": arguments.file.name,
                "bytes": len(data),
                "packed": results[i][0][0],
                "pack KB/s": f"{len(data) / pack / 1000:.1f}",
                "unpack KB/s": f"{len(data) / unpack / 1000:.1f}",
                "unpack/pack": f"{pack / unpack:.2f}",
            }
        )
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = {"load": load_average(), "version": code_version(), "date": today()}
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])


if __name__ == "__main__":
    main()
