"""Models, coders, stream and thread counts on the same file, in alternating runs: size and speed.

    python -m bench.models MODEL MODEL...              # alice29.txt, default settings, all cores
    python -m bench.models edgezip-small OTHER.gguf --file FILE --threads 1
    python -m bench.models edgezip-small --coders plain mix --threads 1 2     # what mixing costs
    python -m bench.models edgezip-small --streams 4 8 16 24         # size against speed

Loading a model is left out: a part of the file is packed first, untimed. A first round is
not counted. Medians of `--runs` rounds; `time / first` compares packing with the first coder's at
the same model, threads and streams.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path

from bench.common import EVAL, RESULTS, load_average, log, print_table, provenance, write_csv
from edgezip import api
from edgezip.models import resolve
from edgezip.pipeline.options import Coder, PackOptions, UnpackOptions

_WARM = 16_384


Setting = tuple[Path, int | None, int | None, Coder]
"""Model file, threads, streams, coder."""


def measure(setting: Setting, data: bytes) -> tuple[int, float, float]:
    """Packed bytes, seconds of packing and of unpacking; SystemExit when the file is not back."""
    path, threads, streams, coder = setting
    options = PackOptions(model=str(path), threads=threads, streams=streams, coder=coder)
    api.compress(data[:_WARM], options=options)  # edgezip keeps the model that it opened last
    start = time.perf_counter()
    packed = api.compress(data, options=options)
    middle = time.perf_counter()
    back = api.decompress(packed, model=str(path), options=UnpackOptions(threads=threads))
    end = time.perf_counter()
    if back != data:
        raise SystemExit(f"{path}: the file did not come back")
    return len(packed), middle - start, end - middle


def main() -> None:
    """Measure the models and print the table."""
    parser = argparse.ArgumentParser(
        prog="bench.models", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--file", type=Path, default=EVAL / "text" / "alice29.txt")
    parser.add_argument("--threads", type=int, nargs="+", default=[None])
    parser.add_argument("--streams", type=int, nargs="+", default=[None])
    parser.add_argument("--coders", nargs="+", choices=["auto", "plain", "mix"], default=["auto"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--csv", type=Path, default=RESULTS / "models-speed.csv")
    arguments = parser.parse_args()
    data = arguments.file.read_bytes()
    paths = [resolve(name).path for name in arguments.models]
    settings = list(
        itertools.product(paths, arguments.threads, arguments.streams, arguments.coders)
    )
    results: dict[Setting, list[tuple[int, float, float]]] = {each: [] for each in settings}
    for number in range(arguments.runs + 1):
        log(f"round {number} of {arguments.runs}")
        for setting in settings:
            found = measure(setting, data)
            if number:
                results[setting].append(found)
    rows = []
    for setting in settings:
        path, threads, streams, coder = setting
        runs = results[setting]
        pack, unpack = (statistics.median(run[k] for run in runs) for k in (1, 2))
        like = (path, threads, streams, arguments.coders[0])
        first = statistics.median(run[1] for run in results[like])
        rows.append(
            {
                "model": path.name,
                "model bytes": path.stat().st_size,
                "file": arguments.file.name,
                "bytes": len(data),
                "threads": threads or "all",
                "streams": streams or "chosen",
                "coder": coder,
                "packed": runs[0][0],
                "time / first": f"{pack / first:.3f}",
                "pack KB/s": f"{len(data) / pack / 1000:.1f}",
                "unpack KB/s": f"{len(data) / unpack / 1000:.1f}",
                "unpack/pack": f"{pack / unpack:.2f}",
            }
        )
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = {"load": load_average(), **provenance()}
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])


if __name__ == "__main__":
    main()
