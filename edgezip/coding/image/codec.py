"""The picture codec: samples with a known layout to a payload, and back (coder 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.portions import Progress, portions
from edgezip.errors import FormatError

from . import planes
from .bilevel import MARGIN, new_bilevel, rows_of, run_bilevel
from .geometry import ImageGeometry
from .layout import Level
from .planes import Split
from .rest import new_rest, run_rest
from .state import new_state
from .walk import run

LEVELS: Final = (
    Level(forms=5, cross_forms=1, fits=1, contexts=9, sets=2),
    Level(forms=8, cross_forms=2, fits=2, contexts=18, sets=4),
    Level(forms=16, cross_forms=4, fits=3, contexts=22, sets=4),
)
"""Fast, default, strong."""
FAST, DEFAULT, STRONG = range(3)

_MOST_PER_BYTE = 46_000
"""Bytes that one byte of payload holds at most, see `mixing.bytecodec`."""

_HELD = 1 << 20
"""Pixels of black and white, with margins, that are laid out for the kernel at a time."""

_ONCE = 1 << 16
"""Samples that are decoded at once of a picture that was cut off, about."""

_TRIED = 1 << 15
"""Samples that are coded in two ways to see which is smaller."""

_Kernel = Callable[[int, int], int]
"""Codes items from the first to before the second; returns how many are done."""


class _Coder:
    """A range coder of either direction, and the payload."""

    def __init__(self, payload: bytes | None) -> None:
        self.decode = payload is not None
        self.data: NDArray[np.uint8]
        if payload is None:
            self.data = np.zeros(1 << 16, np.uint8)
            self.state = rangecoder.new_encoder()
        else:
            self.data = np.frombuffer(payload, np.uint8).copy()
            self.state = rangecoder.new_decoder(self.data)

    def make_room(self, decisions: int) -> None:
        room = int(self.state[rangecoder.POS]) + 2 * decisions + 16
        if not self.decode and self.data.size < room:
            grown = np.zeros(max(room, 3 * self.data.size // 2), np.uint8)
            grown[: self.data.size] = self.data
            self.data = grown

    def finish(self) -> bytes:
        if self.decode:
            rangecoder.decode_finish(self.state, self.data)
            return b""
        return self.data[: int(rangecoder.encode_finish(self.state, self.data))].tobytes()


def encode(
    samples: bytes,
    geometry: ImageGeometry,
    level: int = DEFAULT,
    progress: Progress | None = None,
) -> bytes:
    """Return the payload of `samples`, of any length: what does not fill a row is coded as bytes.

    Args:
        samples: rows of pixels as `geometry` describes them.
        geometry: how the samples lie in the bytes; the decoder needs it, too.
        level: FAST, DEFAULT or STRONG; the decoder needs it, too.
        progress: told several times a second how many bytes are done.
    """
    split = planes.split(samples, geometry)
    if geometry.bits == 16 and split.samples.size:
        split = _smaller(split, geometry, LEVELS[level])
    return _encoded(split, geometry, LEVELS[level], progress)


def _encoded(
    split: Split, geometry: ImageGeometry, level: Level, progress: Progress | None
) -> bytes:
    coder = _Coder(None)
    _run(split, geometry, level, coder, progress)
    return split.header + coder.finish()


def _smaller(split: Split, geometry: ImageGeometry, level: Level) -> Split:
    """16-bit samples as they are or as differences: what makes some of the rows smaller."""
    other = planes.as_differences(split)
    sizes = [
        len(_encoded(planes.some_rows(one, _TRIED), geometry, level, None))
        for one in (split, other)
    ]
    return other if sizes[1] < sizes[0] else split


def decode(
    payload: bytes,
    size: int,
    geometry: ImageGeometry,
    level: int = DEFAULT,
    progress: Progress | None = None,
) -> bytes:
    """Return the `size` bytes of `payload`; the arguments are those of `encode`.

    Work and memory are bounded by the payload, whatever `size` says.

    Raises:
        FormatError: the payload is not one that `encode` writes for these arguments.
    """
    if size > _MOST_PER_BYTE * (len(payload) + 1):
        raise FormatError("payload is damaged: so few bytes cannot hold as many as it states")
    split, coder = _opened(payload, size, geometry, level)
    _run(split, geometry, LEVELS[level], coder, progress)
    coder.finish()
    return planes.join(split, geometry)


def decode_start(
    payload: bytes, size: int, geometry: ImageGeometry, level: int = DEFAULT
) -> tuple[bytes, int]:
    """`size` bytes of which `encode` made what `payload` was before it was cut off or damaged, and
    how many of the first do not depend on what followed: whole rows, without their padding, which
    is coded behind all of them. The others are anything. Arguments and errors as of `decode`."""
    split, coder = _opened(payload, size, geometry, level)
    rows = split.samples.shape[0]
    done = 0
    if split.samples.size:
        kernel, total, decisions = _picture_kernel(split, geometry, LEVELS[level], coder)
        done = _settled(kernel, total, decisions, total // rows, coder) // (total // rows)
    rest = 0
    if done == rows:
        rest = _settled(*_rest_kernel(split, coder), 1, coder)
    if geometry.padding:
        done = min(done, rest // geometry.padding)
    settled = done * geometry.stride
    if done == rows:
        settled += rest - rows * geometry.padding
    return planes.join(split, geometry), settled


def _settled(kernel: _Kernel, total: int, decisions: int, unit: int, coder: _Coder) -> int:
    """Decode items of `kernel`; how many are settled, a multiple of `unit`."""
    settled = 0
    while settled < total:
        left = coder.data.size - 8 - int(coder.state[rangecoder.POS])
        units = min(max(left // (2 * decisions * unit), 1), max(_ONCE // unit, 1))
        end = min(settled + units * unit, total)
        done = kernel(settled, end)
        if done < end - settled or not rangecoder.is_settled(coder.state, coder.data.size):
            break
        settled = end
    return settled


def _opened(payload: bytes, size: int, geometry: ImageGeometry, level: int) -> tuple[Split, _Coder]:
    if not 0 <= level < len(LEVELS):
        raise FormatError(f"damaged: there is no level {level} of the image coder")
    split = planes.unsplit(payload, size, geometry)
    return split, _Coder(payload[len(split.header) :])


def _run(
    split: Split, geometry: ImageGeometry, level: Level, coder: _Coder, progress: Progress | None
) -> None:
    """Code the planes, then the other bytes."""
    steps = [_picture_kernel(split, geometry, level, coder)] if split.samples.size else []
    steps.append(_rest_kernel(split, coder))
    told = _Told(progress, geometry.bits == 1)
    for kernel, total, decisions in steps:
        for begin, end in portions(total, told):
            coder.make_room(decisions * (end - begin))
            if kernel(begin, end) < end - begin:
                coder.finish()
                raise FormatError("payload is damaged: it ends before its last symbol")
        told.per_item = 1


class _Told:
    """Tells bytes where a kernel counts pixels."""

    def __init__(self, progress: Progress | None, bilevel: bool) -> None:
        self._progress = progress
        self.per_item = 8 if bilevel else 1
        self._left = 0

    def __call__(self, items: int) -> None:
        done, self._left = divmod(self._left + items, self.per_item)
        if self._progress is not None:
            self._progress(done)


def _picture_kernel(
    split: Split, geometry: ImageGeometry, level: Level, coder: _Coder
) -> tuple[_Kernel, int, int]:
    """The kernel, its items and their decisions."""
    rows, count, width = split.samples.shape
    state: Any
    if geometry.bits == 1:
        return _bilevel_kernel(split.samples[:, 0], coder), rows * width, 1
    state = new_state(width, rows, geometry.bits == 16, count, geometry.palette, level)
    flat = split.samples.reshape(-1)

    def sampled(begin: int, end: int) -> int:
        return int(run(state, flat, begin, end, coder.state, coder.data, coder.decode))

    return sampled, flat.size, 8


def _bilevel_kernel(picture: NDArray[np.uint8], coder: _Coder) -> _Kernel:
    """For `picture` (rows, width), of which the state holds so many rows at a time: margins of
    narrow ones would take several times its memory."""
    width = picture.shape[1]
    held = max(_HELD // (width + MARGIN), 1)
    state = new_bilevel(width, held)
    inside = rows_of(state, width)

    def bilevel(begin: int, end: int) -> int:
        done = begin
        while done < end:
            row = done // width
            above = min(row, MARGIN)
            here = picture[row - above : row + held]
            inside[MARGIN - above : MARGIN - above + len(here)] = here
            start, stop = done - row * width, min(end - row * width, held * width)
            coded = int(
                run_bilevel(state, width, start, stop, coder.state, coder.data, coder.decode)
            )
            if coder.decode:
                picture[row : row + held] = inside[MARGIN : MARGIN + len(here) - above]
            done += coded
            if coded < stop - start:
                break
        return done - begin

    return bilevel


def _rest_kernel(split: Split, coder: _Coder) -> tuple[_Kernel, int, int]:
    table, reciprocal = new_rest()

    def rest(begin: int, end: int) -> int:
        return int(
            run_rest(
                table, reciprocal, split.rest, begin, end, coder.state, coder.data, coder.decode
            )
        )

    return rest, split.rest.size, 8
