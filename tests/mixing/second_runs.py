"""Run models of the second decoder: docs/modelling.md, section 5."""

from __future__ import annotations

from collections.abc import Callable


class Runs:
    """The words of one stream's run models. `maps` are those of the prior."""

    def __init__(self, memory: int, slots: list[int], maps: list[int]) -> None:
        self.slots, self.maps = slots, maps
        self.size = 1 << memory - 3
        self.words: dict[int, tuple[int, int, int, int]] = {}  # check, count, other, last
        self.places: list[tuple[int, int]] = []
        self.expected: list[tuple[int, int] | None] = []  # map entry, bit

    def find(self, hashes: list[int]) -> None:
        """The contexts of a byte are set."""
        found = [hashes[i] * 0x5851F42D for i in self.slots]
        self.places = [((z >> 21) % self.size, (z >> 50) & 255) for z in found]

    def _word(self, place: tuple[int, int]) -> tuple[int, int, int]:
        check, *word = self.words.get(place[0], (place[1], 0, 0, 0))
        count, other, last = word if check == place[1] else (0, 0, 0)
        return count, other, last

    def expect(self, b: int, c0: int) -> list[tuple[int, int]]:
        """Sign and map entry of each run model in a decision; sign 0 if it expects nothing."""
        self.expected = []
        for i, place in enumerate(self.places):
            count, other, last = self._word(place)
            bucket = min(count, 8) if count < 12 else min(8 + count // 8, 15)
            found = None
            if count and b < 8:
                for byte, entry in (
                    (last, 16 * bucket + 8 * (other != last)),
                    (other, 8 * (count == 1)),
                ):
                    if (byte | 256) >> (8 - b) == c0 and found is None:
                        found = 256 * i + entry + b, byte >> (7 - b) & 1
            self.expected.append(found)
        return [(2 * e[1] - 1, self.maps[e[0]]) if e else (0, 0) for e in self.expected]

    def adapt(self, bit: int, adapt: Callable[[int, int, int], int]) -> None:
        """The decision's bit is known."""
        for found in self.expected:
            if found:
                entry, expected = found
                target = 4194303 if expected == bit else 0
                self.maps[entry] = adapt(self.maps[entry], target, 255)

    def learn(self, c: int) -> None:
        """The byte is known."""
        for place in self.places:
            count, other, last = self._word(place)
            if count and last == c:
                self.words[place[0]] = place[1], min(count + 1, 255), other, last
            else:
                self.words[place[0]] = place[1], 1, last if count else c, c
