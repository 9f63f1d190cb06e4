"""`edgezip score`: what a model would make of files, without writing archives."""

from __future__ import annotations

import lzma
import sys
from collections.abc import Sequence

from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.inputs import InputRules, open_source
from edgezip.errors import SettingsError
from edgezip.pipeline.model import LanguageModel, open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.score import Score, break_even, combine, score


def score_files(names: Sequence[str], options: PackOptions, console: Console) -> int:
    """Print bits per byte of every file and of all together; returns the exit code."""
    model = open_for_packing(options)
    if model is None:
        raise SettingsError("score needs a language model; name a GGUF")
    settings = model.settings(options)
    results: list[tuple[Score, int]] = []

    def measure(name: str) -> int:
        with open_source(name, InputRules(special=True)) as source:
            data = source.file.read()
        xz = len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
        found = score(data, model, settings, lambda count: None)
        results.append((found, xz))
        _print(name, found, xz, model, console)
        return 0

    code = for_each(names, console, measure)
    if len(results) > 1:
        total = combine([found for found, _ in results])
        _print("all files", total, sum(xz for _, xz in results), model, console)
    return code


def _print(name: str, found: Score, xz: int, model: LanguageModel, console: Console) -> None:
    raw = found.raw_size
    xz_rate = 8 * xz / raw if raw else float("nan")
    even = break_even(model.file.size, found.bits_per_byte, xz_rate)
    curve = [
        {"position": first, "bits_per_byte": bits / count, "bytes": count}
        for first, bits, count in found.by_position
        if count
    ]
    if console.json:
        console.result(
            {
                "file": name,
                "model": model.file.name,
                "model_size": model.file.size,
                "raw_size": raw,
                "tokens": found.tokens,
                "ideal_bits": found.bits,
                "bits_per_byte": found.bits_per_byte,
                "margin_95": None if found.margin != found.margin else found.margin,
                "xz_bits_per_byte": xz_rate,
                "break_even_with_xz": even,
                "by_position": curve,
            }
        )
        return
    lines = [
        f"{label(name)}: {found.bits_per_byte:.3f} bits per byte (+- {found.margin:.3f}),"
        f" {raw:,} bytes, {found.tokens:,} tokens, xz {xz_rate:.3f}",
        "  pays for itself against xz from "
        + ("no amount of such data" if even is None else f"{even / 1e6:,.1f} MB of such data on"),
    ]
    if console.verbose:
        lines.append("  position in the context: bits per byte")
        lines += [f"  {row['position']:>8}: {row['bits_per_byte']:.3f}" for row in curve]
    for line in lines:
        write_line(sys.stdout, printable(line))
