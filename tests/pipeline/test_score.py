"""`score` says what the plain coder writes."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pytest

import edgezip
from edgezip.pipeline.lm import LmSettings
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.score import (
    CHUNK_BYTES,
    Score,
    break_even,
    combine,
    positions,
    score,
)
from edgezip.pipeline.transforms.table import WRAPS


@pytest.mark.parametrize(("top_k", "line_end"), [(0, b"\n"), (40, b"\n"), (40, b"\r\n")])
def test_score_agrees_with_the_plain_coder(
    pack_options: PackOptions, data_dir: Path, top_k: int, line_end: bytes
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:12_000].replace(b"\n", line_end)
    data += b"A line of its own.\n" * (line_end != b"\n")
    options = PackOptions(
        model=pack_options.model,
        threads=1,
        coder="plain",
        top_k=top_k,
        streams=1,
        window=200,
        keep=50,
    )
    model = open_for_packing(options)
    assert model is not None
    done: list[int] = []
    found = score(data, model, model.settings(options), done.append)
    coded = 8 * len(edgezip.compress_bare(data, options=options))
    # What undoes the paragraphs and the line ends, and sizes of more digits, stands beside.
    changed = WRAPS.change(data)
    assert changed is not None
    coded -= 8 * len(changed.params)
    beside = 8 * 4
    assert 0 <= coded - found.bits + 8 <= 0.001 * found.bits + beside
    assert done == sorted(done)
    assert done[-1] == len(data)
    assert math.isclose(sum(bits for _, bits, _ in found.by_position), found.bits)
    assert sum(count for _, _, count in found.by_position) == len(data)
    assert math.isclose(sum(bits for bits, _ in found.chunks), found.bits)
    assert sum(count for _, count in found.chunks) == len(data)
    assert len(found.chunks) == -(-len(data) // CHUNK_BYTES)
    assert found.raw_size == len(data)
    both = combine([found, found])
    assert math.isclose(both.bits_per_byte, found.bits_per_byte)
    assert 0.6 < both.margin / found.margin < 0.8
    assert 0 < found.margin < 0.2 * found.bits_per_byte


def test_tokens_of_paragraphs_lie_where_their_words_do(
    pack_options: PackOptions, data_dir: Path
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:6000]
    model = open_for_packing(pack_options)
    assert model is not None
    found = score(data, model, model.settings(pack_options), lambda _: None, tokens=True)
    tokens = found.details
    assert tokens is not None
    for token, at, size in zip(tokens.ids, tokens.offsets, tokens.sizes, strict=True):
        piece = model.pieces[token]
        assert piece is not None
        assert data[at : at + size].split() == piece.split()
    assert tokens.sizes.sum() == len(data)


def test_bytes_that_are_no_text_are_scored_too(pack_options: PackOptions) -> None:
    data = bytes(range(256)) * 3
    model = open_for_packing(pack_options)
    assert model is not None
    found = score(data, model, model.settings(pack_options), lambda count: None)
    assert found.raw_size == sum(count for _, _, count in found.by_position) == len(data)
    assert math.isnan(found.margin)
    empty = score(b"", model, model.settings(pack_options), lambda count: None)
    assert (empty.raw_size, empty.tokens, empty.bits, empty.by_position) == (0, 0, 0.0, ())
    assert math.isnan(empty.bits_per_byte)


def test_the_margin_is_that_of_a_mean_for_chunks_of_one_size() -> None:
    rates = [1.5, 2.5, 2.0, 3.0]
    chunks = tuple((1000 * rate, 1000) for rate in rates)
    found = Score(4000, 1, sum(bits for bits, _ in chunks), chunks, ())
    expected = 1.96 * statistics.stdev(rates) / 2
    assert math.isclose(found.margin, expected, rel_tol=1e-4)


def test_positions_follow_the_windows() -> None:
    settings = LmSettings(window=8, keep=3, evict=4, span=14, streams=1)
    # Eight cells: the start token and seven more. Then four make room, until 14 positions are used.
    first = [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5]
    later = [3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5]
    assert positions(14 + 11 + 2, settings).tolist() == first + later + later[:2]


def test_break_even() -> None:
    assert break_even(1000, 2.0, 4.0) == 4000
    assert break_even(1000, 4.0, 4.0) is None
    assert break_even(1000, math.nan, 4.0) is None


def test_bits_after_mixing_are_those_of_the_payload(
    pack_options: PackOptions, data_dir: Path
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:6000]
    options = PackOptions(model=pack_options.model, threads=1, coder="mix", streams=1)
    found = edgezip.score(data, options=options, tokens=True)
    assert found.details is not None
    assert found.mixed_bits is not None
    coded = 8 * len(edgezip.compress_bare(data, options=options))
    assert 0 <= coded - found.mixed_bits <= 24
    assert math.isclose(found.bits, edgezip.score(data, options=options).bits)
    assert b"".join(token.text for token in found.details) == data
    assert sum(token.size for token in found.details) == len(data)
    last = found.details[-1]
    assert last.offset + last.size == len(data)
    assert found.details[-2:][1] == last
    assert min(token.mixed_bits for token in found.details) > 0
