"""`bench.paper`: both forms of its rows, on one chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import paper_coders, paper_data, paper_models
from bench.paper_data import Column, quoted
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_forms_of_a_language_model(
    kind: str, stories_model: Path, strict_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 240
    monkeypatch.setattr(paper_data, "CHUNK", size // 2)
    data = (b"One day, Lily and Tom went to the big, red park. " * 50)[:size]
    if kind == "audio":
        data = (128 + 90 * np.sin(np.arange(size) / 9)).astype(np.uint8).tobytes()
    model = open_for_packing(PackOptions(model=stories_model, threads=1))
    assert model is not None
    column = Column(kind, data, kind == "audio")
    paper = paper_models.paper_form(model, column, print)
    assert (paper.decoded, 0 <= paper.outside < 1, paper.size > 0) == (False, True, True)
    whole = paper_models.chunked_form(model, column, print)
    assert whole.decoded
    carried = paper_models.carried_form(model, column, print)
    assert carried.decoded
    # The bits that the model does not see are stored in full.
    low = size / 8 if column.seven_bits else 0
    assert min(whole.size, carried.size) > low
    assert carried.size < whole.size


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
