"""How much of packing and unpacking with a model is spent in its matrix products.

    cmake -S native -B build/tools -DEDGEZIP_LLAMA_SOURCE=SOURCE -DEDGEZIP_TOOLS=ON
    cmake --build build/tools --target kernel_bench
    python -m bench.product_share build/tools/bin/kernel_bench smollm2-135m

One thread. While a file is packed and unpacked the tokens that the engine is given are counted, by
how many come at once. kernel_bench then says how fast each matrix of the model is multiplied by so
many columns, by itself and in cache: what those products would take at that speed is compared with
the CPU time of the whole (without opening the model), the best of `--runs` for both.
"""

from __future__ import annotations

import argparse
import functools
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import (
    EVAL,
    RESULTS,
    Row,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    require,
    write_csv,
)
from edgezip import api
from edgezip.engine import Session
from edgezip.models import resolve
from edgezip.models.gguf import read_gguf
from edgezip.pipeline.options import PackOptions, UnpackOptions

_COLUMNS = ("model", "file", "direction", "bytes", "seconds", "products", "share", "kb_per_s")
_WARM = 4_096
_MOST_COLUMNS = 512


@dataclass
class Counted:
    """Tokens evaluated and rows of logits made, by the size of their batch."""

    tokens: Counter[int] = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)
    streams: int = 0

    def add(self, tokens: int, rows: int) -> None:
        """A batch of `tokens` of which `rows` get logits."""
        self.tokens[tokens] += tokens
        self.rows[max(rows, 1)] += rows

    def add_steps(self, tokens: int) -> None:
        """Tokens decoded one per stream and step."""
        self.tokens[self.streams] += tokens
        self.rows[self.streams] += tokens


@contextmanager
def counting(counted: Counted) -> Iterator[None]:
    """Count what goes through all sessions. Steps happen in machine code and are not seen, only
    how many streams take part."""
    evaluate, next_tokens = Session.evaluate, Session.next_tokens

    @functools.wraps(evaluate)
    def evaluated(self: Session, tokens: Any, streams: Any, positions: Any, wanted: Any) -> Any:
        for at in range(0, len(tokens), self.batch_size):
            part = np.asarray(wanted[at : at + self.batch_size])
            counted.add(len(part), int(np.count_nonzero(part)))
        return evaluate(self, tokens, streams, positions, wanted)

    @functools.wraps(next_tokens)
    def appended(self: Session, n: int, position: int) -> Any:
        counted.streams = max(counted.streams, n)
        return next_tokens(self, n, position)

    Session.evaluate, Session.next_tokens = evaluated, appended  # type: ignore[method-assign]
    try:
        yield
    finally:
        Session.evaluate, Session.next_tokens = evaluate, next_tokens  # type: ignore[method-assign]


def matrices(path: Path) -> tuple[Counter[tuple[str, int, int]], tuple[str, int, int]]:
    """The matrices of the blocks (type, rows, k), each with how many there are, and the output's,
    which is the embedding where the model has no other."""
    blocks: Counter[tuple[str, int, int]] = Counter()
    tensors = read_gguf(path).tensors
    for name, tensor in tensors.items():
        if name.startswith("blk.") and len(tensor.shape) == 2:
            blocks[tensor.type.name, tensor.shape[1], tensor.shape[0]] += 1
    output = tensors.get("output.weight", tensors["token_embd.weight"])
    return blocks, (output.type.name, output.shape[1], output.shape[0])


class Kernels:
    """Speeds of single products, as kernel_bench finds them."""

    def __init__(self, program: Path, runs: int) -> None:
        self._program = require(program, "kernel_bench")
        self._runs = runs
        self._speeds: dict[tuple[str, int, int, int], float] = {}

    def seconds(self, matrix: tuple[str, int, int], batches: Counter[int]) -> float:
        """Seconds for the product of a matrix with so many columns (by size of the batch)."""
        kind, rows, k = matrix
        total = 0.0
        for size, columns in batches.items():
            total += rows * k * columns / self._speed(kind, rows, k, min(size, _MOST_COLUMNS))
        return total

    def _speed(self, kind: str, rows: int, k: int, columns: int) -> float:
        """Products of two numbers a second."""
        key = (kind, rows, k, columns)
        if key not in self._speeds:
            found = [self._measure(*key) for _ in range(self._runs)]
            log(f"{kind} {rows} x {k}, {columns} columns: {max(found):.1f} GMAC/s")
            self._speeds[key] = max(found) * 1e9
        return self._speeds[key]

    def _measure(self, kind: str, rows: int, k: int, columns: int) -> float:
        command = [
            str(self._program),
            "--format",
            kind,
            "--columns",
            str(columns),
            str(rows),
            str(k),
        ]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(rf" {columns}: +([0-9.]+)", out)
        if found is None:
            raise SystemExit(f"kernel_bench does not know {kind}:\n{out}")
        return float(found[1])


