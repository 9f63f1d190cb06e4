"""A deflate stream as its content, settings and corrections, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.deflate import tokens, trees
from edgezip.coding.deflate.tables import DISTANCE_CODE, DISTANCE_EXTRA
from edgezip.errors import FormatError

DEFAULT, FILTERED, HUFFMAN, RUNS, FAR = range(5)
"""zlib's strategies; the last is its default compiled with TOO_FAR = 32767, as in pngcrush."""
GZIP = 0
"""The memory level that stands for the programs gzip and Info-ZIP: hashes of 15 bits, blocks of
32767 tokens, and blocks that end early where that seems to pay."""
_LEVELS = (
    (4, 4, 8, 4), (4, 5, 16, 8), (4, 6, 32, 32), (4, 4, 16, 16), (8, 16, 32, 32),
    (8, 16, 128, 128), (8, 32, 128, 256), (32, 128, 258, 1024), (32, 258, 258, 4096),
)  # fmt: skip
"""Of levels 1 to 9: bytes of a match that is good, that needs no other, that is nice; length of
chains."""
_LAZY_FROM = 4
_CHECKED = 1 << 12
"""Tokens after which gzip looks whether a block should end."""


@dataclass(frozen=True, slots=True)
class Method:
    """An encoder's settings.

    level: 1 to 9. strategy: DEFAULT, FILTERED, HUFFMAN, RUNS, FAR. window_bits: 9 to 15. memory:
    zlib's memory level, 1 to 9, or GZIP.
    """

    level: int
    strategy: int = DEFAULT
    window_bits: int = 15
    memory: int = 8

    def check(self) -> None:
        """Raise `FormatError` for settings that there are not."""
        if (
            not (1 <= self.level <= 9 and 0 <= self.strategy <= FAR and 9 <= self.window_bits <= 15)
            or not 0 <= self.memory <= 9
        ):
            raise FormatError("damaged: settings that no deflate encoder has")

    @property
    def block(self) -> int:
        """Most tokens of a block."""
        return (1 << (self.memory + 6 if self.memory else 15)) - 1

    @property
    def lazy(self) -> bool:
        """Whether matches are taken only after a look at the next."""
        return self.level >= _LAZY_FROM and self.strategy not in (HUFFMAN, RUNS)

    def config(self) -> NDArray[np.int64]:
        """For the kernels."""
        runs = {HUFFMAN: 2, RUNS: 1}.get(self.strategy, 0)
        greedy = self.level < _LAZY_FROM
        return np.array(
            [*_LEVELS[self.level - 1], greedy, self.strategy == FILTERED, self.window_bits,
             self.memory + 7 if self.memory else 15, runs,
             32767 if self.strategy == FAR else 4096], np.int64,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Undone:
    """What writes a stream again: settings; corrections as (number, token), ascending; blocks as
    (kind, size) where they are not those that the settings give: size in tokens, of a stored one in
    bytes."""

    method: Method
    corrections: NDArray[np.int64]
    blocks: tuple[tuple[int, int], ...] = ()


class Walker:
    """Goes over `data` token by token, with the chains of what it has seen.

    Args:
        data: content, (n,).
        method: settings.
        corrections: (n, 2), what is not as the settings say; or the room for that.
    """

    def __init__(
        self, data: NDArray[np.uint8], method: Method, corrections: NDArray[np.int64]
    ) -> None:
        self.data = data
        self._config = method.config()
        self._corrections = corrections
        hashes = 1 << int(self._config[tokens.HASH_BITS])
        self._head = np.full(hashes, -1, np.int32)
        self._prev = np.full(1 << method.window_bits, -1, np.int32)
        self.state = np.zeros(7, np.int64)
        self.state[tokens.PENDING] = -1

    @property
    def position(self) -> int:
        """Bytes done."""
        return int(self.state[tokens.POSITION])

    @property
    def end(self) -> bool:
        """All of the data is done."""
        return self.position >= self.data.size

    @property
    def used(self) -> int:
        """Corrections made, or taken."""
        return int(self.state[tokens.NEXT])

    @property
    def full(self) -> bool:
        """There was no room for a correction."""
        return bool(self.state[tokens.ERROR])

    def go(self, cells: NDArray[np.int32], follow: bool = False) -> int:
        """Follow the tokens in `cells`, or fill them; how many it was.

        Raises:
            FormatError: a correction is not possible.
        """
        before = int(self.state[tokens.COUNT])
        tokens.walk(
            self.data, self._config, self.state, self._head, self._prev, cells, cells.size,
            self._corrections, follow,
        )  # fmt: skip
        if self.state[tokens.ERROR] == 2:
            raise FormatError("damaged: a correction of a deflate stream that does not fit")
        return int(self.state[tokens.COUNT]) - before

    def go_free(self, cells: NDArray[np.int32], size: int) -> bool:
        """Go over a block whose tokens are not known, because it is stored: whether it has `size`
        bytes by the settings. If not, nothing has moved."""
        before, start = (self.state, self._head, self._prev), self.position
        room, self._corrections = self._corrections, self._corrections[: self.used]
        self.state = self.state.copy()
        self._head, self._prev = self._head.copy(), self._prev.copy()
        self.go(cells)
        self._corrections = room
        if self.position - start == size:
            return True
        self.state, self._head, self._prev = before
        return False

    def skip(self, size: int) -> None:
        """Go over bytes of a stored block that was not foreseen."""
        self.state[tokens.POSITION] += size
        self.state[tokens.PENDING] = -1


def restore(data: NDArray[np.uint8], undone: Undone, limit: int) -> bytes:
    """The stream of content `data` (n,).

    Raises:
        FormatError: more than `limit` bytes, or what no stream can be made of.
    """
    undone.method.check()
    walker = Walker(data, undone.method, undone.corrections)
    writer, out = np.zeros(3, np.int64), bytearray()
    blocks = _given(walker, undone.blocks) if undone.blocks else _foreseen(walker, undone.method)
    position = 0
    for kind, cells, last in blocks:
        size = int(_sizes(cells).sum()) if kind != trees.STORED else walker.position - position
        content = data[position : position + size]
        room = np.empty(max(7 * cells.size + 600, 0) + content.size + 16, np.uint8)
        writer[trees.WRITTEN] = 0
        trees.write_block(content, cells, kind, last, writer, room)
        out += room[: writer[trees.WRITTEN]].tobytes()
        position += size
        if len(out) > limit:
            break
    if writer[trees.COUNT]:
        out.append(int(writer[trees.BITS]) & 255)
    if len(out) > limit or position != data.size or walker.used != len(undone.corrections):
        raise FormatError("damaged: a deflate stream of another size, or corrections left over")
    return bytes(out)


_Block = tuple[int, NDArray[np.int32], bool]


def _given(walker: Walker, blocks: Sequence[tuple[int, int]]) -> Iterator[_Block]:
    """Blocks of stated sizes."""
    none = np.zeros(0, np.int32)
    for number, (kind, size) in enumerate(blocks, 1):
        last = number == len(blocks)
        left = len(walker.data) - walker.position
        if size > left or (kind == trees.STORED and size > 0xFFFF):
            raise FormatError("damaged: a block of a deflate stream beyond its content")
        if kind == trees.STORED:
            walker.skip(size)
            yield kind, none, last
            continue
        cells = np.zeros(size, np.int32)
        if walker.go(cells) != size:
            raise FormatError("damaged: a block of a deflate stream beyond its content")
        yield kind, cells, last


def _foreseen(walker: Walker, method: Method) -> Iterator[_Block]:
    """Blocks as the settings give them."""
    cells = np.zeros(method.block, np.int32)
    filled, start = 0, 0
    while True:
        filled += walker.go(cells[filled:])
        size = _early(cells[:filled], method) if method.memory == GZIP else filled
        block = cells[:size].copy()
        end = start + int(_sizes(block).sum())
        # The last literal of a lazy search does not fill a block: zlib ends there anyway.
        full = size == method.block and not (method.lazy and block[-1] < 256)
        last = walker.end and size == filled and not full
        length = int(_sizes(block[-1:]).sum())
        seen = end if last else end - length + method.lazy
        there = start >= _window_start(seen, method)
        yield trees.CHOOSE if there else trees.CHOOSE_CODED, block, last
        if last:
            return
        cells[: filled - size] = cells[size:filled]
        filled -= size
        start = end


def _window_start(seen: int, method: Method) -> int:
    """First byte that zlib still has when it looks at byte `seen`: it drops half of what it has
    when fewer bytes are ahead than its search wants."""
    half = 1 << method.window_bits
    wanted = {HUFFMAN: 1, RUNS: 259}.get(method.strategy, 262)
    return max(-(-(seen + wanted - 2 * half) // half), 0) * half


def _early(cells: NDArray[np.int32], method: Method) -> int:
    """Tokens of the next block of gzip, which ends one early where that seems to pay."""
    if method.level < 3:
        return len(cells)
    for count in range(_CHECKED, len(cells), _CHECKED):
        part = cells[:count]
        sizes = _sizes(part)
        distances = part[part > 255] >> 9
        taken = int(sizes.sum()) - (int(sizes[-1]) - method.lazy)
        packed = 8 * count + int((5 + DISTANCE_EXTRA[DISTANCE_CODE[distances]]).sum())
        if len(distances) < count // 2 and packed >> 3 < taken // 2:
            return count
    return len(cells)


def _sizes(cells: NDArray[np.int32]) -> NDArray[np.int64]:
    """Bytes that each token stands for."""
    return np.where(cells > 255, cells & 511, 1).astype(np.int64)
