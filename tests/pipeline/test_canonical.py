"""What docs/format.md calls an error is one for the reader, and what it allows can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import edgezip
from edgezip.coding.mixing.bytecodec import cm_encode
from edgezip.coding.mixing.params import LEVELS, MEM_LOG2_MAX, MixParams
from edgezip.coding.mixing.profile import PROFILES
from edgezip.container import Channel, Header, write_short
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.options import PackOptions, UnpackOptions

TEXT = b"mixed once, and mixed again" * 3


def test_mixing_params_that_repeat_their_default() -> None:
    implied = MixParams.for_size(len(TEXT))
    for settings in (implied, MixParams(implied.mem_log2 + 1)):
        channel = Channel(c.CM, cm_encode(TEXT, settings), len(TEXT), params=settings.to_bytes())
        packed = write_short(Header(short=True), channel, TEXT)
        if settings != implied:
            assert edgezip.decompress(packed) == TEXT
            continue
        with pytest.raises(FormatError, match="repeat their default"):
            edgezip.decompress(packed)
        plain = write_short(Header(short=True), replace(channel, params=b""), TEXT)
        assert edgezip.decompress(plain) == TEXT


def test_mixing_params_out_of_range() -> None:
    """One byte names a memory, a level and a profile; what is above the last of them is nothing."""
    last = MixParams(MEM_LOG2_MAX, len(PROFILES) - 1, LEVELS - 1).to_bytes()[0]
    for value in (last + 1, 200, 255):
        channel = Channel(c.CM, b"payload", len(TEXT), params=bytes([value]))
        with pytest.raises(FormatError, match="settings are invalid"):
            edgezip.decompress(write_short(Header(short=True), channel, TEXT))


@pytest.mark.parametrize(
    "changes",
    [
        {"window": 16, "keep": 14, "evict": 14, "span": 16},
        {"window": 16, "keep": 0, "evict": 1},
    ],
)
def test_the_smallest_window(
    changes: dict[str, Any], pack_options: PackOptions, unpack_options: UnpackOptions
) -> None:
    """The ends of the ranges that the page names."""
    text = TEXT * 2
    for prime in (None, b"a primer text"):
        options = replace(pack_options, coder="plain", prime=prime, **changes)
        packed = edgezip.compress(text, options=options)
        assert edgezip.decompress(packed, options=replace(unpack_options, prime=prime)) == text


def test_the_most_streams(pack_options: PackOptions, unpack_options: UnpackOptions) -> None:
    text = b"one stream for every few tokens of this text. " * 8
    for coder in ("plain", "mix"):
        options = replace(pack_options, coder=coder, streams=c.MAX_STREAMS)
        packed = edgezip.compress(text, options=options)
        assert edgezip.decompress(packed, options=unpack_options) == text
