"""Sizes of texts under other windows, kept tokens and streams of a model.

    python -m bench.windows smollm2-135m --settings 512:128:1 2048:512:1 1280:320:1:160:8192

A setting is WINDOW:KEEP:STREAMS, renewed when it is full, or has EVICT and SPAN behind.

Each text goes through the mixing coder as one channel: payload bytes, without header. The texts are
the beginnings of kinds of the corpus's validation documents (`--kinds KIND:BYTES`), which nothing
else here is measured on, or `--files`. Seconds are those of the CPU, of one thread unless
`--threads` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from pathlib import Path

from bench.common import (
    RESULTS,
    SHARED,
    Row,
    load_average,
    print_table,
    provenance,
    read_csv,
    require,
    write_csv,
)
from edgezip.container import Settings
from edgezip.container import constants as c
from edgezip.pipeline.coders import language
from edgezip.pipeline.context import Context
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions

_VALIDATION = SHARED / "corpus" / "val.jsonl.xz"
_KEYS = ("model", "text", "window", "keep", "streams", "evict", "span")
_COLUMNS = (*_KEYS, "bytes", "packed", "cpu_seconds")


def beginnings(path: Path, wanted: dict[str, int]) -> dict[str, bytes]:
    """The first bytes of each kind's documents, one after the other."""
    found = dict.fromkeys(wanted, b"")
    with lzma.open(require(path, "the validation text"), "rt", encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            kind = row["kind"]
            if kind in wanted and len(found[kind]) < wanted[kind]:
                found[kind] += row["text"].encode()
    return {kind: text[: wanted[kind]] for kind, text in found.items()}


def measure(
    model: LanguageModel, data: bytes, window: int, keep: int, streams: int, evict: int, span: int
) -> int:
    """Bytes of the payload of the mixing coder."""
    context = Context(model, Settings(window=window, keep=keep, evict=evict, span=span))
    settings = language.LanguageSettings(streams, len(data))
    return len(language.encode(c.LM_MIX, data, settings, context, lambda count: None).payload)


def main() -> None:
    """Measure, print, store; rows of other settings stay."""
    parser = argparse.ArgumentParser(
        prog="bench.windows", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--settings", nargs="+", required=True, metavar="W:K:S[:E:N]")
    kinds = ["docs_en:24000", "novels_en:40000"]
    parser.add_argument("--kinds", nargs="+", default=kinds, metavar="KIND:BYTES")
    parser.add_argument("--files", nargs="+", type=Path, metavar="FILE", help="instead of those")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--csv", type=Path, default=RESULTS / "windows.csv")
    arguments = parser.parse_args()
    pairs = (kind.split(":") for kind in arguments.kinds)
    texts = (
        {path.name: path.read_bytes() for path in arguments.files}
        if arguments.files
        else beginnings(_VALIDATION, {kind: int(count) for kind, count in pairs})
    )
    options = PackOptions(model=arguments.model, threads=arguments.threads)
    model = open_for_packing(options)
    if model is None:
        raise SystemExit("name a model")
    rows: dict[tuple[str, ...], Row] = {_key(row): row for row in read_csv(arguments.csv)}
    for setting in arguments.settings:
        numbers = list(map(int, setting.split(":")))
        if len(numbers) not in (3, 5):
            parser.error(f"{setting} has neither three nor five numbers")
        window, keep, streams = numbers[:3]
        evict, span = numbers[3:] or (window // 2, window)
        for name, data in texts.items():
            start = time.process_time()
            packed = measure(model, data, window, keep, streams, evict, span)
            seconds = f"{time.process_time() - start:.1f}"
            key = (model.file.name, name, window, keep, streams, evict, span)
            values = (*key, len(data), packed, seconds)
            row = dict(zip(_COLUMNS, map(str, values), strict=True))
            row |= {"threads": str(arguments.threads), "load": load_average()}
            row |= provenance()
            rows[_key(row)] = row
            write_csv(arguments.csv, list(rows.values()))
    print_table(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows.values()])


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[column] for column in _KEYS)


if __name__ == "__main__":
    main()
