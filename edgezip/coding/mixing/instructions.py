"""Where in an x86 instruction the next byte is, for 32 and 64 bits alike.

A machine-code file is followed from its first byte on; in data between functions this finds
nothing, and a few instructions behind them it is in step again. REX prefixes are what `inc` and
`dec` of a register were in 32 bits: neither has operands, so the two are followed alike. Not
followed, because they are rare: EVEX prefixes, addresses of 16 bits, far calls and jumps. Source:
Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2 and appendix A;
contexts of instructions are from the models for executables of PAQ8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.hashing import MASK32, mix32
from edgezip.coding.jit import njit

from .layout import (
    S_BEFORE,
    S_DISPLACEMENT,
    S_IMMEDIATE,
    S_INSTRUCTION,
    S_INSTRUCTION1,
    S_INSTRUCTION2,
    S_MARKED,
    S_MARKS,
    S_MODRM,
    S_OPCODE,
    S_OPCODES,
    S_OPERAND,
    S_REGISTERS,
    S_STAGE,
)

# What the next byte is. 0 to 3: an opcode of map 0, 1 (behind 0F), 2 (behind 0F 38) or 3 (behind
# 0F 3A).
OPCODE = 0
MODRM = 4
SIB = 5
DISPLACEMENT = 6
IMMEDIATE = 7
OPCODE_BITS = 10
"""Of an opcode with its map."""
_MODRM_BITS = 8
_OPCODES = (1 << 4 * OPCODE_BITS) - 1
"""The last four of them."""
_VEX = 8  # and the map: the last byte of a VEX prefix, behind which the opcode is of that map
_VEX_MAP = 12  # the byte of a VEX prefix that says which map

_MOST_MARKS = 4
"""Prefixes in front of an opcode; one more is taken for an opcode."""
_WIDE = 0x48
"""A REX prefix with this bit makes the immediate of B8 to BF eight bytes long."""
_OPERAND_SIZE = 2
"""What stands in S_MARKS for prefix 66."""
_REX = 16
"""A prefix of the table that stands in S_MARKS as itself, above the others."""

# Immediates: number of bytes, or one of these.
_WORD = 5  # four, two behind prefix 66
_WIDEST = 6  # likewise, eight behind REX.W
_TESTED = 8  # one byte if the register field of MODRM is 0 or 1
_TESTED_WORD = 9  # likewise _WORD
_HAS_MODRM = 16


def _in(opcode: int, *ranges: tuple[int, int]) -> bool:
    return any(first <= opcode <= last for first, last in ranges)


def _one_byte(opcode: int) -> int:
    """What follows an opcode of map 0."""
    if opcode < 0x40:
        return (_HAS_MODRM, _HAS_MODRM, _HAS_MODRM, _HAS_MODRM, 1, _WORD, 0, 0)[opcode & 7]
    modrm = _in(
        opcode, (0x62, 0x63), (0x69, 0x69), (0x6B, 0x6B), (0x80, 0x8F), (0xC0, 0xC1), (0xC6, 0xC7),
        (0xD0, 0xD3), (0xD8, 0xDF), (0xF6, 0xF7), (0xFE, 0xFF),
    )  # fmt: skip
    immediate = 0
    if _in(
        opcode, (0x6A, 0x6B), (0x70, 0x80), (0x82, 0x83), (0xA8, 0xA8), (0xB0, 0xB7), (0xC0, 0xC1),
        (0xC6, 0xC6), (0xCD, 0xCD), (0xD4, 0xD5), (0xE0, 0xE7), (0xEB, 0xEB),
    ):  # fmt: skip
        immediate = 1
    elif opcode in (0xC2, 0xCA):
        immediate = 2
    elif opcode == 0xC8:
        immediate = 3
    elif _in(opcode, (0xA0, 0xA3), (0xE8, 0xE9)):
        immediate = 4
    elif opcode in (0x68, 0x69, 0x81, 0xA9, 0xC7):
        immediate = _WORD
    elif _in(opcode, (0xB8, 0xBF)):
        immediate = _WIDEST
    elif opcode in (0xF6, 0xF7):
        immediate = _TESTED + (opcode & 1)
    return immediate | _HAS_MODRM * modrm


def _two_bytes(opcode: int) -> int:
    """What follows an opcode of map 1."""
    if _in(opcode, (0x80, 0x8F)):
        return 4
    if _in(
        opcode, (0x05, 0x09), (0x0B, 0x0B), (0x0E, 0x0E), (0x30, 0x37), (0x77, 0x77), (0xA0, 0xA2),
        (0xA8, 0xAA), (0xC8, 0xCF),
    ):  # fmt: skip
        return 0
    one = _in(
        opcode, (0x70, 0x73), (0xA4, 0xA4), (0xAC, 0xAC), (0xBA, 0xBA), (0xC2, 0xC2), (0xC4, 0xC6)
    )
    return _HAS_MODRM | one


def _followers() -> NDArray[np.uint8]:
    maps = (
        [_one_byte(i) for i in range(256)],
        [_two_bytes(i) for i in range(256)],
        [_HAS_MODRM] * 256,
        [_HAS_MODRM | 1] * 256,
    )
    return np.array([entry for table in maps for entry in table], np.uint8)


def _prefixes() -> NDArray[np.uint8]:
    found = np.zeros(256, np.uint8)
    found[[0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x67, 0xF0]] = 1
    found[0x66], found[0xF2], found[0xF3] = _OPERAND_SIZE, 4, 8
    found[0x40:0x50] = _REX
    return found


_FOLLOWERS = _followers()
_PREFIXES = _prefixes()


@njit(_nrt=False, forceinline=True)
def _immediate(kind, marks, modrm):  # type: ignore[no-untyped-def]
    """Bytes of an immediate of `kind`, as the tables have it."""
    if kind >= _TESTED:
        if modrm >> 3 & 7 > 1:
            return 0
        kind = _WORD if kind == _TESTED_WORD else 1
    if kind < _WORD:
        return kind
    if kind == _WIDEST and marks >> 4 & _WIDE == _WIDE:
        return 8
    return 2 if marks & _OPERAND_SIZE else 4


@njit(_nrt=False, forceinline=True)
def _behind_address(st):  # type: ignore[no-untyped-def]
    """Stage behind MODRM and SIB, -1 if the instruction is over."""
    if st[S_DISPLACEMENT]:
        return DISPLACEMENT
    return IMMEDIATE if st[S_IMMEDIATE] else -1


@njit(_nrt=False, forceinline=True)
def _opcode(st, stage, c):  # type: ignore[no-untyped-def]
    """Take `c` as an opcode, a prefix or an escape; the next stage, -1 if the instruction is
    over."""
    if stage == OPCODE:
        mark = int(_PREFIXES[c])
        if mark and st[S_MARKED] < _MOST_MARKS:
            st[S_MARKED] += 1
            st[S_MARKS] = st[S_MARKS] & 15 | c << 4 if mark == _REX else st[S_MARKS] | mark
            return OPCODE
        if c == 0x0F:
            return OPCODE + 1
        if c == 0xC5:
            return _VEX + 1
        if c == 0xC4:
            return _VEX_MAP
    elif stage == 1 and (c == 0x38 or c == 0x3A):
        return 2 + (c >> 1 & 1)
    st[S_OPCODE] = stage << 8 | c
    follows = int(_FOLLOWERS[st[S_OPCODE]])
    if follows & _HAS_MODRM:
        return MODRM
    st[S_IMMEDIATE] = _immediate(follows, st[S_MARKS], 0)
    return _behind_address(st)


@njit(_nrt=False, forceinline=True)
def _modrm(st, c):  # type: ignore[no-untyped-def]
    """Take `c` as the byte that says which registers, and how memory is addressed."""
    st[S_MODRM] = c
    st[S_REGISTERS] = (st[S_REGISTERS] << 3 | c >> 3 & 7) & 0xFFFFFF
    st[S_IMMEDIATE] = _immediate(int(_FOLLOWERS[st[S_OPCODE]]) & 15, st[S_MARKS], c)
    mode = c >> 6
    register = c & 7
    if mode == 2 or (mode == 0 and register == 5):
        st[S_DISPLACEMENT] = 4
    elif mode == 1:
        st[S_DISPLACEMENT] = 1
    return SIB if mode < 3 and register == 4 else _behind_address(st)


@njit(_nrt=False)
def follow_instruction(st, c):  # type: ignore[no-untyped-def]
    """Move the stream's place in its instruction past byte `c`."""
    stage = st[S_STAGE]
    st[S_INSTRUCTION] = mix32(st[S_INSTRUCTION], c + 1)
    if stage < MODRM:
        stage = _opcode(st, stage, c)
    elif stage == MODRM:
        stage = _modrm(st, c)
    elif stage == SIB:
        if c & 7 == 5 and st[S_MODRM] >> 6 == 0:
            st[S_DISPLACEMENT] = 4
        stage = _behind_address(st)
    elif stage in (DISPLACEMENT, IMMEDIATE):
        left = S_DISPLACEMENT if stage == DISPLACEMENT else S_IMMEDIATE
        st[left] -= 1
        st[S_OPERAND] = (st[S_OPERAND] << 8 | c) & MASK32
        if st[left] == 0:
            st[S_OPERAND] = 0
            stage = _behind_address(st)
    else:
        stage = _VEX + max(c & 3, 1) if stage == _VEX_MAP else stage - _VEX
    if stage < 0:
        _end_instruction(st)
        stage = OPCODE
    st[S_STAGE] = stage


@njit(_nrt=False, forceinline=True)
def instruction(st):  # type: ignore[no-untyped-def]
    """What is known of the present instruction: opcode, MODRM, prefixes."""
    above = st[S_MODRM] | st[S_MARKS] << _MODRM_BITS
    return (st[S_OPCODE] | above << OPCODE_BITS) & MASK32


@njit(_nrt=False, forceinline=True)
def _end_instruction(st):  # type: ignore[no-untyped-def]
    st[S_BEFORE] = instruction(st)
    st[S_OPCODES] = (st[S_OPCODES] << OPCODE_BITS | st[S_OPCODE]) & _OPCODES
    st[S_INSTRUCTION2] = st[S_INSTRUCTION1]
    st[S_INSTRUCTION1] = st[S_INSTRUCTION]
    st[S_INSTRUCTION] = 0
    st[S_MARKS] = 0
    st[S_MARKED] = 0
    st[S_OPCODE] = 0
    st[S_MODRM] = 0
