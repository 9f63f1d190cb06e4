"""Residual models of the second decoder: docs/modelling.md, sections 3 to 5."""

from __future__ import annotations

from collections.abc import Callable


def difference(a: int, b: int) -> int:
    return min((a - b) % 256, (b - a) % 256)


class Residuals:
    """Scores of distances, guesses and histograms of one stream."""

    def __init__(self, models: int) -> None:
        self.histograms = [[[0] * 256 for _ in range(32)] for _ in range(models)]
        self.scores: list[list[int]] = [[32768] * 2049, [32768] * 2049]
        self.distance, self.score = [0, 0], [0, 0]
        self.guesses: list[tuple[int, int]] = []  # byte, histogram
        self.halved = 0
        self.lasts: dict[tuple[int, int], int] = {}  # table, place: the last byte, the one before
        self.places: list[int] = []

    def follow(self, data: bytearray) -> None:
        """The last byte of `data` came."""
        pos = len(data)
        if not self.histograms or pos < 2:
            return
        for k, decay in enumerate((6, 3)):
            scores = self.scores[k]
            known = range(1, min(pos - 1, 2048) + 1)
            for d in known:
                moved = difference(data[pos - 1 - d], data[pos - 1]) << 8 - decay
                scores[d] += moved - (scores[d] >> decay)
            self.score[k] = min(scores[d] for d in known)
            self.distance[k] = max(d for d in known if scores[d] == self.score[k])

    def guess(
        self,
        data: bytearray,
        rec: int,
        rec2: int,
        heads: tuple[int, int],
        matches: list[list[int]],
        mix: Callable[[int, int], int],
    ) -> None:
        """Guess at the byte behind `data`."""
        pos = len(data)

        def at(*back: int) -> int:
            place = pos - sum(back)
            return data[place] if 0 <= place < pos else 0

        def number(begin: int) -> int:
            found = [at(pos - begin - i) for i in range(4)]
            return int.from_bytes(bytes(found), "big")

        b = [at(i) for i in range(9)]
        r = [at(rec * i) for i in range(4)]
        left = [at(rec * i, 1) for i in range(4)]
        q1, found = at(rec2), []
        for distance, score in zip(self.distance, self.score, strict=True):
            n0, n2, n4 = (at(distance, i) for i in (0, 2, 4))
            found += [(n0, score >> 8), (b[2] + n0 - n2, difference(b[2], b[4] + n2 - n4))]
        found += [
            (r[1], difference(b[1], left[1])),
            (b[1] + r[1] - left[1], difference(b[1], b[2] + left[1] - at(rec, 2))),
            (2 * r[1] - r[2], difference(b[1], 2 * left[1] - left[2])),
            (3 * (r[1] - r[2]) + r[3], difference(b[1], 3 * (left[1] - left[2]) + left[3])),
            (q1, difference(b[1], at(rec2, 1))),
            (r[1] + q1 - at(rec, rec2), difference(r[1], q1)),
        ]
        word = pos - pos % 4
        for step in (rec, 4):
            newer, older = (number(word - i * step) if step >= 4 else 0 for i in (1, 2))
            byte = ((2 * newer - older) % (1 << 32)).to_bytes(4, "big")[pos % 4]
            found.append((byte, min((newer - older) % (1 << 32) >> 8, 127)))
        found += [(b[1], difference(b[1], b[2])), (b[4], difference(b[1], b[5]))]
        found += [
            (data[pointer], min(length, 63)) if pointer else (0, 127)
            for pointer, length, _ in matches
        ]
        phase = pos % rec if rec > 1 else 0
        c4 = int.from_bytes(bytes(b[4:0:-1]), "big")
        self.places = [
            b[2],
            b[2] | b[3] << 8,
            b[1] | b[3] << 8,
            b[3] | b[4] << 8,
            r[1] | r[2] << 8,
            mix(0, c4 & 0xFFFFFF) % 65536,
            b[4] | b[8] << 8,
            mix(0, phase << 8 | b[1]) % 65536,
            at(self.distance[1]) << 8 | b[1],
            mix(0, c4 & 0xF0F0F0F0) % 65536,
        ]
        behind = [self.lasts.get(place, 0) for place in enumerate(self.places)]
        found += [
            (last & 255, difference(last & 255, last >> 8 & 255)) for last in (*heads, *behind)
        ]
        self.guesses = [(v % 256, 4 * min(error.bit_length(), 7) + pos % 4) for v, error in found]

    def expect(self, b: int, c0: int) -> list[int]:
        """The probability of each residual model in a decision, 12 bits."""
        half, low, found = 128 >> b, c0 << 8 - b, []
        for histograms, (value, kind) in zip(self.histograms, self.guesses, strict=False):
            counts = histograms[kind]
            zeros = sum(counts[(low + i - value) % 256] for i in range(half))
            ones = sum(counts[(low + half + i - value) % 256] for i in range(half))
            found.append((ones + 1) * (65536 // (zeros + ones + 2)) >> 4)
        return found

    def learn(self, c: int) -> None:
        """The byte is known."""
        for place in enumerate(self.places):
            self.lasts[place] = self.lasts.get(place, 0) << 8 & 0xFF00 | c
        for histograms, (value, kind) in zip(self.histograms, self.guesses, strict=False):
            counts = histograms[kind]
            counts[(c - value) % 256] += 1
            if sum(counts) == 255:
                self.halved += 1
                below = [sum(counts[:k]) // 2 for k in range(257)]
                histograms[kind] = [below[k + 1] - below[k] for k in range(256)]
