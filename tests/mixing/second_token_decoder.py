"""A second decoder of tokens (coder `lm-mix`), written from docs/modelling.md, section 8, and
docs/coding.md, sections 1 and 2, alone. One stream."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from .second_decoder import SQUASH, Decoder, RangeDecoder

Rows = Callable[[list[int]], Sequence[float]]
"""The model: the tokens so far to the logits of all ids."""


def _fine() -> list[int]:
    table, x = [], -2840
    for p in range(65536):
        while x < 2840 and SQUASH[x + 1] <= p:
            x += 1
        table.append(x)
    return table


FINE = _fine()


def _key(logit: float) -> int:
    (b,) = struct.unpack("<I", struct.pack("<f", logit))
    e, m = b >> 23 & 255, b & 0x7FFFFF | 0x800000
    magnitude = (1 << 31) - 1 if e > 141 else (m << 7) >> min(141 - e, 31)
    return (1 << 31) - magnitude if b >> 31 else (1 << 31) + magnitude


def _weight(top: int, key: int) -> int:
    if key == 0:
        return 0
    x = min(top - key, 1453634) * 1549082005 >> 14
    y = x & 0xFFFFFFFF
    p = 228593524 - (29342763 * y >> 32)
    for term in (1028458883, 2976685367, (1 << 32) - 1):
        p = term - (p * y >> 32)
    return max(p >> (x >> 32), 1)


class TokenDecoder(Decoder):
    """Section 8."""

    def __init__(self, memory: int, level: int, pieces: list[bytes | None]) -> None:
        super().__init__(memory, 5, level)
        self.pieces = pieces
        known = [(piece, i) for i, piece in enumerate(pieces) if piece is not None]
        self.leaves = sorted(known)
        self.wrong = 0

    def decode_tokens(self, payload: bytes, count: int, rows: Rows) -> list[int]:
        coder = RangeDecoder(payload)
        tokens: list[int] = []
        for _ in range(count):
            row = rows(tokens)
            keys = [0 if p is None else _key(v) for p, v in zip(self.pieces, row, strict=True)]
            top = max(keys)
            self.w = [_weight(top, keys[i]) for _, i in self.leaves]
            leaf = self._walk(coder)
            tokens.append(self.leaves[leaf][1])
            self.marks[-1] = 1
            self.t1, self.t0, self.prefix = self.t0, leaf + 1, 0
        return tokens

    def _walk(self, coder: RangeDecoder) -> int:
        low, high, d, b, c = 0, len(self.leaves), 0, 0, 1
        self.ready = False
        self.nibble = -1
        while True:
            names = [name for name, _ in self.leaves[low:high]]
            if b == 0 and len(names[0]) == d:
                if len(names[-1]) == d:
                    if high - low == 1:
                        return low
                    at, kind = low + 1, 9
                else:
                    at, kind = low + sum(len(name) == d for name in names), 8
            else:
                ones = sum(name[d] >> (7 - b) & 1 for name in names)
                at, kind = high - ones, b
                if ones in (0, len(names)):  # certain
                    c = c << 1 | (ones > 0)
                    b += 1
                    if b == 8:
                        self._pass(c & 255)
                        d, b, c = d + 1, 0, 1
                    continue
            bit = self._decide(coder, low, at, high, d, kind, 0 if kind >= 8 else c)
            low, high = (at, high) if bit else (low, at)
            if kind < 8:
                c = c << 1 | bit
                b += 1
                if b == 8:
                    self._pass(c & 255)
                    d, b, c = d + 1, 0, 1

    def _pass(self, c: int) -> None:
        if self.ready:
            self.runs.learn(c)
        self._after(c)
        self.ready = False

    def _decide(
        self, coder: RangeDecoder, low: int, at: int, high: int, d: int, kind: int, c: int
    ) -> int:
        whole, part = sum(self.w[low:high]), sum(self.w[at:high])
        if whole >> 46:
            whole, part = whole >> 5, part >> 5
        g = FINE[min((part << 16) // whole, 65535)]
        if kind == 9:
            return coder.bit(SQUASH[g])
        sure = abs(g) >= 2400 and not self._contradicted(kind, c, int(g > 0))
        if sure and self.wrong < 16384:
            bit = coder.bit(SQUASH[g])
        else:
            self.c0, self.g, self.depth_in_token = c, g, d
            if not self.ready:
                self._set_contexts()
                self.ready, self.nibble = True, -1
            if self.nibble != kind // 4:
                self.c0 = c >> kind % 4
                self._find_slots(kind)
                self.c0, self.nibble = c, kind // 4
            p, learned = self._predict(kind)
            bit = coder.bit(p)
            self._learn(kind, bit, learned)
        if sure:
            self.wrong += ((bit != (g > 0)) * (1 << 22) - self.wrong) >> 10
        return bit

    def _contradicted(self, b: int, c: int, bit: int) -> bool:
        for k, (pointer, _, _) in enumerate(self.matches):
            if not pointer:
                continue
            if b == 8:
                expected = self._end_expected(k)
            else:
                e = self.data[pointer] | 256
                expected = e >> (7 - b) & 1 if e >> (8 - b) == c else -1
            if expected == 1 - bit:
                return True
        return False
