"""The tables of coders and transforms agree with the numbers of the format."""

from __future__ import annotations

import random

import pytest

from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.channels import decode_channel, encode_channel
from edgezip.pipeline.coders.coder import Coder
from edgezip.pipeline.coders.table import CLASSICAL, TABLE
from edgezip.pipeline.context import Context
from edgezip.pipeline.transforms.table import TRANSFORMS


def test_every_number_of_the_format_has_one_row() -> None:
    assert set(TABLE) | {c.REPEAT} == c.KNOWN_CODERS
    assert {number for number, coder in TABLE.items() if coder.needs_model} == c.MODEL_CODERS
    assert set(TRANSFORMS) | {c.NO_TRANSFORM} == c.KNOWN_TRANSFORMS
    for table in (TABLE, TRANSFORMS):
        assert all(row.number == number for number, row in table.items())
        assert all(row.name for row in table.values())


@pytest.mark.parametrize("coder", CLASSICAL, ids=lambda coder: str(coder.name))
def test_classical_payloads_are_used_up_exactly(coder: Coder) -> None:
    data = random.Random(1).randbytes(300) + bytes(5000)
    done: list[int] = []
    coded = encode_channel(data, coder, None, Context(), done.append)
    assert sum(done) == len(data) == coded.channel.raw_size
    assert coded.size < len(data)
    assert decode_channel(coded.channel, Context(), done.append) == data
    assert sum(done) == 2 * len(data)
    payload = coded.channel.payload
    for damaged in (payload + b"x", payload[:-3], b""):
        for size in (len(data) - 1, len(data), len(data) + 1):
            with pytest.raises(FormatError):
                coder.decode(damaged, b"", size, Context(), done.append)
    with pytest.raises(FormatError):
        coder.decode(payload, b"x", len(data), Context(), done.append)
