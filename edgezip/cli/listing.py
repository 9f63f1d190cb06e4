"""`edgezip list`: packed files as a table, one line each and a total, as `zstd -l` and `xz -l`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from edgezip import api
from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.info import model_name
from edgezip.cli.inputs import InputRules, open_source
from edgezip.cli.report import counted

_HEAD = ("members", "frames", "packed", "raw", "ratio", "model", "name")


@dataclass(frozen=True, slots=True)
class Row:
    """One file, or all of them. Sizes in bytes; `models` are names, or ids of absent ones."""

    members: int
    frames: int
    packed: int
    raw: int
    models: tuple[str, ...]
    name: str

    def texts(self) -> tuple[str, ...]:
        """The cells."""
        ratio = f"{100 * self.packed / self.raw:.1f} %" if self.raw else "-"
        numbers = (self.members, self.frames, self.packed, self.raw)
        return (*(f"{n:,}" for n in numbers), ratio, ", ".join(self.models) or "none", self.name)


def list_files(names: Sequence[str], console: Console) -> int:
    """Print the table; returns the exit code."""
    rows: list[Row] = []

    def look(name: str) -> int:
        with open_source(name, InputRules(special=True), packed=True) as source:
            members = api.inspect_stream(source.file)
        found = {
            model_name(member.model_id) or member.model_id[:8]
            for member in members
            if member.model_id is not None
        }
        # What is auxiliary takes space in the file and is no content.
        content = [member for member in members if member.auxiliary is None]
        row = Row(
            len(content),
            sum(len(member.frames) for member in content),
            sum(member.packed_size for member in members),
            sum(member.raw_size for member in content),
            tuple(sorted(found)),
            label(name),
        )
        rows.append(row)
        console.result({"file": name, **asdict(row)})
        return 0

    code = for_each(names, console, look)
    if rows and not console.json:
        shown = rows if len(names) == 1 else [*rows, _total(rows)]
        for line in _lines([_HEAD, *(row.texts() for row in shown)]):
            write_line(sys.stdout, printable(line))
    return code


def _total(rows: Sequence[Row]) -> Row:
    return Row(
        sum(row.members for row in rows),
        sum(row.frames for row in rows),
        sum(row.packed for row in rows),
        sum(row.raw for row in rows),
        tuple(sorted({model for row in rows for model in row.models})),
        counted(len(rows), "file"),
    )


def _lines(table: Sequence[Sequence[str]]) -> list[str]:
    """Columns of numbers to the right, those of words to the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    cells = [
        [
            cell.rjust(w) if i < 5 else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    return ["  ".join(row).rstrip() for row in cells]
