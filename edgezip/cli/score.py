"""`edgezip score`: what models would make of files, without writing archives."""

from __future__ import annotations

import io
import lzma
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgezip.api import pack_stream
from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.inputs import InputRules, open_source
from edgezip.cli.progress import progress_bar
from edgezip.cli.report import channel_text
from edgezip.errors import EdgezipError, SettingsError
from edgezip.models import ModelFile, resolve
from edgezip.pipeline.collect import TokenScores
from edgezip.pipeline.opening import NO_MODEL, open_for_packing
from edgezip.pipeline.options import ChannelReport, PackOptions
from edgezip.pipeline.score import Score, break_even, combine, score
from edgezip.streams import read_all

_RAW_RATE = 8.0
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What to measure.

    models: those named with -m; none for the default one. tokens: tell every token. coders: tell
    what each coder of an archive takes.
    """

    models: tuple[str, ...]
    options: PackOptions
    tokens: bool = False
    coders: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """One model on one file (name None: all files)."""

    name: str | None
    score: Score
    xz: int
    model: ModelFile
    channels: tuple[ChannelReport, ...] | None

    @property
    def xz_rate(self) -> float:
        """Bits per byte of xz, nan for no bytes."""
        return 8 * self.xz / self.score.raw_size if self.score.raw_size else math.nan


def score_files(names: Sequence[str], request: ScoreRequest, console: Console) -> int:
    """Print bits per byte of every file and of all together, for each model; returns the exit code.

    Raises:
        SettingsError: no model is named.
    """
    models, names = _old_order(request.models, names, console)
    contents: dict[str, tuple[bytes, int]] = {}

    def read(name: str) -> int:
        with open_source(name, InputRules(special=True)) as source:
            data = read_all(source.file)
        contents[name] = data, len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
        return 0

    code = for_each(names, console, read)
    rows: list[_Row] = []
    for spec in models or (None,):
        options = replace(request.options, model=spec)
        code = _with_model(contents, options, request, console, rows) or code
    if len(models) > 1 and not console.json:
        for line in _table(rows):
            write_line(sys.stdout, printable(line))
    return code


def _old_order(
    models: tuple[str, ...], names: Sequence[str], console: Console
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Models and files, also of `score MODEL FILE...`, as it was before there was -m."""
    first, *others = names
    if models or not others or not _is_model(first):
        return models, names
    console.note(f"{first} is taken for the model; the way to name it now is -m {first}")
    return (first,), others


