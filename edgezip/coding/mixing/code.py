"""The profile of x86 machine code: what byte of an instruction comes next, the instructions before
it, and, for the data between, sparse bytes and the guesses of records."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context, mix32
from edgezip.coding.jit import njit

from .fields import follow_likeness
from .history import set_orders
from .instructions import IMMEDIATE, OPCODE, OPCODE_BITS, follow_instruction, instruction
from .layout import (
    R_BITS,
    R_C0,
    R_MAP_ROWS,
    S_ALIKE,
    S_BEFORE,
    S_C4,
    S_C8,
    S_DISPLACEMENT,
    S_IMMEDIATE,
    S_INSTRUCTION,
    S_INSTRUCTION1,
    S_INSTRUCTION2,
    S_MARKS,
    S_MODRM,
    S_OPCODE,
    S_OPCODES,
    S_OPERAND,
    S_POS,
    S_REGISTERS,
    S_STAGE,
)
from .records import binary_rows

_LAST, _LAST_TWO, _LAST_THREE = (((1 << i * OPCODE_BITS) - 1) for i in (1, 2, 3))
"""What leaves so many of the last opcodes."""


@njit(_nrt=False)
def code_contexts(h, heads, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    pos = st[S_POS]
    if pos > 0:
        follow_instruction(st, b1)
    follow_likeness(st)
    heads2 = heads[256 + (c4 & 0xFFFF)]
    place = st[S_STAGE] | st[S_DISPLACEMENT] << 4 | st[S_IMMEDIATE] << 8
    opcode = st[S_OPCODE]
    marked = opcode | st[S_MARKS] << 20
    opcodes = st[S_OPCODES]
    now = st[S_INSTRUCTION]
    operand = st[S_OPERAND]
    modrm = st[S_MODRM]
    set_orders(h, st)
    h[7] = context(7, mix32(marked, opcodes & MASK32), opcodes >> 32 | place << 8)
    h[8] = context(8, c4 >> 8 & 255, 0)
    h[9] = context(9, mix32(marked, opcodes & _LAST_TWO), place | modrm >> 6 << 16)
    h[10] = context(10, place | opcode << 16, operand)
    h[11] = context(11, c4 & 0xFFFF00, 0)
    h[12] = context(12, place | (pos & 15) << 16, opcode)
    h[13] = context(13, heads[b1] & 0xFFFF, 0)
    h[14] = context(14, place, operand)
    h[15] = context(15, heads2 & 0xFFFF, 0)
    h[16] = context(16, mix32(now, opcodes & _LAST), place)
    h[17] = context(17, mix32(instruction(st), st[S_BEFORE]), place)
    h[18] = context(18, c4 & 0xC0C0C0C0, c8 & 0xC0C0C0C0)
    h[19] = context(19, place | (pos & 15) << 16, b1)
    h[20] = context(20, c4 & 0xE0E0E0, 0)
    h[21] = context(21, c4 & 0xF0F0, 0)
    h[22] = context(22, instruction(st), operand ^ place << 4)
    h[23] = context(23, modrm & 0xC7 | place << 16, operand)
    h[24] = context(24, now, place)
    h[25] = context(25, place | b1 << 16, opcodes & _LAST)
    h[26] = context(26, place, st[S_REGISTERS] & 0xFFFFF)
    h[27] = context(
        27, place | opcode << 16, st[S_BEFORE] >> OPCODE_BITS & 63 | (modrm & 0xC7) << 8
    )
    h[28] = context(28, st[S_ALIKE] & 255 | c4 & 0xFFE00000, 0)
    h[29] = context(29, c4 & 0xFFFF0000, 0)
    h[30] = context(30, mix32(now, mix32(st[S_INSTRUCTION1], st[S_INSTRUCTION2])), place)
    h[31] = context(31, heads2, c4 & 0xFFFF)
    h[32] = context(32, mix32(opcode | place << 16, opcodes & _LAST_THREE), modrm & 0x38)
    h[33] = context(33, b1 | (c8 & 255) << 8, 0)
    h[34] = context(34, b1 | c4 >> 8 & 0xFF00, 0)


@njit(_nrt=False, forceinline=True)
def code_rows(r, history, n, s, st, selected):  # type: ignore[no-untyped-def]
    """Rows of all sets and of the profile's probability maps."""
    bits = r[R_BITS]
    binary_rows(r, history, n, s, st, selected)
    stage = st[S_STAGE]
    left = min(st[S_DISPLACEMENT] + st[S_IMMEDIATE], 15)
    before = st[S_BEFORE] & 255
    opcode = before if stage == OPCODE else st[S_OPCODE] & 255
    selected[4] = opcode * 9 + bits
    selected[6] = (stage | left << 4) * 9 + bits
    selected[10] = r[R_C0] + 256 * min(stage, IMMEDIATE)
    selected[11] = before * 9 + bits
    selected[12] = st[S_MODRM] * 9 + bits
    r[R_MAP_ROWS + 1] = r[R_C0] | opcode << 8
