"""Machine code is coded with the profile that is for it, where that is smaller."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgezip
from edgezip import PackOptions
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import BINARY, CODE, RECORDS
from edgezip.container import FrameEvent, parse
from edgezip.container import constants as c
from edgezip.pipeline.context import Context
from edgezip.pipeline.parts import COMPARED, Part
from edgezip.pipeline.transforms.table import X86
from edgezip.pipeline.transforms.transform import split_params
from tests.vectors.contents import texts

PROGRAM = texts()["program"]


def _profile(part: Part) -> int:
    coded = part.compact
    assert coded.channel.coder == c.CM
    params = coded.channel.params
    if coded.channel.transform:
        params = split_params(params)[2]
    return MixParams.from_bytes(params).profile


def test_a_program_takes_the_profile_of_code() -> None:
    assert _profile(Part(PROGRAM, Context(all_contexts=True), (X86,))) == CODE


@pytest.mark.parametrize("times", [1, 2 + 3 * COMPARED // len(PROGRAM)])
def test_without_the_transform_it_is_as_other_binary_data(times: int) -> None:
    part = Part(PROGRAM * times, Context(all_contexts=True))
    assert part._strong == [RECORDS]


def test_where_time_counts_it_is_the_fast_profile() -> None:
    assert _profile(Part(PROGRAM, Context(), (X86,))) == BINARY


def test_of_many_bytes_one_profile_is_chosen_by_some() -> None:
    part = Part(PROGRAM * (2 + 3 * COMPARED // len(PROGRAM)), Context(all_contexts=True), (X86,))
    assert len(part._strong) == 1
    assert len(Part(PROGRAM, Context(all_contexts=True), (X86,))._strong) == 2


def test_it_comes_back() -> None:
    for options in (PackOptions(model="none"), PackOptions(threads=1)):
        assert edgezip.decompress(edgezip.compress(PROGRAM, options=options)) == PROGRAM


def test_the_vector_is_of_that_profile() -> None:
    packed = (Path(__file__).parents[1] / "vectors" / "good-cm-program.ez").read_bytes()
    (frame,) = [event.frame for event in parse(packed) if isinstance(event, FrameEvent)]
    (channel,) = frame.channels
    assert (channel.coder, channel.transform) == (c.CM, c.X86)
    assert MixParams.from_bytes(split_params(channel.params)[2]).profile == CODE
