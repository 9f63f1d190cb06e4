"""Following x86 instructions, written from docs/modelling.md, "Instructions", alone."""

from __future__ import annotations

from collections.abc import Callable


def _bytes(listed: str) -> set[int]:
    """The bytes of "62 80-8F"."""
    found: set[int] = set()
    for item in listed.split():
        first, _, last = item.partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


_MODRM = _bytes("62 63 69 6B 80-8F C0 C1 C6 C7 D0-D3 D8-DF F6 F7 FE FF")
_ONE = _bytes("6A 6B 70-80 82 83 A8 B0-B7 C0 C1 C6 CD D4 D5 E0-E7 EB")
_FOUR, _WORDS = _bytes("A0-A3 E8 E9"), _bytes("68 69 81 A9 C7 B8-BF")
_NOTHING_1 = _bytes("05-09 0B 0E 30-37 77 A0-A2 A8-AA C8-CF")
_ONE_1 = _bytes("70-73 A4 AC BA C2 C4-C6")
_MARKS = {0x66: 2, 0xF2: 4, 0xF3: 8} | dict.fromkeys(_bytes("26 2E 36 3E 64 65 67 F0"), 1)


class Instructions:
    """Where in an instruction the next byte is; `mix` is the page's hash."""

    def __init__(self, mix: Callable[[int, int], int]) -> None:
        self.mix = mix
        self.stage = self.marks = self.marked = self.opcode = self.modrm = 0
        self.displacement = self.immediate = self.operand = 0
        self.now = self.now1 = self.now2 = self.before = self.opcodes = self.registers = 0

    def take(self, c: int) -> None:
        self.now = self.mix(self.now, c + 1)
        if self.stage == 0:
            if (0x40 <= c < 0x50 or c in _MARKS) and self.marked < 4:
                self.marked += 1
                if c in _MARKS:
                    self.marks |= _MARKS[c]
                else:
                    self.marks = self.marks & 15 | c << 4
            elif c in (0x0F, 0xC5, 0xC4):
                self.stage = {0x0F: 1, 0xC5: 9, 0xC4: 12}[c]
            else:
                self._take_opcode(c)
        elif self.stage == 1 and c in (0x38, 0x3A):
            self.stage = 2 if c == 0x38 else 3
        elif self.stage < 4:
            self._take_opcode(256 * self.stage + c)
        elif self.stage == 4:
            self.modrm = c
            self.registers = (self.registers << 3 | c >> 3 & 7) % (1 << 24)
            self.immediate = self._size()
            mode, rm = c >> 6, c & 7
            if mode == 2 or (mode, rm) == (0, 5):
                self.displacement = 4
            elif mode == 1:
                self.displacement = 1
            if mode < 3 and rm == 4:
                self.stage = 5
            else:
                self._go_on()
        elif self.stage == 5:
            if c & 7 == 5 and self.modrm < 64:
                self.displacement = 4
            self._go_on()
        elif self.stage in (6, 7):
            name = "displacement" if self.stage == 6 else "immediate"
            setattr(self, name, getattr(self, name) - 1)
            self.operand = (self.operand << 8 | c) % (1 << 32)
            if getattr(self, name) == 0:
                self.operand = 0
                self._go_on()
        elif self.stage == 12:
            self.stage = 8 + max(c & 3, 1)
        else:
            self.stage -= 8

    def _take_opcode(self, opcode: int) -> None:
        self.opcode = opcode
        if self._has_modrm():
            self.stage = 4
        else:
            self.immediate = self._size()
            self._go_on()

    def _has_modrm(self) -> bool:
        table, c = divmod(self.opcode, 256)
        if table == 0:
            return c & 7 < 4 if c < 0x40 else c in _MODRM
        return table > 1 or not (0x80 <= c < 0x90 or c in _NOTHING_1)

    def _size(self) -> int:
        table, c = divmod(self.opcode, 256)
        word = 2 if self.marks & 2 else 4
        if table == 1 and 0x80 <= c < 0x90:
            return 4
        if table:
            return int(table == 3 or (table == 1 and c in _ONE_1))
        if c < 0x40:
            return {4: 1, 5: word}.get(c & 7, 0)
        if c in (0xF6, 0xF7):
            return 0 if self.modrm >> 3 & 7 > 1 else (1, word)[c & 1]
        if 0xB8 <= c < 0xC0 and self.marks >> 4 & 0x48 == 0x48:
            return 8
        sizes = {0xC2: 2, 0xCA: 2, 0xC8: 3}
        return word if c in _WORDS else 4 if c in _FOUR else sizes.get(c, int(c in _ONE))

    def _go_on(self) -> None:
        self.stage = 6 if self.displacement else 7 if self.immediate else 0
        if self.stage == 0:
            self.before = self.instruction
            self.opcodes = (self.opcodes << 10 | self.opcode) % (1 << 40)
            self.now2, self.now1, self.now = self.now1, self.now, 0
            self.marks = self.marked = self.opcode = self.modrm = 0

    @property
    def instruction(self) -> int:
        return self.opcode | self.modrm << 10 | self.marks << 18

    def contexts(
        self, pos: int, b1: int, mix: Callable[[int, int], int]
    ) -> dict[int, tuple[int, int]]:
        """Arguments of the contexts made of instructions, by slot."""
        place = self.stage | self.displacement << 4 | self.immediate << 8
        opcode, opcodes, modrm, operand = self.opcode, self.opcodes, self.modrm, self.operand
        marked, aligned = opcode | self.marks << 20, place | (pos & 15) << 16
        return {
            7: (mix(marked, opcodes % (1 << 32)), opcodes >> 32 | place << 8),
            9: (mix(marked, opcodes % (1 << 20)), place | modrm >> 6 << 16),
            10: (place | opcode << 16, operand),
            12: (aligned, opcode),
            14: (place, operand),
            16: (mix(self.now, opcodes & 1023), place),
            17: (mix(self.instruction, self.before), place),
            19: (aligned, b1),
            22: (self.instruction, operand ^ place << 4),
            23: (modrm & 0xC7 | place << 16, operand),
            24: (self.now, place),
            25: (place | b1 << 16, opcodes & 1023),
            26: (place, self.registers % (1 << 20)),
            27: (place | opcode << 16, self.before >> 10 & 63 | (modrm & 0xC7) << 8),
            30: (mix(self.now, mix(self.now1, self.now2)), place),
            32: (mix(opcode | place << 16, opcodes % (1 << 30)), modrm & 0x38),
        }

    @property
    def low(self) -> int:
        return (self.opcode if self.stage else self.before) & 255

    def rows(self, b: int, c0: int) -> dict[int, int]:
        """Rows of the sets that differ from those of records."""
        left = min(self.displacement + self.immediate, 15)
        return {
            4: 9 * self.low + b,
            6: 9 * (self.stage | left << 4) + b,
            10: c0 + 256 * min(self.stage, 7),
            11: 9 * (self.before & 255) + b,
            12: 9 * self.modrm + b,
        }
