"""A second decoder of the image coder, written from docs/media.md and docs/modelling.md alone.

Plain Python integers, slow: for pictures of a few pixels, of 8 and 16 bits.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict

Table = list[int]

OWN = re.split(
    " ", "W N NW NE WW NN NNE NNW NWW NEE WWW NNN NNEE NNWW NNNE NNNEE NNNW NEEE NWWW WWWW"
)
FORMS = re.split(
    ", ",
    "W, N, W+N-NW, W+NE-N, N+NW-NNW, N+NE-NNE, 2N-NN, 2W-WW, (W+N)/2, 3W-3WW+WWW, W+NW-NWW, "
    "(W+2NE-NNE)/2, (8W-3WW+3NEE-3NNEE+NNNEE)/6, (8W+8N+2NE-6NW-2NN-2WW)/8, (2W+NE-NW)/2, "
    "(W+N+NE+NW)/4",
)
CROSS_FORMS = ["W", "N", "W+N-NW", "NE"]
TAPS = (
    ("W N NW NE WW NN NNE NNW NWW NEE WWW NNN NNEE NNWW NNNE NEEE NNNW NWWW", "", ""),
    ("W N NW NE WW NN NNE NNW NWW NEE", "C W N E NW NE WW NN", ""),
    ("W N NW NE WW NN NNE NNW NWW", "C W N E NE", "C W N E"),
)
DIFFERENCE_FORMS = re.split(
    ", ",
    "W, N, W+N-NW, W+NE-N, N+NW-NNW, N+NE-NNE, 2N-NN, 2W-WW, 3W-3WW+WWW, 3N-3NN+NNN, "
    "2W-WW+N-2NW+NWW, 2N-NN+W-2NW+NNW, (8W+8N+2NE-6NW-2NN-2WW)/8",
)
LEVELS = ((5, 1, 1, 9, 2), (8, 2, 2, 18, 4), (16, 4, 3, 22, 4))
SCALES = (11, 11, 12, 17, 25, 36, 52, 76, 111, 161, 234, 341, 496, 722, 1051, 1529)
MASK64 = (1 << 64) - 1
HALF = 1 << 31


def clip(v: int, low: int, high: int) -> int:
    return min(max(v, low), high)


def wrapped(v: int) -> int:
    """As a signed 64-bit number."""
    v &= MASK64
    return v - (1 << 64) if v >> 63 else v


def exponentials(limit: int) -> Table:
    one = 1 << 128
    step, term = one, one
    for k in range(1, 40):
        term //= 256 * k
        step += term
    made = [one]
    for _ in range(limit):
        made.append(made[-1] * step >> 128)
    return made


E = exponentials(3072)
ONE = 1 << 128


def squash(x: int) -> int:
    p = (ONE << 16) // (ONE + E[-x]) if x < 0 else (E[x] << 16) // (ONE + E[x])
    return clip(p, 1, 65535)


def _stretch() -> Table:
    table, x = [], -2047
    for i in range(4096):
        yes, no = 2 * i + 1, 8191 - 2 * i

        def fits(x: int, yes: int = yes, no: int = no) -> bool:
            return E[x] * no <= yes * ONE if x >= 0 else ONE * no <= yes * E[-x]

        while x < 2047 and fits(x + 1):
            x += 1
        table.append(x)
    return table


def _logs() -> Table:
    table, x = [0], 0
    for i in range(1, 4096):
        while E[x + 1] <= i * ONE:
            x += 1
        table.append(x)
    return table


STRETCH, LOG = _stretch(), _logs()
SQUASH = {x: squash(x) for x in range(-2047, 2048)}


def ln(v: int) -> int:
    return LOG[v] if v < 4096 else LOG[v >> 4] + 710


def step_of(r: int) -> int:
    return min((ln(2 * (r >> 1) + 8) - LOG[8]) // 96, 15)


def adapt(entry: int, bit: int, limit: int) -> int:
    p, n = entry >> 10, entry & 1023
    target = 4194303 if bit else 0
    p += ((target - p) >> 3) * (131072 // (2 * n + 3)) >> 13
    return p << 10 | min(n + 1, limit)


def factors(form: str) -> dict[str, int]:
    divisor = int(form.split("/")[1]) if "/" in form else 1
    made: dict[str, int] = defaultdict(int)
    for sign, times, name in re.findall(r"([+-]?)(\d*)([NWE]+)", form.split("/")[0]):
        factor = (64 * int(times or 1) + divisor // 2) // divisor
        made[name] += -factor if sign == "-" else factor
    return made


def first_histogram(step: int) -> Table:
    weights = [(1 << 56) // (16 * abs(i - 256) + SCALES[step]) ** 4 for i in range(519)]
    sums = [0]
    for weight in weights:
        sums.append(sums[-1] + weight)
    return [3000 * part // sums[-1] for part in sums]


def first_map() -> Table:
    return [squash(clip((j - 16) * 128, -2047, 2047)) for j in range(33)]


class RangeDecoder:
    """docs/coding.md, `encode_bit`."""

    def __init__(self, payload: bytes) -> None:
        self.data = payload
        self.code = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")
        self.range = MASK64
        self.pos = 8

    def bit(self, p: int) -> int:
        bound = (self.range >> 16) * p
        one = self.code < bound
        if one:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        while self.range < 1 << 56:
            byte = self.data[self.pos] if self.pos < len(self.data) else 0
            self.code = (self.code << 8 | byte) & MASK64
            self.range <<= 8
            self.pos += 1
        return int(one)


def solve(a: list[Table], b: Table) -> Table:
    """Section 4."""
    n = 18
    top = max(1, *(a[i][i] for i in range(n)))
    shift = 0
    while top << shift < 1 << 39:
        shift += 1
    ridge = 64 << shift
    lower = [[0] * n for _ in range(n)]
    roots, inverses = [0] * n, [0] * n

    def div(t: int, i: int, k: int) -> int:
        return clip(t, -(roots[i] << k), roots[i] << k) * inverses[i] >> 40

    for i in range(n):
        for j in range(i):
            t = (a[i][j] << shift) - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = div(t, j, 20)
        t = a[i][i] << shift
        t += ridge + (t >> 12) - sum(lower[i][k] ** 2 for k in range(i))
        roots[i] = math.isqrt(max(t, ridge))
        inverses[i] = (1 << 40) // roots[i]
    y, s = [0] * n, [0] * n
    for i in range(n):
        y[i] = div((b[i] << shift) - sum(lower[i][k] * y[k] for k in range(i)), i, 20)
    for i in reversed(range(n)):
        t = (y[i] << 16) - sum(lower[k][i] * s[k] for k in range(i + 1, n))
        s[i] = div(t, i, 19)
    return s


class System:
    """Normal equations of 18 unknowns."""

    def __init__(self) -> None:
        self.a = [[0] * 18 for _ in range(18)]
        self.b = [0] * 18

    def add(self, taps: Table, z: int, up: int, down: int) -> None:
        for i in range(18):
            for j in range(18):
                self.a[i][j] += (taps[i] * taps[j] << up) - (self.a[i][j] >> down)
            self.b[i] += (taps[i] * z << up) - (self.b[i] >> down)


def total_of(systems: list[System]) -> System:
    made = System()
    for system in systems:
        for i in range(18):
            for j in range(18):
                made.a[i][j] += system.a[i][j]
            made.b[i] += system.b[i]
    return made


class Plane:
    """What a plane keeps."""

    def __init__(self, width: int, level: tuple[int, ...], kind: int) -> None:
        forms, crossing, fits, contexts, sets = level
        self.kind = kind
        names = FORMS[: min(forms, 14) if kind else forms]
        self.forms = [factors(form) for form in names]
        self.cross_forms = [factors(form) for form in CROSS_FORMS[:crossing]] if kind else []
        self.fitted = len(self.forms) + len(self.cross_forms) + 3
        self.count = self.fitted + fits + 2
        self.rows: list[Table] = []
        self.errors: list[list[Table]] = []
        self.columns = [System() for _ in range(width)]
        self.systems = [System() for _ in range(5)]
        first = [first_histogram(step) for step in range(16)]
        self.histograms = [
            [list(first[row >> 2]) for row in range(64)] for _ in range(2 * self.count)
        ]
        self.sure: dict[int, int] = defaultdict(lambda: HALF)
        self.maps: dict[tuple[int, int], Table] = defaultdict(first_map)
        inputs = 2 * self.count + 2 * contexts + 1
        start = [(1 << 16) * 12 // 10 // (2 * self.count)] * (2 * self.count)
        start += [1 << 12, 0] * contexts + [0]
        assert len(start) == inputs
        self.weights: dict[tuple[int, int], Table] = defaultdict(lambda: list(start))
        self.final: dict[int, Table] = defaultdict(lambda: [(1 << 16) // sets] * sets)
        self.coded = 0


class Picture:
    """Pictures of 8 and, with `wide`, of 16 bits."""

    def __init__(
        self, payload: bytes, size: int, level: int, width: int, channels: int, wide: bool = False
    ) -> None:
        self.payload, self.width, self.channels, self.wide = payload, width, channels, wide
        self.height = size // (width * channels * (2 if wide else 1))
        self.level = LEVELS[level]
        contexts = self.level[3]
        count = channels * (2 if wide else 1)
        self.log2 = clip((width * self.height).bit_length() - 1, 10, 17)
        self.log2 += max(count * contexts - 1, 0).bit_length()
        self.lines: dict[int, Table] = {}
        kinds = [len([r for r in self.references(c) if r >= 0]) for c in range(count)]
        self.planes = [Plane(width, self.level, kind) for kind in kinds]

    def references(self, c: int) -> tuple[int, int]:
        """Plane 1 and plane 2, below 0 where there is none."""
        return (c - 2, c - 4) if self.wide and c % 2 == 0 else (c - 1, c - 2)

    def decode(self) -> bytes:
        if self.wide:
            return self.decode_wide()
        colours = self.payload[0]
        assert colours in (0, 1, 2)
        extra = 4 + 7 * int.from_bytes(self.payload[1:5], "little") if colours == 2 else 0
        self.decode_planes(1 + extra)
        pixels = [
            self.colour(colours, [plane.rows[y][x] for plane in self.planes])
            for y in range(self.height)
            for x in range(self.width)
        ]
        place, exceptions = 0, self.payload[5 : 1 + extra]
        for at in range(0, len(exceptions), 7):
            place += int.from_bytes(exceptions[at : at + 4], "little")
            pixels[place][:3] = exceptions[at + 4 : at + 7]
        return b"".join(map(bytes, pixels))

    def decode_planes(self, start: int) -> None:
        self.coder = RangeDecoder(self.payload[start:])
        for y in range(self.height):
            for c, plane in enumerate(self.planes):
                plane.rows.append([])
                plane.errors.append([])
                for x in range(self.width):
                    self.sample(c, y, x)

    def decode_wide(self) -> bytes:
        """Little-endian samples of 16 bits."""
        colours = self.payload[0]
        assert colours in (0, 1, 4, 5)
        self.decode_planes(1)
        channels = [
            [
                [h << 8 | v for h, v in zip(above, below, strict=True)]
                for above, below in zip(high.rows, low.rows, strict=True)
            ]
            for high, low in zip(self.planes[::2], self.planes[1::2], strict=True)
        ]
        if colours & 4:
            channels = [self.without_differences(rows) for rows in channels]
        out = b""
        for y in range(self.height):
            for x in range(self.width):
                p = [rows[y][x] for rows in channels]
                if colours & 1:
                    p[:3] = (p[1] + p[0] - 32768) & 65535, p[0], (p[2] + p[0] - 32768) & 65535
                out += b"".join(v.to_bytes(2, "little") for v in p)
        return out

    def without_differences(self, stored: list[Table]) -> list[Table]:
        """The section on differences of 16-bit samples."""
        forms = [factors(form) for form in DIFFERENCE_FORMS]
        values: list[Table] = []
        errors: list[list[Table]] = []

        def value_at(y: int, x: int) -> int:
            if y < 0:
                return 0
            return value_at(y - 1, 0) if x < 0 else values[y][min(x, self.width - 1)]

        def error_at(k: int, y: int, x: int) -> int:
            if y < 0:
                return 0
            return error_at(k, y - 1, 0) if x < 0 else errors[y][min(x, self.width - 1)][k]

        for y, row in enumerate(stored):
            values.append([])
            errors.append([])
            for x, difference in enumerate(row):
                near = {n: value_at(y - n.count("N"), x + n.count("E") - n.count("W")) for n in OWN}
                made = [
                    clip((sum(f * near[n] for n, f in form.items()) + 32) >> 6, -65536, 131071)
                    for form in forms
                ]
                weights = []
                for k in range(len(forms)):
                    r = 2 * (error_at(k, y - 1, x) + error_at(k, y, x - 1))
                    r += error_at(k, y - 1, x + 1) + error_at(k, y, x - 2)
                    r += error_at(k, y - 1, x + 2)
                    w = (1 << 38) // (r + 16) ** 2
                    weights.append((w * w >> 24) + 1)
                total = sum(w * p for w, p in zip(weights, made, strict=True))
                guess = clip(total // sum(weights), 0, 65535)
                values[y].append((difference + guess - 128) & 65535)
                errors[y].append([abs(values[y][x] - p) for p in made])
        return values

    @staticmethod
    def colour(kind: int, p: Table) -> Table:
        if kind == 1:
            return [(p[1] + p[0] - 128) & 255, p[0], (p[2] + p[0] - 128) & 255, *p[3:]]
        if kind == 2:
            y, cb, cr = p[0], p[1] - 128, p[2] - 128
            made = [
                y + (91881 * cr + 32768 >> 16),
                y + (-22554 * cb - 46802 * cr + 32768 >> 16),
                y + (116130 * cb + 32768 >> 16),
            ]
            return [clip(v, 0, 255) for v in made] + p[3:]
        return list(p)

    def at(self, c: int, y: int, x: int) -> int:
        """Section 2: a sample, or what stands for it."""
        if y < 0:
            return 0
        if x < 0:
            return self.at(c, y - 1, 0)
        row = self.planes[c].rows[y]
        return row[min(x, self.width - 1)]

    def around(self, c: int, y: int, x: int, names: list[str]) -> dict[str, int]:
        """Neighbours of plane `c` by name."""
        if c < 0:
            return dict.fromkeys(names, 0)
        made = {}
        for name in names:
            right = name.count("E") - name.count("W") if name != "C" else 0
            made[name] = self.at(c, y - name.count("N"), x + right)
        return made

    def error(self, plane: Plane, k: int, y: int, x: int) -> int:
        if y < 0:
            return 20
        if x < 0:
            return self.error(plane, k, y - 1, 0)
        return plane.errors[y][min(x, self.width - 1)][k]

    def sample(self, c: int, y: int, x: int) -> None:
        plane = self.planes[c]
        own = self.around(c, y, x, OWN)
        refs = [self.around(r, y, x, [*OWN, "C", "E"]) for r in self.references(c)]
        if self.wide and c % 2:
            own = {
                n: clip(v + 256 * (refs[0][n] - refs[0]["C"]), -128, 383) for n, v in own.items()
            }
        means = [(n["W"] + n["N"] + 1) >> 1 for n in (own, *refs)]
        taps = [
            clip(near[name] - mean, -255, 255)
            for near, names, mean in zip((own, *refs), TAPS[plane.kind], means, strict=True)
            for name in names.split()
        ]
        predictions = self.predictions(plane, own, refs[0], taps, means[0], y, x)
        recent = [
            2 * (self.error(plane, k, y - 1, x) + self.error(plane, k, y, x - 1))
            + self.error(plane, k, y - 1, x + 1) + self.error(plane, k, y, x - 2)
            + self.error(plane, k, y - 1, x + 2)
            for k in range(plane.count)
        ]  # fmt: skip
        self.blend(predictions, recent)
        value = self.value(
            c,
            plane,
            predictions,
            recent,
            self.contexts(plane, own, refs, predictions, recent),
            y,
            x,
        )
        plane.rows[y].append(value)
        plane.errors[y].append([abs(8 * value - p) for p in predictions])
        z = clip(value - means[0], -255, 255)
        plane.columns[x].add(taps, z, 7, 2)
        plane.systems[2 * (y & 1) + (x & 1)].add(taps, z, 5, 8)
        plane.systems[4].add(taps, z, 7, 5)
        plane.coded += 1

    def predictions(
        self,
        plane: Plane,
        own: dict[str, int],
        ref: dict[str, int],
        taps: Table,
        mean: int,
        y: int,
        x: int,
    ) -> Table:
        """Section 3, without the blends."""
        made = [(sum(f * own[n] for n, f in form.items()) + 4) >> 3 for form in plane.forms]
        for form in plane.cross_forms:
            total = sum(f * (own[n] - ref[n]) for n, f in form.items()) + 64 * ref["C"]
            made.append((total + 4) >> 3)
        w, n, nw, ne, ww, nn = (own[name] for name in ["W", "N", "NW", "NE", "WW", "NN"])
        made.append(8 * clip(3 * n - 3 * nn + own["NNN"], min(w, n, nw, ne), max(w, n, nw, ne)))
        made.append(8 * clip(w + n - nw, min(w, n), max(w, n)))
        across = abs(w - ww) + abs(n - nw) + abs(n - ne)
        down = abs(w - nw) + abs(n - nn) + abs(ne - own["NNE"])
        steep = down - across
        g, e = 4 * (w + n) + 2 * (ne - nw), 8 * w if steep > 0 else 8 * n
        if abs(steep) > 80:
            g = e
        elif abs(steep) > 32:
            g = (g + e) >> 1
        elif abs(steep) > 8:
            g = (3 * g + e) >> 2
        made.append(g)
        box = total_of(plane.columns[max(x - 8, 0) : x + 9])
        systems = (box, plane.systems[2 * (y & 1) + (x & 1)], plane.systems[4])
        for system in systems[: self.level[2]]:
            s = solve(system.a, system.b)
            made.append(8 * mean + (4096 + sum(a * t for a, t in zip(s, taps, strict=True)) >> 13))
        return [clip(p, 0, 2040) for p in made]

    @staticmethod
    def blend(predictions: Table, recent: Table) -> None:
        weights = [(1 << 36) // (recent[k] + 6) ** 2 for k in range(len(predictions))]
        sharp = [w * w >> 24 for w in weights]
        first = sum(w * p for w, p in zip(weights, predictions, strict=True)) // max(
            sum(weights), 1
        )
        if sum(sharp):
            second = sum(w * p for w, p in zip(sharp, predictions, strict=True)) // sum(sharp)
        predictions += [first, second if sum(sharp) else first]

    def contexts(
        self,
        plane: Plane,
        own: dict[str, int],
        refs: list[dict[str, int]],
        predictions: Table,
        recent: Table,
    ) -> Table:
        """Section 6: the contexts, before they are hashed."""

        def dot(*values: int) -> int:
            made = 0
            for value in values:
                made = made << 8 | value
            return made

        w, n, nw, ne, ww, nn = (own[name] for name in ["W", "N", "NW", "NE", "WW", "NN"])
        guess, fit = (predictions[-1] + 4) >> 3, (predictions[plane.fitted] + 4) >> 3
        s, d, m = (
            step_of(recent[-1]),
            clip(w + n - nw, 0, 255),
            clip(w + n - nw, min(w, n), max(w, n)),
        )
        if plane.kind == 0:
            return [
                *(guess << 4 | s, dot(guess, fit), fit << 4 | s, dot(fit, m), dot(guess, n)),
                *(dot(guess, w), dot(w, n), dot(d >> 1, w >> 2, n >> 2), dot(w, ww), dot(n, nn)),
                *(dot(w, ne), dot(w, n, ne), dot(w, n, nw), dot(w, n, nw, ne), dot(w, n, ww, nn)),
                0,
            ]
        c1, c2 = refs[0]["C"], refs[1]["C"]
        w1, n1 = refs[0]["W"], refs[0]["N"]
        dw, dn = (c1 - w1) & 255, (c1 - n1) & 255
        dw2, dn2 = (c2 - refs[1]["W"]) & 255, (c2 - refs[1]["N"]) & 255
        return [
            *(guess << 4 | s, dot(guess, c1), dot(c1, c2), fit << 4 | s, dot(guess, fit)),
            *(dot(guess, c1, c2), dot(w, c1, c2), dot(n, c1, c2), dot(dw, w), dot(dn, n)),
            *(dot(d, c1, c2), dot(guess, w, n), dot(w, n), dot(w, w1, c1), dot(n, n1, c1)),
            *(dot(w, n, ne), dot(dw, dw2, w), dot(dn, dn2, n), dot(fit, c1, c2), dot(w, n, nw)),
            *(dot(w, n, c1, c2), dot(dw, dn, d)),
        ]

    def value(
        self,
        c: int,
        plane: Plane,
        predictions: Table,
        recent: Table,
        contexts: Table,
        y: int,
        x: int,
    ) -> int:
        """Sections 5 to 8."""
        guess, s = predictions[-1], step_of(recent[-1])
        best = min(range(plane.count - 2), key=lambda k: (recent[k], k))
        rate = 36 + 16384 // (plane.coded + 256)
        used = self.level[3]
        contexts = (contexts + list(range(len(contexts), used)))[:used]
        hashes = [
            self.hashed(c, i, h) if i < self.listed(plane) else i for i, h in enumerate(contexts)
        ]
        counts, starts = [], []
        for k, p in enumerate(predictions):
            fraction = ((p + 4) & 7) >> 1 if k >= plane.fitted else 0
            rows = 4 * step_of(recent[k]) + fraction, 4 * s + fraction
            counts += [plane.histograms[2 * k + side][row] for side, row in enumerate(rows)]
            starts += [256 - ((p + 4) >> 3)] * 2
        low, node = 0, 1
        lines: list[Table] = []
        nibble = -1
        for b in range(8):
            h = 128 >> b
            centre = low + h
            quarter = clip((guess >> 1) - 4 * centre, -127, 127) + 128
            place = (256 * b + quarter) * 16 + s
            sure = plane.sure[place]
            p = sure >> 16
            mixed = 96 <= p <= 65440
            if mixed:
                if nibble != b >> 2:
                    nibble = b >> 2
                    lines = [self.line(hash_, node >> (b & 3)) for hash_ in hashes]
                part = 1 << (b & 3) | node & ((1 << (b & 3)) - 1)
                inputs = []
                for table, start in zip(counts, starts, strict=True):
                    below, middle, above = (table[start + v] for v in (low, centre, low + 2 * h))
                    share = 2 * h + 1
                    inputs.append(ln(above - middle + share) - ln(middle - below + share))
                for line in lines:
                    seen = min(line[part] & 1023, 15)
                    trust = 1280 * seen // (5 * seen + 3)
                    p12 = line[part] >> 20
                    inputs += [STRETCH[p12] * trust >> 8, (p12 - 2048) * trust >> 8]
                inputs.append(256)
                d = ((guess + 4) >> 3) - centre
                t = min(ln(2 * abs(d) + 1) // 90, 15)
                t = 15 + t if d > 0 else 15 - t
                rows4 = (
                    node,
                    16 * b + s,
                    8 * t + b,
                    8 * best + b,
                )
                weights = [plane.weights[k, row] for k, row in enumerate(rows4[: self.level[4]])]
                outputs = [
                    clip(
                        sum(v * w >> 8 for v, w in zip(inputs, row, strict=True)) >> 8, -2047, 2047
                    )
                    for row in weights
                ]
                final = plane.final[8 * t + b]
                total = sum(o * f for o, f in zip(outputs, final, strict=True))
                mix = clip(total >> 16, -2047, 2047)
                t, w = (mix + 2048) * 32 >> 12, (mix + 2048) * 32 & 4095
                maps = plane.maps[0, s << 8 | node], plane.maps[1, place]
                p = 2 * SQUASH[mix]
                p += sum(row[t] * (4096 - w) + row[t + 1] * w >> 12 for row in maps)
                p = (p + 2) >> 2
            bit = self.coder.bit(clip(p, 1, 65535))
            plane.sure[place] = adapt(sure, bit, 1023)
            if mixed:
                full = bit << 16
                for row in maps:
                    row[t + (w >> 11)] += full - bit - row[t + (w >> 11)] >> 6
                for k, o in enumerate(outputs):
                    final[k] += o * (full - SQUASH[mix]) + (1 << 18) >> 19
                    step = (full - SQUASH[o]) * rate >> 10
                    weights[k][:] = [
                        clip(v + (i * step + 8192 >> 14), -524287, 524287)
                        for v, i in zip(weights[k], inputs, strict=True)
                    ]
                for line in lines:
                    line[part] = adapt(line[part], bit, 60)
            node = 2 * node + bit
            low += h * bit
        for table, start in zip(counts, starts, strict=True):
            self.count(table, start + low)
        return low

    @staticmethod
    def count(table: Table, i: int) -> None:
        table[i] += 6
        table[i + 1] += 42
        for j in range(i + 2, 520):
            table[j] += 48
        if table[519] > 60000:
            table[:] = [entry >> 1 for entry in table]

    @staticmethod
    def listed(plane: Plane) -> int:
        return 22 if plane.kind else 16

    @staticmethod
    def hashed(c: int, i: int, context: int) -> int:
        z = wrapped((context + (32 * c + i + 1) * 0x5851F42D) * 0x2545F4914F6CDD1D)
        return z ^ (z >> 29)

    def line(self, hash_: int, known: int) -> Table:
        z = wrapped((hash_ ^ (known * 0x3C6EF372)) * 0x2545F4914F6CDD1D)
        at, check = (z >> 24) & ((1 << self.log2) - 1), ((z >> 47) & 0xFFFF) | 0x10000
        line = self.lines.setdefault(at, [0])
        if line[0] != check:
            line[:] = [check] + [HALF] * 15
        return line
