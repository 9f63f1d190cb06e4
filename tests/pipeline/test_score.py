"""`score` says what the plain coder writes."""

from __future__ import annotations

import math
from pathlib import Path

import edgezip
from edgezip.container import Settings
from edgezip.pipeline.model import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.score import break_even, combine, positions, score
from edgezip.pipeline.windows import run_windows


def test_score_agrees_with_the_plain_coder(pack_options: PackOptions, data_dir: Path) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:10_000]
    options = PackOptions(
        model=pack_options.model, threads=1, coder="plain", streams=1, window=200, keep=50
    )
    model = open_for_packing(options)
    assert model is not None
    found = score(data, model, model.settings(options), lambda count: None)
    coded = 8 * len(edgezip.compress_bare(data, options=options))
    assert abs(coded - found.bits) <= 0.001 * found.bits + 24
    assert math.isclose(sum(bits for _, bits, _ in found.by_position), found.bits)
    assert sum(count for _, _, count in found.by_position) == len(data)
    both = combine([found, found])
    assert math.isclose(both.bits_per_byte, found.bits_per_byte)
    assert both.margin < found.margin


def test_positions_follow_the_windows() -> None:
    settings = Settings(window=20, keep=6)
    expected: list[int] = []
    for window in run_windows(0, 95, 20, 6):
        tail = window.first - window.tail
        expected += range(tail, tail + window.count)
    assert positions(95, settings).tolist() == expected


def test_break_even() -> None:
    assert break_even(1000, 2.0, 4.0) == 4000
    assert break_even(1000, 4.0, 4.0) is None
