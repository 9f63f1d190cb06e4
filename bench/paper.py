"""Table 1 of "Language Modeling Is Compression" (2309.10668) over three kinds of data, decodable.

    python -m bench.paper                          # measures what is missing, prints the table
    python -m bench.paper --models llama-2-7b.Q4_0.gguf
    python -m bench.paper --show --plot            # what is stored; docs/pictures/paper*.png
    python -m bench.paper --try                    # 4 KiB of each kind, nothing is stored

Two figures for each row: *paper*, counted as the paper counts, and *whole*, every byte that a file
needs, decoded and compared. A row is kept as soon as it is measured, and measured again when the
sample, the model or the code that it comes from is another: so the command may be stopped at any
time, and what it leaves is one table. docs/paper.md says what came out.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bench import paper_coders, paper_show
from bench.common import RESULTS, ROOT, Row, log, read_csv, today, write_csv
from bench.paper_data import KINDS, MODELS, SIXTEEN, Column, columns
from bench.paper_models import Found, Measuring
from edgezip.errors import ModelError
from edgezip.models.gguf import read_gguf
from edgezip.pipeline import selftest
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions

STUDY = ROOT / "train" / "runs" / "study"
NAMED = ("edgezip-small", "smollm2-135m")
RULES = 1
"""Raised by hand when this command measures something else."""
_TRIED = 4096


@dataclass(frozen=True)
class _Job:
    """One row: what it is of, the `code` that makes it, and how to get its figures."""

    column: Column
    chunk: str
    coder: str
    code: str
    measure: Callable[[], Row]

    @property
    def key(self) -> tuple[str, ...]:
        return self.column.sample, self.column.name, self.chunk, self.coder

    def is_in(self, rows: dict[tuple[str, ...], Row]) -> bool:
        """Whether the row is there, of this code and of as many bytes."""
        row = rows.get(self.key)
        return row is not None and (row["code"], row["raw_bytes"]) == (
            self.code, str(len(self.column.data)),
        )  # fmt: skip

    def row(self) -> Row:
        sample, kind, chunk, coder = self.key
        named = {"sample": sample, "kind": kind, "chunk": chunk, "coder": coder}
        fields = ("paper_bytes", "whole_bytes", "parameters", "model_bytes", "outside", "decoded")
        row = {**named, "raw_bytes": str(len(self.column.data))} | dict.fromkeys(fields, "")
        return row | self.measure() | {"code": self.code, "date": today()}


def main() -> int:
    """Measure what is missing; 1 if something was not decoded right."""
    arguments = _parser().parse_args()
    rows = {} if arguments.trying else {_key(row): row for row in read_csv(arguments.csv)}
    if not arguments.show:
        _measure(arguments, rows)
    table = list(rows.values())
    paper_show.show(table)
    if arguments.plot:
        paper_show.plot(table)
        paper_show.plot_context(table)
    return 1 if any(row["decoded"] != "yes" for row in table) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.paper", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--models", nargs="*", help="GGUFs or names, instead of all that are found here")
    add("--only", type=re.compile, help="only coders and models in whose names this is found")
    add("--kinds", nargs="+", choices=(*KINDS, SIXTEEN), help="only these")
    add("--csv", type=Path, default=RESULTS / "paper.csv", help="where rows go")
    add("--again", action="store_true", help="measure rows that are there as well")
    add("--try", action="store_true", dest="trying", help="4 KiB of each kind, not stored")
    add("--show", action="store_true", help="only print what is stored")
    add("--plot", action="store_true", help="draw docs/pictures/paper.png, paper-context.png")
    return parser


def _key(row: Row) -> tuple[str, ...]:
    return row["sample"], row["kind"], row["chunk"], row["coder"]


def _measure(arguments: argparse.Namespace, rows: dict[tuple[str, ...], Row]) -> None:
    every = columns(_TRIED if arguments.trying else None)
    sizes = {(one.sample, one.name): str(len(one.data)) for one in every}
    for key, row in list(rows.items()):  # of another sample than this one
        if sizes.get((row["sample"], row["kind"])) != row["raw_bytes"]:
            log(f"dropped: {', '.join(key)}, {row['raw_bytes']} bytes")
            del rows[key]
    chosen = [one for one in every if one.name in (arguments.kinds or (*KINDS, SIXTEEN))]
    for job in (*_classical(chosen), *_models(arguments.models, chosen)):
        if arguments.only and not arguments.only.search(job.coder):
            continue
        if job.is_in(rows) and not arguments.again:
            continue
        log(", ".join(job.key))
        rows[job.key] = job.row()
        if not arguments.trying:
            ordered = sorted(rows.items(), key=lambda item: (item[0][0], _rank(item[1])))
            write_csv(arguments.csv, [row for _, row in ordered])


def _rank(row: Row) -> tuple[int, int, str, int, str]:
    """Coders as they are listed, then models by size; kind by kind."""
    names = list(dict.fromkeys(coder.name for coder in paper_coders.coders()))
    place = names.index(row["coder"]) if row["coder"] in names else len(names)
    kinds = (*KINDS, SIXTEEN)
    size = int(row["parameters"] or 0)
    return size, place, row["coder"], kinds.index(row["kind"]), row["chunk"]


def _classical(chosen: list[Column]) -> Iterator[_Job]:
    for coder in paper_coders.coders():
        for column in chosen:
            if column.name not in coder.columns:
                continue
            for chunked in (True, False):
                if chunked and (not coder.chunked or column.files):
                    continue
                chunk = "2048" if chunked else "whole"
                figures = partial(_coder_figures, coder, column, chunked)
                yield _Job(column, chunk, coder.name, _code(*coder.code), figures)


def _coder_figures(coder: paper_coders.Coder, column: Column, chunked: bool) -> Row:
    found = paper_coders.measure(coder, column, chunked)
    return {
        "paper_bytes": str(found.paper),
        "whole_bytes": str(found.stored),
        "decoded": "yes" if found.decoded else "no",
    }


def _models(specs: list[str] | None, chosen: list[Column]) -> Iterator[_Job]:
    """The rows of every model: all chunks, then all wholes, the mixed ones at the end."""
    found = list(NAMED) + sorted(map(str, STUDY.glob("*-1024p-1000s/model.gguf")))
    models = []
    for spec in found if specs is None else specs:
        try:
            model = open_for_packing(PackOptions(model=spec))
        except ModelError as error:
            if specs is not None:
                raise
            log(f"left out, rows that are stored are kept: {error}")
            continue
        if model is not None:
            models.append((_name(model), model))
    models.sort(key=lambda item: item[1].file.size)
    for form in ("2048", "whole", "mixed"):
        for name, model in models:
            measuring = Measuring(model, log)
            identity = f"{model.engine.identity.version} {model.file.sha256.hex()}"
            for column in chosen:
                if column.sample != MODELS:
                    continue
                job = partial(_model_job, model, column, identity)
                if form == "2048":
                    yield job(form, name, ("lm",), partial(measuring.chunked, column))
                elif form == "whole":
                    yield job(form, name, ("lm",), partial(measuring.carried, column))
                else:
                    code = ("lm-mix",)
                    yield job("whole", f"{name}, mixed", code, partial(measuring.mixed, column))


def _model_job(
    model: LanguageModel, column: Column, identity: str, chunk: str, name: str,
    code: tuple[str, ...], figures: Callable[[], Found],
) -> _Job:  # fmt: skip
    def measure() -> Row:
        found = figures()
        return {
            "paper_bytes": "" if found.paper is None else str(round(found.paper)),
            "whole_bytes": str(found.whole),
            "parameters": str(_parameters(model.file.path)),
            "model_bytes": str(model.file.size),
            "outside": "" if found.paper is None else f"{found.outside:.4f}",
            "decoded": "yes" if found.decoded else "no",
        }

    return _Job(column, chunk, name, _code(*code, identity=identity), measure)


def _name(model: LanguageModel) -> str:
    """A model's name; those of the scaling study by their size."""
    path = model.file.path
    return f"scaling {path.parent.name.split('-')[0]}" if path.stem == "model" else model.file.name


@cache
def _code(*coders: str, identity: str = "") -> str:
    """Twelve hex digits that change when these coders make another payload of their samples."""
    payloads = [selftest.known()[name].hex() for name in coders]
    return hashlib.sha256(" ".join([str(RULES), identity, *payloads]).encode()).hexdigest()[:12]


@cache
def _parameters(path: Path) -> int:
    """Numbers in all tensors."""
    return sum(math.prod(tensor.shape) for tensor in read_gguf(path).tensors.values())


if __name__ == "__main__":
    sys.exit(main())
