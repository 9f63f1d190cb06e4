"""The strict engine beside stock llama.cpp, in tokens per second, alternating runs.

    python -m bench.engine_speed                            # bundled model and the 110M shape
    python -m bench.engine_speed --models 1.1b 7b --streams 1 8
    python -m bench.engine_speed --stock-lib DIR            # folder with a stock libllama

Stock is llama-cpp-python's own library unless --stock-lib names another build; it is measured with
flash attention on and off, and the faster one counts. Each library runs in a process of its own;
only one of them computes at a time. The other shapes have random weights (bench.make_model) and are
written to --folder, outside the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.common import (
    RESULTS,
    Row,
    environment,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    require,
    write_csv,
)
from bench.make_model import SHAPES, make


class Child:
    """A process of `bench.engine_worker` with one library and one model."""

    def __init__(self, kind: str, model: Path, threads: int, library: Path | None) -> None:
        variables = environment()
        if library is not None:
            variables["LLAMA_CPP_LIB_PATH"] = str(library)
        command = [sys.executable, "-m", "bench.engine_worker", kind, str(model), str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
        )
        self._answer()

    def speed(self, **request: object) -> float:
        """Tokens per second of one run."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the engine's process ended; its message is above")
        return float(json.loads(line).get("speed", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> int:
    """Measure, print, store."""
    arguments = _parser().parse_args()
    rows = {(row["model"], row["shape"]): row for row in read_csv(arguments.csv)}
    for name in arguments.models:
        path = _model_path(name, arguments.folder)
        stock = arguments.stock_lib
        with (
            Child("strict", path, arguments.threads, None) as strict,
            Child("native", path, arguments.threads, stock) as native,
        ):
            for shape in _shapes(arguments):
                row = _measure(name, shape, strict, native, arguments)
                rows[row["model"], row["shape"]] = row
                write_csv(arguments.csv, list(rows.values()))
    _show(list(rows.values()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.engine_speed",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--models",
        nargs="+",
        default=["bundled", "110m"],
        help=f"bundled, {', '.join(SHAPES)}, PATH",
    )
    parser.add_argument("--streams", nargs="*", type=int, default=[1, 4, 16, 32], help="decoding")
    parser.add_argument("--prefill", nargs="*", type=int, default=[512], metavar="N")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs (5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a run, or one round (1)")
    parser.add_argument("--depth", type=int, default=128, help="cells filled before decoding (128)")
    parser.add_argument("--steps", type=int, default=64, help="calls of a decoding round (64)")
    parser.add_argument("--threads", type=int, default=2, help="of the engine (2)")
    parser.add_argument("--stock-lib", type=Path, metavar="DIR", help="a stock build of llama.cpp")
    folder = Path(tempfile.gettempdir()) / "edgezip-bench-models"
    parser.add_argument("--folder", type=Path, default=folder, help="where generated models lie")
    parser.add_argument("--csv", type=Path, default=RESULTS / "engine_speed.csv")
    return parser


def _model_path(name: str, folder: Path) -> Path:
    if name == "bundled":
        from edgezip.models import resolve

        return Path(resolve(None).path)
    if name in SHAPES:
        return make(name, folder / f"random-{name}.gguf")
    return require(Path(name), "model")


def _shapes(arguments: argparse.Namespace) -> list[tuple[str, int]]:
    decode = [("decode", streams) for streams in arguments.streams]
    return decode + [("prefill", count) for count in arguments.prefill]


def _measure(
    name: str, shape: tuple[str, int], strict: Child, native: Child, arguments: argparse.Namespace
) -> Row:
    """Alternate strict, stock and stock with flash attention; one run of each is thrown away."""
    what, count = shape
    request: dict[str, object] = {"what": what, "count": count, "seconds": arguments.seconds}
    if what == "decode":
        del request["count"]
        request |= {"streams": count, "depth": arguments.depth, "steps": arguments.steps}
    speeds: dict[str, list[float]] = {"strict": [], "stock": [], "stock flash": []}
    for run in range(arguments.runs + 1):
        for side, found in speeds.items():
            child = strict if side == "strict" else native
            speed = child.speed(**request, flash=side == "stock flash")
            if run:
                found.append(speed)
    medians = {side: statistics.median(found) for side, found in speeds.items()}
    stock = max(medians["stock"], medians["stock flash"])
    row = {
        "model": Path(name).stem if os.sep in name else name,
        "shape": f"{what} {count}",
        "strict": f"{medians['strict']:.1f}",
        "stock": f"{medians['stock']:.1f}",
        "stock_flash": f"{medians['stock flash']:.1f}",
        "ratio": f"{medians['strict'] / stock:.2f}",
        **{f"{side.replace(' ', '_')}_runs": _list(found) for side, found in speeds.items()},
        "threads": str(arguments.threads),
        "depth": str(arguments.depth),
        **provenance(),
        "load": load_average(),
    }
    log(f"{row['model']} {row['shape']}: {row['strict']} against {stock:.1f}, {row['ratio']}")
    return row


def _list(values: list[float]) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def _show(rows: list[Row]) -> None:
    columns = ["model", "shape", "strict", "stock", "stock_flash", "ratio", "threads", "load"]
    print_table(columns, [[row[column] for column in columns] for row in rows])
    print("tokens per second, medians; ratio: strict against the faster of stock and stock_flash")


if __name__ == "__main__":
    raise SystemExit(main())
