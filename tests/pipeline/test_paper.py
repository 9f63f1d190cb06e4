"""`bench.paper`: both forms of its rows, on one chunk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import paper, paper_coders, paper_data, paper_models
from bench.common import read_csv
from bench.paper_data import Column, quoted
from edgezip.coding.plain import PlainDecoder
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_forms_of_a_language_model(
    kind: str, stories_model: Path, strict_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 240
    monkeypatch.setattr(paper_data, "CHUNK", size // 3)
    data = ("One day, Lily and Tom went to the caf\u00e9 in the park. " * 50).encode()[:size]
    if kind == "audio":
        data = (128 + 90 * np.sin(np.arange(size) / 9)).astype(np.uint8).tobytes()
    model = open_for_packing(PackOptions(model=stories_model, threads=1))
    assert model is not None
    column = Column(kind, data, kind == "audio")
    measuring = paper_models.Measuring(model, print)
    chunked, carried = measuring.chunked(column), measuring.carried(column)
    mixed = measuring.mixed(column)
    # The bits that the model does not see are stored in full.
    low = size / 8 if column.seven_bits else 0
    for found in (chunked, carried, mixed):
        assert found.decoded
        assert found.whole > low
    for found in (chunked, carried):
        assert found.paper is not None
        assert found.paper > 0
        assert 0 <= found.outside < 1
    assert mixed.paper is None
    assert mixed.whole < carried.whole < chunked.whole


def test_what_is_not_decoded_is_told(
    stories_model: Path, strict_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_data, "CHUNK", 30)
    model = open_for_packing(PackOptions(model=stories_model, threads=1))
    assert model is not None
    decode = PlainDecoder.decode_rows

    def wrong(self: PlainDecoder, *args: Any) -> Any:
        return decode(self, *args) ^ 1

    column = Column("text", b"One day, Lily and Tom went to the big, red park." + b" " * 12, False)
    monkeypatch.setattr(PlainDecoder, "decode_rows", wrong)
    monkeypatch.setattr(PlainDecoder, "finish", lambda self: None)
    assert not paper_models.Measuring(model, print).chunked(column).decoded


def test_rows_are_kept_until_they_are_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [Column(kind, bytes(range(256)) * 8, False) for kind in ("text", "random")]
    monkeypatch.setattr(paper, "columns", lambda most: made)
    csv = tmp_path / "paper.csv"
    command = ["bench.paper", "--csv", str(csv), "--only", "gzip|LZMA2", "--models"]
    monkeypatch.setattr("sys.argv", command)

    def run() -> list[str]:
        assert paper.main() == 0
        return [line for line in capsys.readouterr().err.splitlines() if ", " in line]

    first = run()
    assert len(first) == 2 * 2 * 2
    stored = csv.read_text()
    assert run() == []
    assert csv.read_text() == stored
    # A row of other code is measured again, one of another sample is dropped.
    csv.write_text(stored.replace(",yes,", ",yes,x", 1))
    assert len(run()) == 1
    assert csv.read_text() == stored
    made[1] = Column("random", bytes(4096), False)
    assert len(run()) == 4 + 4
    told = {(row["kind"], row["raw_bytes"]) for row in read_csv(csv)}
    assert told == {("text", "2048"), ("random", "4096")}


def test_classical_coders_and_quotations() -> None:
    column = Column("text", b"The rain in Spain. " * 300, False)
    gzip, *others = [one for one in paper_coders.coders() if "text" in one.columns]
    assert gzip.name == "gzip"
    assert others
    found = paper_coders.measure(gzip, column, True)
    assert found.decoded
    assert found.stored - found.paper == 2 * 21
    rows = {(row["coder"], row["chunk"]): row for row in quoted()}
    assert len(rows) == 15
    assert rows["Chinchilla 70B", "2048"]["images"] == "48.0"
    assert rows["Llama 2 7B", "2048"]["audio"] == "23.1"
