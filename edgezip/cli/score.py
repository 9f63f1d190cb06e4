"""`edgezip score`: what a model would make of files, without writing archives."""

from __future__ import annotations

import lzma
import math
import sys
from collections.abc import Sequence
from typing import Any

from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.inputs import InputRules, open_source
from edgezip.cli.progress import progress_bar
from edgezip.errors import SettingsError
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.score import Score, break_even, combine, score
from edgezip.streams import read_all

_RAW_RATE = 8.0


def score_files(names: Sequence[str], options: PackOptions, console: Console) -> int:
    """Print bits per byte of every file and of all together; returns the exit code.

    Raises:
        SettingsError: no model is named.
    """
    model = open_for_packing(options)
    if model is None:
        raise SettingsError("score needs a language model; name a GGUF")
    settings = model.settings(options)
    results: list[tuple[Score, int]] = []

    def measure(name: str) -> int:
        with open_source(name, InputRules(special=True)) as source:
            data = read_all(source.file)
        with progress_bar(console, "score", name, len(data)) as progress:
            found = score(data, model, settings, progress)
        xz = len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
        results.append((found, xz))
        _show(label(name), {"file": name}, found, xz, model, console)
        return 0

    code = for_each(names, console, measure)
    if len(results) > 1:
        total, xz = combine([found for found, _ in results]), sum(size for _, size in results)
        _show("all files", {"file": None, "files": len(results)}, total, xz, model, console)
    return code


def _show(
    title: str,
    fields: dict[str, Any],
    found: Score,
    xz: int,
    model: LanguageModel,
    console: Console,
) -> None:
    if console.json:
        console.result(fields | _json(found, xz, model))
        return
    for line in _lines(title, found, xz, model.file.size, console.verbose):
        write_line(sys.stdout, printable(line))


def _json(found: Score, xz: int, model: LanguageModel) -> dict[str, Any]:
    """All figures; what cannot be known (an empty file, a single chunk) is null."""
    raw, size, rate = found.raw_size, model.file.size, found.bits_per_byte
    xz_rate = 8 * xz / raw if raw else math.nan
    return {
        "model": model.file.name,
        "model_sha256": model.file.sha256.hex(),
        "model_size": size,
        "raw_size": raw,
        "tokens": found.tokens,
        "ideal_bits": found.bits,
        "bits_per_byte": _known(rate),
        "margin_95": _known(found.margin),
        "bits_per_byte_with_model": (found.bits + 8 * size) / raw if raw else None,
        "xz_bits_per_byte": _known(xz_rate),
        "break_even_with_xz": break_even(size, rate, xz_rate),
        "break_even_with_raw": break_even(size, rate, _RAW_RATE),
        "by_position": [
            {"position": first, "bits_per_byte": bits / count, "bytes": count}
            for first, bits, count in found.by_position
            if count
        ],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _lines(title: str, found: Score, xz: int, model_size: int, verbose: bool) -> list[str]:
    raw, rate = found.raw_size, found.bits_per_byte
    if not raw:
        return [f"{title}: empty"]
    xz_rate = 8 * xz / raw
    margin = "" if math.isnan(found.margin) else f" +- {found.margin:.3f}"
    lines = [
        f"{title}: {rate:.3f}{margin} bits per byte"
        f" ({raw:,} bytes, {found.tokens:,} tokens), xz {xz_rate:.3f}",
        f"  the model's {model_size:,} bytes are paid for against xz"
        f" {_amount(break_even(model_size, rate, xz_rate))},"
        f" against no compression {_amount(break_even(model_size, rate, _RAW_RATE))}",
    ]
    if verbose:
        lines.append("  position in the context, bits per byte, bytes")
        lines += [
            f"  {first:>8,} {bits / count:>8.3f} {count:>12,}"
            for first, bits, count in found.by_position
            if count
        ]
    return lines


def _amount(size: float | None) -> str:
    if size is None:
        return "by no amount of such data"
    return f"from {size / 1e6:,.1f} MB of such data on"
