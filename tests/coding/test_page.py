"""docs/coding.md and docs/modelling.md say what the code does, in whole sentences and tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding import probability as p
from edgezip.coding import rangecoder as rc

DOCS = Path(__file__).parents[2] / "docs"
CODING = (DOCS / "coding.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["coding.md", "modelling.md", "reliability.md"])
def test_every_row_of_a_table_has_its_columns(page: str) -> None:
    """A reflow once joined rows."""
    columns = 0
    for line in (DOCS / page).read_text("utf-8").splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        columns = columns or cells
        assert cells == columns, line
        assert line.endswith("|"), line


def test_the_constants_of_the_page_are_those_of_the_code() -> None:
    for constant in (
        p.LOG2E_Q30, p.DISTANCE_LIMIT, p.EXP2_C1, p.EXP2_C2, p.EXP2_C3, p.EXP2_C4,
    ):  # fmt: skip
        assert re.search(rf"\b{int(constant)}\b", CODING)


@pytest.mark.parametrize(
    "step",
    [
        "append the byte low >> 56;  low = (low << 8) mod 2^64",
        "range = range << 8;  pos = pos + 1",
        "flush:      for k = 0, 1, ... 8: let u = 2^(64 - 8k) and v = ceil(low / u) * u.",
        "code = (code << 8) | byte number pos + 8 of the payload, the first one being number 0",
        "pos > length of the payload: it is damaged, nothing more is decoded",
    ],
)
def test_each_step_of_the_range_coder_has_its_line(step: str) -> None:
    assert step in [line.strip() for line in CODING.splitlines()]


def test_the_example_of_the_page() -> None:
    example = CODING[CODING.index("**Example.**") :].replace("\n", " ")
    match = re.search(
        r"p1 = ([\d, ]+) that are ([01, ]+), then the symbol with start = (\d+) and freq = (\d+) of"
        r" bits = (\d+), give the payload `([0-9a-f]+)`",
        example,
    )
    assert match
    chances = [int(word) for word in match[1].split(",")]
    bits = [int(word) for word in match[2].split(",")]
    assert len(chances) == len(bits)
    state, out = rc.new_encoder(), np.zeros(200, np.uint8)
    for chance, bit in zip(chances, bits, strict=True):
        rc.encode_bit(state, out, chance, 16, bit)
    rc.encode(state, out, int(match[3]), int(match[4]), int(match[5]))
    assert out[: rc.encode_finish(state, out)].tobytes().hex() == match[6]
