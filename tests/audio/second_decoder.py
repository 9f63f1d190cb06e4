"""A second decoder for coder 8, written from docs/media.md and docs/modelling.md alone.

Plain Python integers, nothing from the package but the constants of the levels; slow, for short
sounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import isqrt

MASK = (1 << 64) - 1
TOP = (1 << 23) - 1


def clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


class RangeDecoder:
    """docs/coding.md."""

    def __init__(self, payload: bytes) -> None:
        self.rest = payload[8:]
        self.code = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")
        self.range = MASK

    def _take(self, code: int, width: int) -> None:
        while width < 1 << 56:
            byte, self.rest = (self.rest[0], self.rest[1:]) if self.rest else (0, b"")
            code, width = code << 8 | byte, width << 8
        self.code, self.range = code, width

    def bit(self, p: int) -> int:
        bound = (self.range >> 16) * p
        if self.code < bound:
            self._take(self.code, bound)
            return 1
        self._take(self.code - bound, self.range - bound)
        return 0

    def number(self, bits: int) -> int:
        unit = self.range >> bits
        value = self.code // unit
        self._take(self.code - value * unit, unit)
        return value


# Tables


@cache
def exponentials(scale: int) -> list[int]:
    """exp(i / scale) with 256 fraction bits."""
    step = term = 1 << 256
    for k in range(1, 60):
        term //= scale * k
        step += term
    values = [1 << 256]
    for _ in range(3072 * scale // 256 + 2):
        values.append(values[-1] * step >> 256)
    return values


@cache
def squash(x: int) -> int:
    one, e = 1 << 256, exponentials(256)[abs(x)]
    return clip((one << 16) // (one + e) if x < 0 else (e << 16) // (one + e), 1, 65535)


@cache
def stretch(i: int) -> int:
    """The largest x with exp(x / 256) <= (2i + 1) / (8191 - 2i)."""
    x = -2047
    while x < 2047:
        e = exponentials(256)[abs(x + 1)]
        if x + 1 >= 0:
            fits = e * (8191 - 2 * i) <= (2 * i + 1) << 256
        else:
            fits = (8191 - 2 * i) << 256 <= (2 * i + 1) * e
        if not fits:
            break
        x += 1
    return x


def nearest_log(value: int) -> int:
    """256 ln(value / 2**256), to the nearest."""
    halves = exponentials(512)
    low, high = -3072, 3072
    while low < high:
        y = (low + high + 1) // 2
        twice = 2 * y - 1
        reached = halves[twice] <= value if twice >= 0 else value * halves[-twice] >= 1 << 512
        low, high = (y, high) if reached else (low, y - 1)
    return low


@cache
def softplus(x: int) -> int:
    e = exponentials(512)[2 * abs(x)]
    return nearest_log((1 << 256) + (e if x >= 0 else (1 << 512) // e))


@cache
def log_expm1(x: int) -> int:
    return nearest_log(exponentials(512)[2 * max(x, 1)] - (1 << 256))


# Adaptive probabilities


def adapted(v: int, bit: int, limit: int) -> int:
    p, n = v >> 10, v & 1023
    p += (((4194303 if bit else 0) - p) >> 3) * (131072 // (2 * n + 3)) >> 13
    return p << 10 | min(n + 1, limit)


class LearnedBits:
    """Adaptive bits of the lists of values and of low bits."""

    def __init__(self, coder: RangeDecoder) -> None:
        self.coder = coder
        self.models: dict[tuple[object, ...], int] = {}

    def bit(self, *model: object) -> int:
        v = self.models.get(model, 1 << 31)
        bit = self.coder.bit(clip(v >> 16, 32, 65504))
        self.models[model] = adapted(v, bit, 250)
        return bit


def listed_values(coder: RangeDecoder, size: int, b: int) -> list[int]:
    bits = LearnedBits(coder)
    value, before, recent = -(1 << (b - 1)) - 1, 0, 0
    out = []
    for _ in range(size):
        n = 1
        while n < 24 and bits.bit("length", before, n):
            n += 1
        distance = 1
        for _ in range(n - 1):
            distance = 2 * distance + bits.bit("rest", recent, n, min(distance, 15))
        value += distance
        out.append(value)
        before = min(distance.bit_length(), 15)
        recent = (recent << 1 | distance & 1) & 7
    return out


# Mixing


class Mixer:
    """Three sets of rows over the same inputs, direct contexts, two maps."""

    def __init__(self, experts: int) -> None:
        self.first = [24576 // experts] * experts + [3277] * 8 + [0]
        self.rows: dict[tuple[int, int, int], list[int]] = {}
        self.final: dict[int, list[int]] = {}
        self.direct: dict[tuple[int, int, int], int] = {}
        self.maps: dict[tuple[int, int, int], list[int]] = {}

    def decide(
        self,
        coder: RangeDecoder,
        decision: int,
        logits: list[int],
        contexts: list[int],
        rows: list[int],
        map_rows: list[int],
        time: int,
    ) -> int:
        direct = [(k, decision, context) for k, context in enumerate(contexts)]
        known = [self.direct.get(i, 1 << 31) for i in direct]
        x = [clip(v, -2047, 2047) for v in logits] + [stretch(v >> 20) for v in known] + [256]
        sets = [
            self.rows.setdefault((s, decision, row), list(self.first)) for s, row in enumerate(rows)
        ]
        final = self.final.setdefault(decision, [65536 // 3] * 3)
        outputs = [
            clip(sum(a * w for a, w in zip(x, weights, strict=True)) >> 16, -2840, 2840)
            for weights in sets
        ]
        mixed = sum(o * f for o, f in zip(outputs, final, strict=True)) >> 16
        mixed = clip(mixed, -2047, 2047)
        maps = [
            self.maps.setdefault(
                (k, decision, row), [squash(clip((j - 16) * 128, -2047, 2047)) for j in range(33)]
            )
            for k, row in enumerate(map_rows)
        ]
        a, part = (mixed + 2048) >> 7, ((mixed + 2048) & 127) << 5
        total = 2 * squash(mixed)
        total += sum((m[a] * (4096 - part) + m[a + 1] * part) >> 12 for m in maps)
        bit = coder.bit(clip(total >> 2, 4, 65532))
        target, rate = bit << 16, 32 + 960 * 256 // (256 + time)
        error = target - squash(mixed)
        for s, (weights, output) in enumerate(zip(sets, outputs, strict=True)):
            step = (target - squash(output)) * rate >> 6
            weights[:] = [w + ((v * step + 2**17) >> 18) for v, w in zip(x, weights, strict=True)]
            final[s] += (output * error * 10 + 2**17) >> 18
        for i, v in zip(direct, known, strict=True):
            self.direct[i] = adapted(v, bit, 250)
        near = (mixed + 2112) >> 7
        for m in maps:
            m[near] += ((65535 if bit else 0) - m[near]) >> 6
        return bit


# Predictors


@dataclass
class Squares:
    """A least-squares predictor and its sums; row n is the target's."""

    n: int
    decay: int
    every: int
    shift: int
    ridge: int
    speed: int
    beta: list[int] = field(default_factory=list)
    loss: int = 0

    def __post_init__(self) -> None:
        self.sums = [[0] * (self.n + 1) for _ in range(self.n + 1)]
        self.beta = self.beta or [0] * self.n

    def predict(self, v: list[int]) -> int:
        return (2**19 + sum(b * x for b, x in zip(self.beta, v, strict=True))) >> 20

    def learn(self, v: list[int], target: int, error: int, time: int) -> None:
        self.loss += ((error << 4) - self.loss) >> self.speed
        weight = clip(2**22 // ((self.loss >> 8) + 16), 1, 32767)
        a = [clip(x >> self.shift, -32767, 32767) for x in [*v, target]]
        for i in range(self.n + 1):
            for j in range(i + 1):
                self.sums[i][j] += weight * a[i] * a[j]
        if time % self.every == 0:
            for row in self.sums:
                row[:] = [s - (s >> 12) * self.decay for s in row]
            self.solve()

    def solve(self) -> None:
        n, s = self.n, self.sums
        z = [max((60 - s[i][i].bit_length()) >> 1, 0) for i in range(n + 1)]
        g = [[0] * (n + 1) for _ in range(n + 1)]
        for i in range(n + 1):
            p = s[i][i] << 2 * z[i]
            p += (p >> self.ridge) + 2**30
            for j in range(i):
                up = z[i] + z[j]
                t = 2**60 >> up
                y = clip(s[i][j], -t, t) << up
                y -= sum(g[i][k] * g[j][k] for k in range(j))
                e = clip(y // g[j][j], -(2**30), 2**30)
                if e * e > p:
                    e = isqrt(p) if e > 0 else -isqrt(p)
                p -= e * e
                g[i][j] = e
            g[i][i] = isqrt(max(p, 2**30))
        rest = [x << 20 for x in g[n][:n]]
        for i in range(n - 1, -1, -1):
            c = clip(rest[i] // g[i][i], -(2**25), 2**25)
            for k in range(i):
                rest[k] -= g[i][k] * c
            up = z[i] - z[n]
            c = c << min(up, 30) if up >= 0 else c >> -up
            self.beta[i] = clip(c, -(2**25), 2**25)


@dataclass
class Filter:
    """A normalised LMS filter."""

    taps: int
    rate: int

    def __post_init__(self) -> None:
        self.w, self.u, self.power = [0] * self.taps, [0] * self.taps, 0

    def output(self) -> int:
        return clip(sum(w * u for w, u in zip(self.w, self.u, strict=True)) >> 16, -(2**22), 2**22)

    def learn(self, r: int, e: int) -> None:
        g = ((e * self.rate) << 20) // (self.power + 16 * self.taps + 1)
        g = clip(g, -(2**31) + 1, 2**31 - 1)
        self.w = [
            clip(w + ((g * u + 2**15) >> 16), -(2**27), 2**27)
            for w, u in zip(self.w, self.u, strict=True)
        ]
        h = clip(r >> 8, -32768, 32767)
        self.power += h * h - self.u[-1] ** 2
        self.u = [h, *self.u[:-1]]


SPEEDS = (2, 5, 7)
LEVELS: dict[int, dict[object, list[tuple[int, ...]]]] = {
    0: {
        1: [(16, 0, 0, 48, 8), (8, 0, 0, 240, 4), (16, 0, 16, 64, 16)],
        2: [(12, 8, 0, 48, 8), (8, 4, 0, 240, 4), (12, 4, 16, 64, 16)],
        "filters": [(32, 16), (16, 32)],
        "combiners": [(16, 4)],
    },
    1: {
        1: [(32, 0, 0, 48, 8), (16, 0, 24, 64, 16), (8, 0, 0, 480, 4), (16, 0, 0, 160, 4)],
        2: [(24, 12, 0, 48, 8), (16, 8, 24, 64, 16), (8, 4, 0, 480, 4), (16, 8, 0, 160, 4)],
        "filters": [(256, 8), (32, 16), (16, 32)],
        "combiners": [(16, 4), (80, 4)],
    },
    2: {
        1: [
            (32, 0, 0, 24, 4),
            (128, 0, 0, 64, 16),
            (64, 0, 0, 64, 32),
            (24, 0, 40, 32, 8),
            (8, 0, 0, 240, 2),
            (16, 0, 0, 80, 2),
        ],
        2: [
            (24, 12, 0, 24, 4),
            (96, 32, 0, 64, 16),
            (32, 32, 0, 64, 32),
            (24, 8, 40, 32, 8),
            (8, 4, 0, 240, 2),
            (16, 8, 0, 80, 2),
        ],
        "filters": [(1024, 8), (256, 8), (32, 16), (16, 32)],
        "combiners": [(16, 4), (80, 4)],
    },
}
"""As in the page: own, other, lagged, decay, every; taps, rate; decay, every."""


class Channel:
    """Everything that adapts for one channel."""

    def __init__(self, level: int, channels: int) -> None:
        chosen = LEVELS[level]
        self.rows = chosen[channels]
        filters, combiners = chosen["filters"], chosen["combiners"]
        self.squares = [
            Squares(own + other + lagged, decay, every, 8, 28, 2)
            for own, other, lagged, decay, every in self.rows
        ]
        self.filters = [Filter(*f) for f in filters]
        joint = len(filters) + len(self.rows)
        start = [2**20] * len(filters) + [0] * len(self.rows)
        self.combiners = [Squares(joint, d, e, 4, 18, 4, list(start)) for d, e in combiners]
        self.past: list[int] = []
        """Oldest first."""
        self.lag = 0
        self.centers = len(self.rows) + 1 + len(combiners)
        self.errors = [[0] * len(SPEEDS) for _ in range(self.centers)]
        self.spread = [2**20] * 3
        self.last = [0] * 3
        self.mixer = Mixer(self.centers * len(SPEEDS))

    def newest(self, count: int, skip: int = 0) -> list[int]:
        """`count` samples, newest first, before the `skip` newest."""
        at = [len(self.past) - 1 - skip - i for i in range(count)]
        return [self.past[i] if i >= 0 else 0 for i in at]

    def predict(self, beside: Channel) -> list[int]:
        """The centers; keeps what `learn` needs."""
        self.v: list[list[int] | None] = []
        p: list[int] = []
        for squares, (own, other, lagged, _, _) in zip(self.squares, self.rows, strict=True):
            if lagged and not self.lag:
                self.v.append(None)
                p.append(p[0])
                continue
            v = self.newest(own) + (beside.newest(other) if other else [])
            v += self.newest(lagged, self.lag - 9) if lagged else []
            self.v.append(v)
            p.append(clip(squares.predict(v), -TOP - 1, TOP))
        self.q = [f.output() for f in self.filters]
        self.o = self.q + [clip(x - p[0], -(2**22), 2**22) for x in p[1:]] + [256]
        cascade = clip(p[0] + sum(self.q), -TOP - 1, TOP)
        joint = [clip(p[0] + c.predict(self.o), -TOP - 1, TOP) for c in self.combiners]
        self.center = [*p, cascade, *joint]
        return self.center

    def learn(self, x: int) -> None:
        final = self.center[len(self.rows) + 1]
        for i, shift in enumerate((3, 5, 8)):
            self.spread[i] += ((abs(x - final) << 12) - self.spread[i]) >> shift
        for errors, center in zip(self.errors, self.center, strict=True):
            for j, shift in enumerate(SPEEDS):
                errors[j] += ((abs(x - center) << 12) - errors[j]) >> shift
        time = len(self.past) + 1
        for m, (squares, v) in enumerate(zip(self.squares, self.v, strict=True)):
            if v is not None:
                squares.learn(v, x, abs(x - self.center[m]), time)
        r = x - self.center[0]
        for k, combiner in enumerate(self.combiners):
            error = abs(x - self.center[len(self.rows) + 1 + k])
            combiner.learn(self.o, clip(r, -(2**22), 2**22), error, time)
        for f, q in zip(self.filters, self.q, strict=True):
            f.learn(r, r - q)
            r -= q
        self.past.append(x)


# Samples


class Pair:
    """One or two channels and the values they have."""

    def __init__(self, coder: RangeDecoder, level: int, channels: int) -> None:
        self.coder = coder
        self.shift = coder.number(5)
        bits = coder.number(5) + 1
        self.low_bits = max(bits - 24, 0)
        self.b = min(bits, 24)
        self.f = 24 - self.b
        size = coder.number(17)
        self.listed = listed_values(coder, size, self.b)
        d = self.d = [v << self.f for v in self.listed]
        self.low, self.high = (0, size - 1) if size else (-(1 << self.b - 1), (1 << self.b - 1) - 1)
        q = size // 4
        last = size - 1 - q
        self.step = max((d[last] - d[q]) // (last - q), 1) if size > 1 else 1 << self.f
        self.channels = [Channel(level, channels) for _ in range(channels)]

    def bound(self, i: int) -> int:
        if not self.listed:
            return (i << self.f) - (1 << self.f >> 1)
        if i <= 0:
            return -(2**24)
        return 2**24 if i >= len(self.d) else (self.d[i - 1] + self.d[i]) >> 1

    def nearest(self, place: int) -> int:
        if not self.listed:
            return clip((place + (1 << self.f >> 1)) >> self.f, self.low + 1, self.high)
        return max([1] + [i for i in range(len(self.d)) if self.bound(i) <= place])

    def place(self, index: int) -> int:
        return self.d[index] if self.listed else index << self.f

    def samples(self, frames: int) -> list[list[int]]:
        """frames x channels."""
        out: list[list[int]] = []
        learned = LearnedBits(self.coder)
        for start in range(0, frames, 4096):
            count = min(4096, frames - start)
            if len(self.listed) == 1:
                block = [[0] * len(self.channels) for _ in range(count)]
            else:
                lag = self.coder.number(17) + 9 if self.coder.number(1) else 0
                for channel in self.channels:
                    channel.lag = lag
                block = [self.frame() for _ in range(count)]
            for indices in block:
                values = [self.listed[i] if self.listed else i for i in indices]
                if self.low_bits:
                    values = [
                        v << self.low_bits | self.low_part(learned, c) for c, v in enumerate(values)
                    ]
                out.append([v << self.shift for v in values])
        return out

    def low_part(self, learned: LearnedBits, channel: int) -> int:
        node = 1
        for _ in range(self.low_bits):
            node = 2 * node + learned.bit(channel, node)
        return node - (1 << self.low_bits)

    def frame(self) -> list[int]:
        out = []
        for c, channel in enumerate(self.channels):
            beside = self.channels[len(self.channels) - 1 - c]
            index = self.index(channel, beside)
            channel.learn(self.place(index))
            out.append(index)
        return out

    def index(self, ch: Channel, beside: Channel) -> int:
        center = ch.predict(beside)
        final = center[len(ch.rows) + 1]
        c = self.nearest(final)
        slopes = []
        for errors in ch.errors:
            for e in errors:
                scale = ((e >> 8) * 7 >> 4) + 5 * self.step
                slopes.append(2**36 // max(scale, 1))
        centers = [x for x in center for _ in SPEEDS]

        def z(place: int) -> list[int]:
            return [
                clip((place - m) * slope >> 24, -3071, 3071)
                for m, slope in zip(centers, slopes, strict=True)
            ]

        width, contexts, rows, map_rows = self.contexts(ch, beside, c, center)
        time = len(ch.past)

        def decide(decision: int, logits: list[int]) -> int:
            return ch.mixer.decide(self.coder, decision, logits, contexts, rows, map_rows, time)

        inner = z(self.bound(c))
        above = decide(0, [-v for v in inner])
        sign = 1 if above else -1
        room = self.high - c if above else c - 1 - self.low

        def far(distance: int) -> list[int]:
            return z(self.bound(c + sign * distance))

        start, t = 0, 0
        while True:
            w = width + (max(t - 2, 0) >> 1)
            end = start + (1 << w)
            if end > room:
                w = (room - start).bit_length()
                break
            outer = far(end)
            logits = [
                softplus(-sign * i) - log_expm1(clip(sign * (o - i), 0, 3071))
                for i, o in zip(inner, outer, strict=True)
            ]
            if not decide(1 + min(t, 15), logits):
                break
            inner, start, t = outer, end, t + 1
        for depth in range(min(w, 3)):
            half = 1 << (w - 1)
            middle, outer = far(start + half), far(start + 2 * half)
            logits = [
                log_expm1(clip(sign * (o - m), 0, 3071))
                - log_expm1(clip(sign * (m - i), 0, 3071))
                + softplus(sign * i)
                - softplus(sign * o)
                for i, m, o in zip(inner, middle, outer, strict=True)
            ]
            if decide(17 + 3 * min(t, 4) + depth, logits):
                inner, start = middle, start + half
            w -= 1
        if w:
            start += self.coder.number(w)
        index = clip(c + start if above else c - 1 - start, self.low, self.high)
        ch.last = [(index - c) * 4 >> width, ch.last[0], ch.last[1]]
        return index

    def contexts(
        self, ch: Channel, beside: Channel, c: int, center: list[int]
    ) -> tuple[int, list[int], list[int], list[int]]:
        fast, middle, slow = ch.spread
        rel = ((3 * (middle >> 8) + (fast >> 8)) >> 2) // self.step
        width = max((rel >> 4).bit_length() - 1, 0)
        part = min((rel >> 2) >> width, 7)
        rising = clip(((fast << 4) // (slow + 1)).bit_length() - 2, 0, 5)
        lately = clip(((fast << 5) // (middle + 1)).bit_length() - 3, 0, 5)

        def size(v: int) -> int:
            return min(abs(v).bit_length(), 7)

        def signed(v: int) -> int:
            return 2 * min(abs(v).bit_length(), 3) + (v > 0)

        first, second = size(ch.last[0]), size(ch.last[1])
        if len(self.channels) == 1:
            near = size(ch.last[2])
        else:
            near = 2 * size(beside.last[0]) + (beside.last[0] > 0)
        m = len(ch.rows)
        final = center[m + 1]
        offset = clip((final - self.place(c)) * 8 // self.step + 4, 0, 7)
        unit = self.step << width
        filtered = signed((center[m] - center[0]) * 4 // unit)
        short = signed((center[m - 1] - final) * 4 // unit)
        direct = [
            part * 8 + rising,
            first * 8 + second,
            offset * 8 + min(width, 7),
            near * 8 + part,
            c & 1023,
            filtered * 8 + short,
            (rising * 8 + lately) * 8 + first,
            min(width, 15) * 8 + part,
        ]
        return width, direct, [part, rising * 6 + lately, near], [part * 8 + rising, near]


def decode(payload: bytes, size: int, params: bytes) -> bytes:
    """The content of a channel of coder 8."""
    level, flags, channels = params
    width, big, unsigned = (flags & 3) + 1, flags & 4, flags & 8
    frames, tail = divmod(size, width * channels)
    coder = RangeDecoder(payload)
    columns: list[list[int]] = []
    for first in range(0, channels, 2):
        count = min(2, channels - first)
        pair = Pair(coder, level, count).samples(frames)
        columns += [[frame[c] for frame in pair] for c in range(count)]
    out = bytearray()
    for t in range(frames):
        for column in columns:
            cell = column[t] + (1 << 8 * width - 1 if unsigned else 0)
            out += (cell % (1 << 8 * width)).to_bytes(width, "big" if big else "little")
    return bytes(out) + bytes(coder.number(8) for _ in range(tail))
