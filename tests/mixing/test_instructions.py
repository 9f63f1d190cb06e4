"""Following x86 instructions: where they end, and the same as the second decoder finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.hashing import mix32
from edgezip.coding.mixing.instructions import follow_instruction
from edgezip.coding.mixing.layout import (
    S_BEFORE,
    S_INSTRUCTION,
    S_OPCODES,
    S_OPERAND,
    S_REGISTERS,
    S_STAGE,
    STREAM_FIELDS,
)

from .second_instructions import Instructions

# An instruction a line, from the manual's tables and assemblers' listings.
_LISTING = """
55
4889e5
4883ec20
488b05a0120000
48b8efcdab8967452301
b801000000
66b80100
e8a4ffffff
0f8410000000
7405
8b44240c
8d0c8dffeeddcc
8b0425ffeeddcc
f6c301
f6d3
f7d8
f7c700010000
66f7c70001
c700ff000000
660f3800c1
660f3a0fc108
c5f96fc1
c4e27d18c0
c4e37d39c101
c8100001
c3
c20800
a110112233
f390
f3a4
69c0e8030000
6bc00a
0fa4c304
0fafc3
0f1f840000000000
ff1568100000
2e8d742600
"""


@pytest.mark.parametrize("listed", _LISTING.split())
def test_an_instruction_ends_where_it_ends(listed: str) -> None:
    state = np.zeros(STREAM_FIELDS, np.int64)
    stages = []
    for byte in bytes.fromhex(listed):
        follow_instruction(state, byte)
        stages.append(int(state[S_OPCODES]) != 0 or int(state[S_BEFORE]) != 0)
    assert state[S_STAGE] == 0
    assert state[S_INSTRUCTION] == 0
    assert stages == [False] * (len(stages) - 1) + [True]


@given(st.binary(max_size=400))
def test_any_bytes_are_followed_as_the_page_says(data: bytes) -> None:
    state = np.zeros(STREAM_FIELDS, np.int64)
    second = Instructions(lambda h, v: int(mix32(h, v)))
    for byte in data:
        follow_instruction(state, byte)
        second.take(byte)
        assert state[S_STAGE] == second.stage
        assert state[S_OPERAND] == second.operand
        assert state[S_BEFORE] == second.before
        assert state[S_REGISTERS] == second.registers
        assert state[S_INSTRUCTION] == second.now
