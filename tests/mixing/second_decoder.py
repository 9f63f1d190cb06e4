"""A second decoder of coders `cm` and `lm-mix`, written from docs/modelling.md and docs/coding.md
alone.

Plain Python integers, one stream, bytes; `second_token_decoder.py` adds tokens. It shares nothing
with the package but the files in `priors/`. Names are those of the page.
"""

from __future__ import annotations

import lzma
import struct
from pathlib import Path
from typing import Any

from .second_instructions import Instructions
from .second_residuals import Residuals
from .second_runs import Runs

M32 = 0xFFFFFFFF
PRIORS = Path(__file__).parents[2] / "edgezip" / "coding" / "mixing" / "priors"
# name: contexts at levels 0, 1, 2; sets; rates R, F; inputs I; width of a final row; sets of the
# further final rows; contexts with run models
PROFILES: list[tuple[str, tuple[int, ...], int, int, int, int, int, tuple[int, ...], list[int]]] = [
    ("text", (9, 17, 25), 6, 8000, 128, 96, 8, (), []),
    ("binary", (9, 17, 25), 6, 8000, 128, 96, 8, (), []),
    ("lines", (24, 34, 51), 14, 7000, 128, 192, 16, (2, 6, 13),
        [0, 2, 3, 4, 8, 9, 14, 23, 33, 35, 40, 46]),
    ("records", (25, 33, 35), 14, 3500, 64, 160, 16, (2, 9, 4),
        [1, 3, 8, 11, 13, 14, 17, 18, 19, 20, 24, 29]),
    ("code", (25, 33, 35), 14, 3500, 64, 160, 16, (2, 9, 4),
        [1, 7, 8, 11, 12, 14, 17, 19, 20, 21, 23, 27]),
    ("tokens", (9, 17, 46), 13, 6000, 128, 160, 16, (4, 6, 2), [0, 3, 4, 7, 11, 15, 19, 31]),
]  # fmt: skip


def _exponentials() -> list[int]:
    term = step = 1 << 128
    for k in range(1, 40):
        term //= 256 * k
        step += term
    table = [1 << 128]
    for _ in range(3072):
        table.append(table[-1] * step >> 128)
    return table


E = _exponentials()
ONE = 1 << 128


def _squash(x: int) -> int:
    p = (ONE << 16) // (ONE + E[-x]) if x < 0 else (E[x] << 16) // (ONE + E[x])
    return min(max(p, 1), 65535)


SQUASH = {x: _squash(x) for x in range(-3072, 3072)}


def _stretch(i: int) -> int:
    best = -2047
    for x in range(-2047, 2048):
        if x >= 0:
            holds = E[x] * (8191 - 2 * i) <= (2 * i + 1) * ONE
        else:
            holds = ONE * (8191 - 2 * i) <= (2 * i + 1) * E[-x]
        if not holds:
            break
        best = x
    return best


