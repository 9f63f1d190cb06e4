"""Frames that claim to be cut off: what they claim takes no memory of its own."""

from __future__ import annotations

import random
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from edgezip.archive import members
from edgezip.archive.members import Members
from edgezip.container import Channel, LmParams, Settings, Span
from edgezip.container import constants as c
from edgezip.container.nested import encode_nested
from edgezip.pipeline import salvage
from edgezip.pipeline.context import Context
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.transforms.transform import join_params

HUGE = 40 << 20


def claiming(coder: int, params: bytes, there: int) -> Channel:
    """A frame of an archive with one member of `HUGE` bytes, of whose payload a little is there."""
    info = tarfile.TarInfo("x")
    info.size = HUGE
    header = info.tobuf(tarfile.USTAR_FORMAT)
    noise = random.Random(coder).randbytes(there)
    inner = Channel(coder, noise + bytes(1 << 16), HUGE, params=params)
    payload = encode_nested(HUGE, [inner], [Span(0, HUGE)])[: -(1 << 16)]
    own = members.encode(Members(0, 0, header, b"\0"))
    size = len(header) + HUGE
    return Channel(c.NESTED, payload, size, c.TARRED, join_params(HUGE, own, b""))


@pytest.mark.parametrize(
    ("coder", "params"),
    [
        (c.CM, b""),
        (c.LM_MIX, LmParams(1 << 20, 16).encode()),
        (c.LM, LmParams(1 << 20, 1).encode()),
        (c.DEFLATE, b""),
        (c.LZMA, b""),
    ],
)
def test_memory_is_bounded_by_the_content(
    coder: int, params: bytes, stories_model: Path, strict_library: Path
) -> None:
    model = open_for_packing(PackOptions(model=stories_model)) if coder in c.MODEL_CODERS else None
    context = Context(model, Settings(window=256, keep=64))
    channel = claiming(coder, params, 60)
    list(salvage.salvage(channel, context, lambda header: None, 99, lambda header: None))  # loads
    lost: list[bytes] = []
    tracemalloc.start()
    found = list(salvage.salvage(channel, context, lost.append, 99, lambda header: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == []
    assert len(lost) == 1
    assert peak < 9 * HUGE