def _is_model(name: str) -> bool:
    """Whether `name` cannot be meant as a file to score beside others."""
    if os.path.isfile(name):
        with open(name, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    if os.path.exists(name) or name == "-":
        return False
    try:
        resolve(name)
    except EdgezipError:
        return name == NO_MODEL
    return True


def _with_model(
    contents: dict[str, tuple[bytes, int]],
    options: PackOptions,
    request: ScoreRequest,
    console: Console,
    rows: list[_Row],
) -> int:
    """Measure all files with one model, show each, and append to `rows`."""
    model = open_for_packing(options)
    if model is None:
        raise SettingsError("score needs a language model; name a GGUF with -m")
    settings = model.settings(options)
    found: list[_Row] = []

    def measure(name: str) -> int:
        data, xz = contents[name]
        with progress_bar(console, "score", name, len(data)) as progress:
            result = score(data, model, settings, progress, request.tokens)
        channels = None
        if request.coders:
            report = pack_stream(io.BytesIO(data), io.BytesIO(), options)
            channels = report.channels
        found.append(_Row(name, result, xz, model.file, channels))
        _show(found[-1], {"file": name}, request, console)
        return 0

    code = for_each(contents, console, measure)
    if len(found) > 1:
        total = combine([row.score for row in found])
        channels = _sums(found) if request.coders else None
        found.append(_Row(None, total, sum(row.xz for row in found), model.file, channels))
        _show(found[-1], {"file": None, "files": len(found) - 1}, request, console)
    rows += found
    return code


def _sums(rows: Sequence[_Row]) -> tuple[ChannelReport, ...]:
    """The coders of all files together."""
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        for channel in row.channels or ():
            raw, coded = sums.get(channel.coder, (0, 0))
            sums[channel.coder] = raw + channel.raw_size, coded + channel.coded_size
    return tuple(ChannelReport(coder, *sizes) for coder, sizes in sums.items())


def _show(row: _Row, fields: dict[str, Any], request: ScoreRequest, console: Console) -> None:
    if console.json:
        console.result(fields | _json(row))
        return
    title = "all files" if row.name is None else label(row.name)
    if len(request.models) > 1:
        title += f" with {row.model.name}"
    for line in _lines(title, row, console.verbose):
        write_line(sys.stdout, printable(line))


def _json(row: _Row) -> dict[str, Any]:
    """All figures; what cannot be known (an empty file, a single chunk) is null."""
    found = row.score
    raw, size, rate = found.raw_size, row.model.size, found.bits_per_byte
    result: dict[str, Any] = {
        "model": row.model.name,
        "model_sha256": row.model.sha256.hex(),
        "model_size": size,
        "raw_size": raw,
        "tokens": found.tokens,
        "ideal_bits": found.bits,
        "bits_per_byte": _known(rate),
        "margin_95": _known(found.margin),
        "bits_per_byte_with_model": (found.bits + 8 * size) / raw if raw else None,
        "xz_bits_per_byte": _known(row.xz_rate),
        "break_even_with_xz": break_even(size, rate, row.xz_rate),
        "break_even_with_raw": break_even(size, rate, _RAW_RATE),
        "by_position": [
            {"position": first, "bits_per_byte": bits / count, "bytes": count}
            for first, bits, count in found.by_position
            if count
        ],
    }
    if found.mixed_bits is not None:
        result["mixed_bits"] = found.mixed_bits
    if row.channels is not None:
        result["coders"] = [
            {"coder": part.coder, "raw_size": part.raw_size, "bits": 8 * part.coded_size}
            for part in row.channels
        ]
    if found.details is not None:
        result["token_scores"] = _token_json(found.details)
    return result


def _token_json(details: TokenScores) -> list[dict[str, Any]]:
    r"""Every token; bytes that are no UTF-8 by themselves are written \xNN, so only `offset` and
    `size` say for certain what it is."""
    text = [_text(piece or b"") for piece in details.pieces]
    return [
        {
            "offset": int(details.offsets[i]),
            "size": int(details.sizes[i]),
            "text": text[details.ids[i]],
            "bits": round(float(details.bits[i]), 4),
            "mixed_bits": round(float(details.mixed_bits[i]), 4),
            "rank": int(details.ranks[i]),
            "alternatives": [
                {"text": text[other], "bits": round(float(bits), 4)}
                for other, bits in zip(
                    details.alternatives[i], details.alternative_bits[i], strict=True
                )
            ],
        }
        for i in range(len(details))
    ]


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "backslashreplace")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _lines(title: str, row: _Row, verbose: bool) -> list[str]:
    found = row.score
    raw, rate, size = found.raw_size, found.bits_per_byte, row.model.size
    if not raw:
        return [f"{title}: empty"]
    margin = "" if math.isnan(found.margin) else f" +- {found.margin:.3f}"
    mixed = ""
    if found.mixed_bits is not None:
        mixed = f", {found.mixed_bits / raw:.3f} after mixing"
    lines = [
        f"{title}: {rate:.3f}{margin} bits per byte{mixed}"
        f" ({raw:,} bytes, {found.tokens:,} tokens), xz {row.xz_rate:.3f}",
        f"  the model's {size:,} bytes are paid for against xz"
        f" {_amount(break_even(size, rate, row.xz_rate))},"
        f" against no compression {_amount(break_even(size, rate, _RAW_RATE))}",
    ]
    lines += [f"  {channel_text(part)}" for part in row.channels or ()]
    if verbose:
        lines.append("  position in the context, bits per byte, bytes")
        lines += [
            f"  {first:>8,} {bits / count:>8.3f} {count:>12,}"
            for first, bits, count in found.by_position
            if count
        ]
    return lines


def _table(rows: Sequence[_Row]) -> list[str]:
    """Bits per byte of every file with every model."""
    models = {row.model.sha256: row.model.name for row in rows}
    rates = {(row.name, row.model.sha256): row.score.bits_per_byte for row in rows}
    files = {row.name: row for row in rows}
    names = {name: "all files" if name is None else label(name) for name in files}
    width = max([9, *map(len, names.values())])
    columns = {sha256: max(9, len(model)) for sha256, model in models.items()}
    heads = "".join(f"  {models[sha256]:>{n}}" for sha256, n in columns.items())
    lines = ["", f"{'bits per byte':{width}}  {'bytes':>12}{heads}  {'xz':>9}"]
    for name, row in files.items():
        cells = "".join(
            f"  {rates.get((name, sha256), math.nan):>{n}.3f}" for sha256, n in columns.items()
        )
        size = f"{row.score.raw_size:>12,}"
        lines.append(f"{names[name]:{width}}  {size}{cells}  {row.xz_rate:>9.3f}")
    return lines


def _amount(size: float | None) -> str:
    if size is None:
        return "by no amount of such data"
    return f"from {size / 1e6:,.1f} MB of such data on"