def fewer_sizes(batches: Counter[int], most: int = 6) -> Counter[int]:
    """The commonest sizes; columns of the others are counted at the nearest of them."""
    kept = sorted(size for size, _ in batches.most_common(most))
    found: Counter[int] = Counter()
    for size, columns in batches.items():
        found[min(kept, key=lambda each: abs(each - size))] += columns
    return found


def least(runs: int, work: Callable[[], bytes]) -> tuple[bytes, float, Counted]:
    """What `work` gives, the least CPU time of several runs, and what the last one counted."""
    times = []
    for _ in range(runs):
        counted = Counted()
        with counting(counted):
            start = time.process_time()
            result = work()
            times.append(time.process_time() - start)
    return result, min(times), counted


def measure(kernels: Kernels, path: Path, file: Path, size: int, runs: int) -> list[Row]:
    """Both directions of one file."""
    data = file.read_bytes()[:size]
    packing = PackOptions(model=str(path), threads=1)
    unpacking = UnpackOptions(threads=1)
    api.decompress(api.compress(data[:_WARM], options=packing), model=str(path), options=unpacking)
    packed, pack_seconds, pack_counted = least(runs, lambda: api.compress(data, options=packing))
    back, unpack_seconds, unpack_counted = least(
        runs, lambda: api.decompress(packed, model=str(path), options=unpacking)
    )
    if back != data:
        raise SystemExit(f"{file} did not come back")
    coded = sum(pack_counted.rows.values())
    unpack_counted.add_steps(coded - sum(unpack_counted.rows.values()))
    blocks, output = matrices(path)
    rows = []
    for direction, seconds, counted in (
        ("pack", pack_seconds, pack_counted),
        ("unpack", unpack_seconds, unpack_counted),
    ):
        tokens, logits = fewer_sizes(counted.tokens), fewer_sizes(counted.rows)
        products = kernels.seconds(output, logits)
        products += sum(n * kernels.seconds(matrix, tokens) for matrix, n in blocks.items())
        log(f"{direction}: columns at once {dict(tokens)}, with logits {dict(logits)}")
        values = (
            path.stem, file.name, direction, str(len(data)), f"{seconds:.1f}", f"{products:.1f}",
            f"{products / seconds:.2f}", f"{len(data) / seconds / 1000:.2f}",
        )  # fmt: skip
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(
        prog="bench.product_share",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("kernel_bench", type=Path, metavar="KERNEL_BENCH")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--file", type=Path, default=EVAL / "text" / "alice29.txt")
    parser.add_argument("--bytes", type=int, default=1 << 40, help="the beginning of the file")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--csv", type=Path, default=RESULTS / "product_share.csv")
    arguments = parser.parse_args()
    kernels = Kernels(arguments.kernel_bench, arguments.runs)
    rows: list[Row] = []
    for name in arguments.models:
        path = resolve(name).path
        rows += measure(kernels, path, arguments.file, arguments.bytes, arguments.runs)
    stamp = {"load": load_average(), **provenance()}
    measured = [{**row, **stamp} for row in rows]
    print_table(list(_COLUMNS), [[row[column] for column in _COLUMNS] for row in measured])
    known = {(row["model"], row["file"], row["direction"]) for row in measured}
    kept = [
        row
        for row in (read_csv(arguments.csv) if arguments.csv.exists() else [])
        if (row["model"], row["file"], row["direction"]) not in known
    ]
    write_csv(arguments.csv, kept + measured)


if __name__ == "__main__":
    main()