STRETCH = [_stretch(i) for i in range(4096)]
RECIPROCAL = [131072 // (2 * n + 3) for n in range(1024)]


def _next_state(state: tuple[int, int, int], bit: int) -> tuple[int, int, int]:
    counts, recent = [state[0], state[1]], state[2]
    seen = sum(counts)
    other = counts[1 - bit]
    if other > 2:
        counts[1 - bit] = {3: 2, 4: 3, 5: 4, 6: 4, 7: 5}.get(
            other, 5 + (other >= 12) + (other >= 20)
        )
    counts[bit] += 1
    while min(counts) > 4 or max(counts) > (40, 26, 12, 7, 5)[min(counts)]:
        counts[bit if counts[bit] >= counts[1 - bit] else 1 - bit] -= 1
    return counts[0], counts[1], 2 * recent + bit if seen < 3 else bit


def _states() -> tuple[list[tuple[int, int]], list[bool]]:
    found = [(0, 0, 0)]
    for state in found:
        for bit in (0, 1):
            after = _next_state(state, bit)
            if after not in found:
                found.append(after)
    found.sort(key=lambda s: (s[0] + s[1], *s))
    follow = [(found.index(_next_state(s, 0)), found.index(_next_state(s, 1))) for s in found]
    return follow, [(s[0] > 0) != (s[1] > 0) for s in found]


FOLLOW, ONE_SIDED = _states()


def mix(h: int, v: int) -> int:
    z = ((h ^ v) & M32) * 0x6C8E9CF5
    return ((z >> 16) ^ z) & M32


def C(i: int, a: int, b: int) -> int:
    return mix(mix(i * 0x1F123BB5 & M32, a), b)


def adapt(word: int, target: int, limit: int) -> int:
    p, n = word >> 10, word & 1023
    p += ((target - p) >> 3) * RECIPROCAL[n] >> 13
    return p << 10 | min(n + 1, limit)


def clamp(x: int, limit: int) -> int:
    return min(max(x, -limit), limit)


def signed(x: int) -> int:
    """`x` mod 2^32 as a number with sign."""
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


class RangeDecoder:
    """docs/coding.md, section 4."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.pos, self.range = payload, 0, (1 << 64) - 1
        self.code = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")

    def bit(self, p1: int) -> int:
        bound = (self.range >> 16) * p1
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code, self.range = self.code - bound, self.range - bound
        while self.range < 1 << 56:
            at = self.pos + 8
            byte = self.payload[at] if at < len(self.payload) else 0
            self.code, self.range, self.pos = self.code << 8 | byte, self.range << 8, self.pos + 1
        return bit


class Decoder:
    """Sections 2 to 7 for one stream of bytes."""

    def __init__(self, memory: int, profile: int, level: int) -> None:
        self.profile = profile
        row = PROFILES[profile]
        name, counts, self.sets, self.R, self.F, self.I, self.width, self.finals, runs = row
        self.n, self.M = counts[level], memory
        self._read_prior(name, counts[2], len(runs))
        self.runs = Runs(memory, runs if level == 2 else [], self.runmaps)
        self.residuals = Residuals(28 if level == 2 and profile in (3, 4) else 0)
        self.slots: dict[int, bytearray] = {}  # by line: four slots of 16 bytes
        self.direct_size = 1 << min(max(memory - 4, 14), 21)
        self.direct: dict[int, int] = {}
        self.apms: dict[tuple[int, int], list[int]] = {}
        self.heads: dict[int, int] = {}
        self.votes = [0] * (8192 if profile == 3 else 2048)
        self.counter = self.counted_at = self.p = self.error = self.misses = self.decisions = 0
        self.seen: dict[tuple[int, int], int] = {}
        self.seen_size = 1 << max(memory - 6, 14)
        self.data = bytearray()
        self.c4 = self.c8 = self.w0 = self.w1 = self.w2 = self.w3 = 0
        self.line = self.line1 = self.linehash = self.linehash1 = self.shape = 0
        self.alike = self.record2 = self.left1 = self.left2 = self.changed = self.same = 0
        self.trail, self.wanted, self.after = [0] * 2, [0] * 3, [0] * 3
        self.record = self.key = self.number = self.depth = 0
        self.field = self.row = self.start = self.fieldhash = 0
        self.starts = [[0] * 64, [0] * 64]
        self.hashes = [[0] * 64, [0] * 64]
        self.opened = [0] * 64
        self.marks: list[int] = []
        self.prefix = self.t0 = self.t1 = self.depth_in_token = self.g = 0
        self.ends: dict[int, bytearray] = {}  # histories of ends of tokens
        self.matches = [[0, 0, 0], [0, 0, 0]]  # pointer, length, misses
        self.code = Instructions(mix)

    def _read_prior(self, name: str, contexts: int, runs: int) -> None:
        body = lzma.decompress((PRIORS / f"{name}.bin").read_bytes())
        split = contexts * 256
        words = struct.unpack_from(f"<{split + 1024 + runs * 256}I", body)
        self.maps, self.matchmaps = list(words[:split]), list(words[split : split + 1024])
        self.runmaps = list(words[split + 1024 :])
        rest = body[4 * len(words) :]
        flat = struct.unpack(f"<{len(rest) // 2}h", rest)
        width = self.I
        means = [[8 * v for v in flat[k * width : (k + 1) * width]] for k in range(self.sets)]
        at = self.sets * width
        k, at = flat[at], at + 1
        rows, at = flat[at : at + k], at + k
        self.weights = {}
        for i, row in enumerate(rows):
            self.weights[row] = [8 * v for v in flat[at + i * width : at + (i + 1) * width]]
        self.means, self.final = means, [64 * v for v in flat[at + k * width :]]

    def decode(self, payload: bytes, size: int) -> bytes:
        coder = RangeDecoder(payload)
        for _ in range(size):
            self._set_contexts()
            self.c0 = 1
            for b in range(8):
                if b % 4 == 0:
                    self._find_slots(b)
                p, learned = self._predict(b)
                bit = coder.bit(p)
                self._learn(b, bit, learned)
                self.c0 = self.c0 << 1 | bit
            self.runs.learn(self.c0 & 255)
            self.residuals.learn(self.c0 & 255)
            self._after(self.c0 & 255)
        return bytes(self.data)

    # Section 3

    def _after(self, c: int) -> None:
        b1, pair = self.c4 & 255, self.c4 & 0xFFFF
        self.data.append(c)
        self.marks.append(0 if self.profile == 5 else 2)
        self.prefix = mix(self.prefix, c + 1)
        for head in (b1, 256 + pair):
            self.heads[head] = (self.heads.get(head, 0) << 8 & 0xFFFFFF) | c
        self.c8 = (self.c8 << 8 | self.c4 >> 24) & M32
        self.c4 = (self.c4 << 8 | c) & M32
        pos = len(self.data)
        letter = chr(c).isascii() and chr(c).isalpha()
        kind = 1 if letter or c >= 128 else 2 if 48 <= c <= 57 else 3 if c <= 32 else 0
        if kind == 1:
            self.w0 = mix(self.w0, (c + 32 if 65 <= c <= 90 else c) + 1)
        elif self.w0:
            self.w3, self.w2, self.w1, self.w0 = self.w2, self.w1, self.w0, 0
        self.number = mix(self.number, 1) if kind == 2 else mix(0, c)
        self.shape = (self.shape << 2 | kind) & 0xFFFF
        if c in b'":=\n':
            self.key = self.w1
        if c in b"{[(<":
            self.depth = min(self.depth + 1, 63)
            self.opened[self.depth] = (31 * self.w1 + c) & M32
        elif c in b"}])>":
            self.depth = max(self.depth - 1, 0)
        last = self.fieldhash
        if c in b"\n ,\t;|" or (self.profile in (2, 5) and c in b'"()/:=[]{'):
            self.hashes[self.row][self.field] = self.fieldhash
            self.fieldhash = 0
            if c == 10:
                self.row, self.field = 1 - self.row, 0
            else:
                self.field = min(self.field + 1, 63)
            self.start = self.starts[self.row][self.field] = pos
        else:
            self.fieldhash = mix(self.fieldhash, c + 1)
        if c == 10:
            self.line1, self.line = self.line, pos
            self.linehash1, self.linehash = self.linehash, 0
        elif kind == 0 or c == 32:
            self.linehash = mix(self.linehash, c)
        place = 66560 + (self.c4 & 0xFFFF)
        d, self.heads[place] = pos - self.heads.get(place, 0), pos
        if 1 < d < len(self.votes):
            self.votes[d] += 16
            if d == self.record:
                pass
            elif self.votes[d] > self.votes[self.record]:
                self.record2, self.record = self.record, d
            elif self.votes[d] > self.votes[self.record2]:
                self.record2 = d
        if pos % 256 == 0:
            self.votes = [v - (v >> 2) for v in self.votes]
        for k, least in enumerate((6, 20)):
            self._match(k, least, c)
        self._trails(c, last)
        self.residuals.follow(self.data)

    def _trails(self, c: int, last: int) -> None:
        pos = len(self.data)
        if self.start == pos:
            if last:
                self.left2, self.left1 = self.left1, last
            if self.field == 0:
                self.changed = 0
            elif self.hashes[1 - self.row][self.field - 1] != last:
                self.changed = min(self.changed + 1, 3)
            keys = [(60, self.left1, self.left2), (61, self.linehash, self.field)]
            for k, key in enumerate(keys):
                place = 196608 + (C(*key) >> 8 & 0xFFFF)
                self.trail[k], self.heads[place] = self.heads.get(place, 0), pos
            self.same = 7
        else:
            for k in range(3):
                if self.wanted[k] != c:
                    self.same &= ~(1 << k)
        for k, trail in enumerate(self.trail):
            at = trail + pos - self.start
            self.wanted[k] = self._byte(at) if trail else 0
            self.after[k] = self._byte(at + 1) if trail else 0
        _, self.wanted[2], self.after[2] = self._above_field()

    def _match(self, k: int, least: int, c: int) -> None:
        data, pos = self.data, len(self.data)
        pointer, length, misses = self.matches[k]
        if pointer:
            if data[pointer] == c:
                length += 1
                if length == 16:
                    misses >>= 1
            else:
                length, misses = 0, misses + 1
            pointer += 1
            if misses >= 8 or pointer >= pos:
                pointer = length = misses = 0
        if pos >= least:
            h = 0
            for byte in reversed(data[-least:]):
                h = (h ^ byte) * 0x2C1B3C6D & M32
                h ^= h >> 13
            place = k, (h * 0x5851F42D >> 20) % self.seen_size
            if not pointer or length < least:
                found, common = self.seen.get(place, 0), 0
                while common < 400 and found > common:
                    if data[found - 1 - common] != data[pos - 1 - common]:
                        break
                    common += 1
                if common >= least and common > length:
                    pointer, length, misses = found, common, 0
            self.seen[place] = pos
        self.matches[k] = [pointer, length, misses]

    # Section 4

    def _byte(self, at: int) -> int:
        return self.data[at] if 0 <= at < len(self.data) else 0

    def _above_field(self) -> tuple[int, int, int]:
        first = self.starts[1 - self.row][self.field]
        offset = len(self.data) - self.start
        at = first + offset
        if at >= self.line or first < self.line1 or self.line == 0:
            return 0, 0, 0
        left = self._byte(at - 1) if offset > 0 else 0
        return left, self._byte(at), self._byte(at + 1) if at + 1 < self.line else 0

    def _follow_likeness(self) -> None:
        b1, b5 = self.c4 & 255, self.c8 & 255
        self.alike = (self.alike << 2 | (b1 == b5) << 1 | (b1 == 0)) & M32

    def _set_contexts(self) -> None:
        pos, c4, c8 = len(self.data), self.c4, self.c8
        self.b = [0, *(self._byte(pos - i) for i in range(1, 9))]
        b1, b2, b3, b4, b5, b8 = (self.b[i] for i in (1, 2, 3, 4, 5, 8))
        rec = self.record
        self.phase = phase = pos % rec if rec > 1 else 0
        self.r1, self.r2 = (self._byte(pos - i * rec) if rec else 0 for i in (1, 2))
        r1, r2, r3 = self.r1, self.r2, self._byte(pos - 3 * rec) if rec else 0
        self.left = left = self._byte(pos - rec - 1)
        right = self._byte(pos - rec + 1) if rec > 1 else 0
        self.e = [self.data[m[0]] if m[0] else -1 for m in self.matches]
        self.index = []
        for k, (_, length, misses) in enumerate(self.matches):
            bucket = length if length < 16 else min(16 + (length - 16) // 8, 31)
            self.index.append(256 * k + 8 * bucket + (misses & 7))
        e0, e1 = self.e
        len0 = self.matches[0][1]
        col = pos - self.line
        self.col = col
        self.fl, self.fa, fr = self._above_field()
        fl, fa = self.fl, self.fa
        self.above = self._byte(self.line1 + col) if self.line1 + col < self.line else 0
        above = self.above
        ar = self._byte(self.line1 + col + 1) if self.line1 + col + 1 < self.line else 0
        two = self.heads.get(256 + (c4 & 0xFFFF), 0)
        one = self.heads.get(b1, 0) & 0xFFFF
        w0, w1, w2, w3 = self.w0, self.w1, self.w2, self.w3
        field, part = self.field, self.fieldhash
        over = self.hashes[1 - self.row][field]
        last = [0, b1, c4 & 0xFFFF, c4 & 0xFFFFFF, c4]
        h = {0: 0, 5: C(5, c4, c8 & 0xFF), 6: C(6, c4, c8 & 0xFFFF)}
        h |= {i: C(i, last[i], 0) for i in range(1, 5)}
        A, B = 0x2F0B4C47, 0x3D4D51CB
        if self.profile in (0, 5):
            h |= {
                7: C(31, self.number, w0),
                8: C(20, self.linehash, w0),
                9: C(34, fa | field << 8 | fl << 16, b1),
                10: C(19, self.shape, b1),
                11: C(9, w0, w1),
                12: C(26, self.linehash, col),
                13: C(22, two & 0xFFFF, b1),
                14: C(23, e0 + 1 | min(len0, 15) << 9, b1),
                15: C(27, self.key, (w0 + 77 * b1) & M32),
                16: C(18, col, above),
                17: C(11, c4 & 0xFFFF00, 0),
                18: C(21, one, b1),
                19: C(8, w0, b1),
                20: C(24, w0, (A * w1 + w2) & M32),
                21: C(25, c4 & 0xF0F0F0FF, c8 & 0xF0F0),
                22: C(32, e0 + 1, e1 + 1),
                23: C(35, over, (w0 + 0x1000193 * b1) & M32),
                24: C(36, field, part),
            }
            if self.profile == 5:
                h |= self._token_contexts(fa, fr, e1)
        elif self.profile == 1:
            self._follow_likeness()
            pairs = {
                7: (r1 | b1 << 8, rec),
                8: (r1 | r2 << 8 | r3 << 16, 0),
                9: (self.alike & 0xFFFF, 0),
                10: (two & 0xFFFF, 0),
                11: (r1 | left << 8 | b1 << 16, right),
                12: (e0 + 1 | min(len0, 15) << 9, b1),
                13: (c4 & 0xFF00FF00, 0),
                14: (c4 & 0xE0E0E0, 0),
                15: (b2, 0),
                16: (b4 | b8 << 8, 0),
                17: (two & 0xFFFF, b1),
                18: (r1 | r2 << 8, phase),
                19: (b1 | b5 << 8, 0),
                20: (phase | rec << 16, b1),
                21: (b1 | b3 << 8, 0),
                22: (c4 & 0xFFFF00, 0),
                23: (c4 & 0xF0F0, 0),
                24: (c4 & 0xFFFF0000, 0),
            }
            h |= {i: C(i, a, b) for i, (a, b) in pairs.items()}
        elif self.profile == 2:
            row = self.hashes[self.row]
            left1, left2, same = self.left1, self.left2, self.same
            (x1, x2, _), (y1, y2, _) = self.wanted, self.after
            first, offset = row[0], pos - self.start
            pairs = {
                7: (c4, c8 & 0xFFFFFF),
                8: (w0, b1),
                9: (w0, w1),
                10: (w0, A * w1 + w2),
                11: (col, above),
                12: (above, c4 & 0xFFFF),
                13: (fa, field),
                14: (fa | fr << 8 | fl << 16, b1),
                15: (field, part),
                16: (self.linehash, w0),
                17: (self.shape, b1),
                18: (self.shape & 0xFFF, w0),
                19: (two, b1),
                20: (one, c4 & 0xFFFF),
                21: (e0 + 1 | min(len0, 15) << 9, b1),
                22: (e0 + 1, e1 + 1 | b1 << 9),
                23: (over, part),
                24: (left1, part),
                25: (A * left1 + left2, part),
                26: (first + field, part),
                27: (7 * self.linehash + field, part),
                28: (5 * over + left1, part),
                29: (over, field | offset << 8),
                30: (above | fa << 8, b1),
                31: (above | ar << 8 | b1 << 16, b2),
                32: (self.key, w0 + 77 * b1),
                33: (self.number, w0),
                34: (A * w1 + w2, b1),
                35: (c4 & 0xFFFF00, 0),
                36: (c4 & 0xFFFFFF00, 0),
                37: (c4 & 0xFF00, 0),
                38: (self.linehash1, 3 * self.linehash + w0),
                39: (c4 & 0xF0F0F0FF, c8 & 0xF0F0),
                40: (self.opened[self.depth] + self.depth, w0),
                41: (w0, B * w2 + 1),
                42: (w1, B * w3 + w0),
                43: (left1, over + part),
                44: (fa | fr << 8, left1),
                45: (x1 | y1 << 8 | (same & 1) << 16, b1),
                46: (x2 | y2 << 8 | (same & 2) << 16, b1),
                47: (fa | fr << 8 | (same & 4) << 16 | self.changed << 20, field),
                48: (x1 | x2 << 8 | fa << 16, same),
                49: (x1 | (same & 1) << 8 | offset << 9, left1),
                50: (x2 | (same & 2) << 8 | self.changed << 16, self.linehash),
            }
            h |= {i: C(i, a & M32, b & M32) for i, (a, b) in pairs.items()}
        elif self.profile == 3:
            right2 = self._byte(pos - rec + 2) if rec > 2 else 0
            q1 = self._byte(pos - self.record2) if self.record2 else 0
            lane, b6, b12 = pos & 3, self.b[6], self._byte(pos - 12)
            left2 = self._byte(pos - 2 * rec - 1)
            if rec > 1 and b1 == (left + 1) & 255 and left == (left2 + 1) & 255:
                self.counter, self.counted_at = b1, pos
            counted = self.counter | min(pos - self.counted_at, 255) << 8
            self.q1 = q1
            self._follow_likeness()
            pairs = {
                7: (right | r1 << 8 | left << 16, b1 | right2 << 8),
                8: (one, 0),
                9: (two & 0xFFFF, 0),
                10: (b1 | b5 << 8, 0),
                11: (b2, 0),
                12: (pos & 15, b1),
                13: (b1 | b3 << 8, 0),
                14: (w0, b1),
                15: (counted, r1 | b1 << 8),
                16: (r1 | r2 << 8 | r3 << 16, 0),
                17: (c4 & 0xF0F0, 0),
                18: (c4 & 0xE0E0E0, 0),
                19: (self.alike & 0xFFFF, 0),
                20: (c4 & 0xFFFF00, 0),
                21: (lane | b4 << 8 | b8 << 16, b12),
                22: (b1 & 15 | (b2 & 0xFC) << 8 | (pos & 1) << 20, 0),
                23: (c4 & 0xC0C0C0C0, c8 & 0xC0C0C0C0),
                24: (c4 & 0xFFFF, lane),
                25: (b4 | b8 << 8 | lane << 16, b1),
                26: (e0 + 1 | min(len0, 15) << 9, b1),
                27: (c4 & 0xFFFF0000, 0),
                28: (c4 & 0xFF00FF00, 0),
                29: (self.alike & 255 | c4 & 0xFFE00000, 0),
                30: (two & 0xFFFF, b1),
                31: (b1 | b6 << 8, 0),
                32: (counted, q1),
                33: (c4 & 0xF0F00000 | lane, 0),
                34: (lane | (b4 >> 3) << 2 | (b8 >> 3) << 7, b12 >> 4 | (b1 >> 5) << 4),
            }
            h |= {i: C(i, a, b) for i, (a, b) in pairs.items()}
        else:
            self._follow_likeness()
            if pos:
                self.code.take(b1)
            pairs = {
                8: (b2, 0),
                11: (c4 & 0xFFFF00, 0),
                13: (one, 0),
                15: (two & 0xFFFF, 0),
                18: (c4 & 0xC0C0C0C0, c8 & 0xC0C0C0C0),
                20: (c4 & 0xE0E0E0, 0),
                21: (c4 & 0xF0F0, 0),
                28: (self.alike & 255 | c4 & 0xFFE00000, 0),
                29: (c4 & 0xFFFF0000, 0),
                31: (two, c4 & 0xFFFF),
                33: (b1 | b5 << 8, 0),
                34: (b1 | b3 << 8, 0),
                **self.code.contexts(pos, b1, mix),
            }
            h |= {i: C(i, a, b) for i, (a, b) in pairs.items()}
        self.h = [h[i] for i in range(self.n)]
        self.runs.find(self.h)
        self.residuals.guess(self.data, rec, self.record2, (one, two), self.matches, mix)
        self.direct_contexts = [
            0x51ED270,
            C(41, b1, 0),
            C(42, c4 & 0xFFFF, 0),
            C(43, c4 & 0xFFFFFF, 0),
            C(44, w0, b1),
            C(45, r1 | b1 << 8, phase),
        ]

    # Section 5

    def _find_slots(self, b: int) -> None:
        salt = self.c0 * 0x9E3779B1 & M32
        self.found = []
        for h in self.h:
            if b == 8:
                z = (h ^ 0x2545F491) * 0x5851F42D
                place = (z >> 24) % (1 << self.M - 3)
                self.found.append((self.ends.setdefault(place, bytearray(2)), 0))
                continue
            z = (h ^ salt) * 0x5851F42D
            line = self.slots.setdefault((z >> 20) % (1 << self.M - 6), bytearray(64))
            check = (z >> 44) & 255
            known = [k for k in range(4) if line[16 * k] == check]
            if known:
                k = known[0]
            else:
                k = min(range(4), key=lambda k: line[16 * k + 1])
                line[16 * k : 16 * k + 16] = bytes([check, *bytes(15)])
            self.found.append((line, 16 * k))
        self.places = [
            16 * (((h ^ salt) * 0x5851F42D >> 24) % (self.direct_size // 16))
            for h in self.direct_contexts
        ]

    # Section 6

    def _predict(self, b: int) -> tuple[int, dict[str, Any]]:
        c0, b1, b2, b3 = self.c0, self.b[1], self.b[2], self.b[3]
        node = (c0 & ((1 << b % 4) - 1)) | 1 << b % 4
        x = [256, self.g, (SQUASH[self.g] - 32768) >> 4]
        bits, indices = [], list(self.index)
        for k in range(2):
            e, bit = self.e[k], -1
            if b == 8:
                if e >= 0:
                    bit = self._end_expected(k)
                indices[k] += 512
            elif e >= 0 and (e | 256) >> (8 - b) == c0:
                bit = e >> (7 - b) & 1
            else:
                self.e[k] = -1
            bits.append(bit)
            p = self.matchmaps[indices[k]] >> 20 if bit >= 0 else 0
            sign = {-1: 0, 0: -1, 1: 1}[bit]
            x += [sign * STRETCH[p], sign * (p - 2048)]
        direct = [place + node for place in self.places]
        x += [STRETCH[self.direct.get(place, 1 << 31) >> 20] for place in direct]
        states = [line[at + node] for line, at in self.found]
        for i, state in enumerate(states):
            p = self.maps[256 * i + state] >> 20
            x += [STRETCH[p], p - 2048, STRETCH[p] if ONE_SIDED[state] else 0]
        x += [sign * STRETCH[p >> 20] for sign, p in self.runs.expect(b, c0)]
        x += [STRETCH[p] for p in self.residuals.expect(b, c0)]
        length = 0 if bits[0] < 0 else 1 + (self.index[0] & 255) // 8
        band, half = min(length // 4, 7), 256 * (b // 2)
        hits = sum(state > 0 for state in states[1:7])
        rows = [c0, b1 + half, 9 * hits + b + 64 * band, 9 * (self.shape & 255) + b]
        expected = min(self.e[0] + 1 if length else 0, 255)
        if self.profile < 2:
            rows += [min(self.col, 255) + half, b2 + half]
        elif self.profile == 5:
            rows += self._token_rows(b, bits[0], length, expected)
        elif self.profile == 2:
            offset = len(self.data) - self.start
            rows[0] = c0 + 256 * band
            rows += [
                9 * min(self.col, 255) + b,
                9 * self.fa + b,
                9 * (8 * min(self.field, 31) + (self.shape & 7)) + b,
                9 * self.above + b,
                9 * expected + b,
                9 * (self.w0 & 255) + b,
                b2 + half,
                9 * (8 * min(offset, 31) + band) + b,
                self.wanted[0] + 256 * (self.same & 1) + 512 * (b // 2),
                9 * (4 * (4 * self.same + self.changed) + (self.shape & 3)) + b,
            ]
        else:
            r1, r2 = self.r1, self.r2
            alike = (r1 == b1) + 2 * (r1 == r2) + 4 * (self.left == b1) + 8 * (b1 == b2)
            rows[0] = c0 + 256 * band
            behind = len(self.data) - self.counted_at
            place = behind if behind < self.record else self.phase
            rows += [
                9 * min(place, 255) + b,
                b2 + half,
                9 * r1 + b,
                9 * expected + b,
                b3 + half,
                9 * (16 * alike + min(length, 15)) + b,
                c0 + 256 * (len(self.data) & 7),
                9 * r2 + b,
                9 * (self.q1 if self.profile == 3 else 0) + b,
                9 * self._error_row(b) + b,
            ]
            if self.profile == 4:
                for k, chosen in self.code.rows(b, c0).items():
                    rows[k] = chosen
        vectors = [self._weights(k, row) for k, row in enumerate(rows)]
        d = [
            clamp(signed(sum(a * w for a, w in zip(x, vector, strict=False))) >> 13, 2840)
            for vector in vectors
        ]
        finals = [
            (2304 * j + row) * self.width
            for j, row in enumerate([c0 + 256 * band, *(rows[k] for k in self.finals)])
        ]
        ms = [
            clamp(sum(d[k] * self.final[at + k] for k in range(self.sets)) >> 16, 2840)
            for at in finals
        ]
        m = sum(ms) * 16384 >> 16 if len(ms) == 4 else ms[0]
        t = 32 * (clamp(m, 2047) + 2048)
        col, w = t >> 12, t & 4095
        v = self.r1 if self.profile == 3 and self.record > 1 else length
        v = 3 * self.strength + self.agree if self.profile == 5 else v
        v = self.code.low if self.profile == 4 else v
        pair = ((self.c4 & 0xFFFF) * 0x3D4D51CB + c0 * 0x2F0B4C47 >> 13) % 65536
        map_rows = [(0, c0 | b1 << 8), (1, c0 | v << 8), (2, pair)]
        q = 0
        if self.profile in (3, 4):
            map_rows.append((3, c0 | expected << 8))
        if self.profile == 5:
            map_rows.pop()
            q = SQUASH[m]
        for row in map_rows:
            a = self._map(row)
            q += (a[col] * (4096 - w) + a[col + 1] * w) >> 12
        q += SQUASH[m]
        p = q * 13107 + 32768 >> 16 if self.profile in (3, 4) else q + 2 >> 2
        self.p = p = min(max(p, 1), 65535)
        return p, {
            "x": x, "bits": bits, "direct": direct, "node": node, "vectors": vectors, "d": d,
            "finals": finals, "ms": ms, "maps": map_rows, "column": col + (w >> 11),
            "indices": indices,
        }  # fmt: skip

    def _error_row(self, b: int) -> int:
        bit = (self.c0 if b else self.b[1]) & 1
        p = self.p if bit else 65536 - self.p
        self.error += (65536 - p - self.error) >> 4
        self.misses = (3 * self.misses + (p < 60000) + (p < 40000)) % 27
        size = next((i for i in range(12) if self.error >> i <= 8), 12)
        return 18 * size + self.misses % 9 + 9 * (self.misses > 8)

    def _weights(self, k: int, row: int) -> list[int]:
        return self.weights.setdefault(2304 * k + row, list(self.means[k]))

    def _map(self, row: tuple[int, int]) -> list[int]:
        start = [SQUASH[clamp((j - 16) * 128, 2047)] for j in range(33)]
        return self.apms.setdefault(row, start)

    # What only tokens have

    def _end_expected(self, k: int) -> int:
        mark = self.marks[self.matches[k][0] - 1]
        return 1 - mark if mark < 2 else -1

    def _token_contexts(self, fa: int, fr: int, e1: int) -> dict[int, int]:
        A, B = 0x2F0B4C47, 0x3D4D51CB
        w0, w1, w2, part = self.w0, self.w1, self.w2, self.fieldhash
        left1, left2, same, changed = self.left1, self.left2, self.same, self.changed
        (x1, x2, _), (y1, y2, _), b1 = self.wanted, self.after, self.b[1]
        offset = min(len(self.data) - self.start, 255)
        over = self.hashes[1 - self.row][self.field]
        named = {
            20: (24, self.prefix, self.t0),
            21: (25, self.prefix, A * self.t0 + self.t1),
            25: (45, x1 | y1 << 8 | (same & 1) << 16, b1),
            26: (46, x2 | y2 << 8 | (same & 2) << 16, b1),
            27: (47, fa | fr << 8 | (same & 4) << 16 | changed << 20, self.field),
            28: (37, left1, part),
            29: (38, A * left1 + left2, part),
            30: (40, 7 * self.linehash + self.field, part),
            31: (50, self.opened[self.depth] + self.depth, w0),
            32: (49, x1 | (same & 1) << 8 | offset << 9, left1),
            33: (51, x2 | (same & 2) << 8 | changed << 16, self.linehash),
            34: (52, w0, B * w2 + 1),
            35: (53, w0, A * w1 + w2),
            36: (55, self.c4, self.c8 & 0xFFFFFF),
            37: (56, e1 + 1 | min(self.matches[1][1], 31) << 9, self.prefix),
            38: (57, self.prefix, x1 | x2 << 8 | (same & 3) << 16),
            39: (58, self.linehash1, 3 * self.linehash + w0),
            40: (59, self.prefix, over + part),
            41: (60, A * w1 + w2, b1),
            42: (61, w1, B * self.w3 + w0),
            43: (62, self.prefix, 3 * self.linehash + self.t0),
            44: (63, 5 * over + left1, part),
            45: (64, over, self.field | offset << 8),
        }
        return {i: C(salt, a & M32, b & M32) for i, (salt, a, b) in named.items()}

    def _token_rows(self, b: int, expected_bit: int, length: int, expected: int) -> list[int]:
        self.agree = 0
        if expected_bit >= 0:
            self.agree = 1 if (self.g > 0) == (expected_bit == 1) else 2
        self.strength = min(abs(self.g) // 128, 15)
        offset = len(self.data) - self.start
        return [
            9 * self.strength + b + 144 * self.agree + 432 * min(self.depth_in_token, 3),
            self.t0 & 2047,
            9 * (4 * (4 * self.same + self.changed) + (self.shape & 3)) + b,
            min(self.wanted[0] + 256 * (self.same & 1) + 512 * (b // 2), 2303),
            9 * self.fa + b,
            9 * expected + b,
            9 * (8 * min(self.field, 31) + (self.shape & 7)) + b,
            9 * (8 * min(offset, 31) + min(length // 4, 7)) + b,
            9 * min(self.col, 255) + b,
        ]

    # Section 7

    def _learn(self, b: int, bit: int, was: dict[str, Any]) -> None:
        Y, x, pace = 65536 * bit, was["x"], 256
        if self.profile in (3, 4):
            pace += (3 << 26) // ((1 << 18) + self.decisions)
            self.decisions += 1
        R, F = self.R * pace >> 8, self.F * pace >> 8
        for k, vector in enumerate(was["vectors"]):
            d = was["d"][k]
            for at, m in zip(was["finals"], was["ms"], strict=True):
                self.final[at + k] += (d * ((Y - SQUASH[m]) * F >> 8) + 32768) >> 16
            step = (Y - SQUASH[d]) * R >> 17
            for j, value in enumerate(x):
                moved = vector[j] + ((value * step + 32768) >> 16)
                vector[j] = min(max(moved, -32768), 32767)
        target, node = 4194303 * bit, was["node"]
        for i, (line, at) in enumerate(self.found):
            state = line[at + node]
            if state:
                self.maps[256 * i + state] = adapt(self.maps[256 * i + state], target, 255)
            line[at + node] = FOLLOW[state][bit]
        for place in was["direct"]:
            self.direct[place] = adapt(self.direct.get(place, 1 << 31), target, 60)
        for k, expected in zip(was["indices"], was["bits"], strict=True):
            if expected >= 0:
                right = 4194303 if expected == bit else 0
                self.matchmaps[k] = adapt(self.matchmaps[k], right, 1023)
        self.runs.adapt(bit, adapt)
        for row in was["maps"]:
            a, column = self._map(row), was["column"]
            if self.profile < 2:
                a[column] += (Y - bit - a[column]) >> 6
            else:
                a[column] += (65535 - a[column] + 63) >> 6 if bit else -((a[column] + 63) >> 6)
