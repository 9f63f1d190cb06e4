"""Sound to a payload and back: the two functions of the audio coder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.logistic import reciprocal_table
from edgezip.errors import FormatError

from .geometry import AudioGeometry, join, split
from .levels import DEFAULT, Level, level_of
from .places import MAX_PLACE_BYTES, code_low_bits, code_places, new_low_models, new_models
from .repeats import LAG_BITS, LEAST_LAG, find_lag
from .run import run_flat, run_samples
from .state import new_common, new_pair
from .values import MAX_LISTED, Values, list_values, values_of

Progress = Callable[[int], None]
"""Told how many more bytes of the sound are done."""

_CHUNK = 4096
"""Frames between two looks at signals, at most a third of a second."""
_MOST_SINGLE = 1 << 10
"""Frames that are decoded one by one, of a sound that was cut off, before it becomes more."""
_MOST_BYTES = 160
"""Bytes that a sample takes at most: 75 decisions of 16 bits, and 8 bits."""


class _Encoder:
    """A range coder with a buffer that grows; numbers and arrays go in."""

    encoding = True

    def __init__(self) -> None:
        self.state = rangecoder.new_encoder()
        self.payload = np.zeros(1 << 12, np.uint8)

    def reserve(self, size: int) -> None:
        """Make room for `size` more bytes."""
        missing = int(self.state[rangecoder.POS]) + size + 16 - self.payload.size
        if missing > 0:
            more = np.zeros(max(missing, self.payload.size), np.uint8)
            self.payload = np.concatenate([self.payload, more])

    def check(self) -> None:
        """An encoder has nothing to check."""

    def portions(self, frames: int, channels: int, low_bits: int) -> Iterator[tuple[int, int]]:
        """In what portions `frames` are coded, start and end: as one."""
        yield 0, frames

    def passed(self, frames: int) -> None:
        """Told how many frames of a pair are done; nobody wants to know."""

    def finish(self) -> bytes:
        """The whole payload."""
        self.reserve(8)
        length = int(rangecoder.encode_finish(self.state, self.payload))
        return self.payload[:length].tobytes()


class _Decoder:
    """A range decoder; arrays are filled."""

    encoding = False

    def __init__(self, payload: bytes) -> None:
        self.payload = np.frombuffer(payload, np.uint8).copy()
        self.state = rangecoder.new_decoder(self.payload)

    def reserve(self, size: int) -> None:
        """A decoder needs no room."""

    def check(self) -> None:
        """Raise FormatError when the payload ended."""
        if self.state[rangecoder.ERROR]:
            raise FormatError("damaged: the payload of a sound ends before its samples do")

    def portions(self, frames: int, channels: int, low_bits: int) -> Iterator[tuple[int, int]]:
        """In what portions `frames` are coded, start and end: as one."""
        yield 0, frames

    def passed(self, frames: int) -> None:
        """Told how many frames of a pair are done; nobody wants to know."""

    def finish(self) -> None:
        """Raise FormatError unless the payload was used up exactly."""
        rangecoder.decode_finish(self.state, self.payload)


class _StartDecoder(_Decoder):
    """A range decoder of what is there of a payload; what depends on the rest is an error.

    Attributes:
        pairs: of channels that have begun. frames: of the newest one that are settled.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.pairs = self.frames = 0

    def check(self) -> None:
        """Raise FormatError when the payload ended, or if what was decoded depends on the rest."""
        super().check()
        if not rangecoder.is_settled(self.state, self.payload.size):
            raise FormatError("the payload of a sound was cut off")

    def portions(self, frames: int, channels: int, low_bits: int) -> Iterator[tuple[int, int]]:
        """As of `_Decoder`, in small ones towards the end; frames count when they were checked."""
        begin = calls = 0
        while begin < frames:
            left = self.payload.size - 8 - int(self.state[rangecoder.POS])
            count = max(left // (_MOST_BYTES * channels), 1 + calls // _MOST_SINGLE)
            end = frames if low_bits else min(begin + count, frames)
            yield begin, end
            self.frames += 0 if low_bits else end - begin
            begin, calls = end, calls + 1

    def passed(self, frames: int) -> None:
        """So many frames of the pair are decoded; 0 when it begins."""
        self.pairs += not frames
        self.frames = frames


_Coder = _Encoder | _Decoder


def _flat(coder: _Coder, numbers: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Code `numbers` of `bits` bits each as they are."""
    coder.reserve(numbers.size * 4 + 4)
    run_flat(numbers, bits, coder.state, coder.payload, coder.encoding)
    coder.check()
    return numbers


def _number(coder: _Coder, number: int, bits: int) -> int:
    return int(_flat(coder, np.array([number], np.int64), bits)[0])


def _code_values(coder: _Coder, values: Values) -> Values:
    """Code what is known about the values of a pair of channels."""
    shift = _number(coder, values.shift, 5)
    bits = _number(coder, values.bits - 1, 5) + 1
    plain = Values(shift, bits)
    size = _number(coder, values.places.size, 17)
    if bits < 2 or shift + bits > 32 or size > MAX_LISTED:
        raise FormatError("damaged: a sound has values that no sound has")
    if not size:
        return plain
    places = values.places - plain.low if coder.encoding else np.zeros(size, np.int64)
    coder.reserve(size * MAX_PLACE_BYTES)
    models = new_models()
    code_places(coder.state, coder.payload, places, models, reciprocal_table(), coder.encoding)
    coder.check()
    if places[-1] >= 2 * -plain.low:
        raise FormatError("damaged: a sound has values that no sound has")
    return Values(shift, bits, places + plain.low)


def _code_lag(coder: _Coder, lag: int) -> int:
    """Code the lag of a block."""
    if not _number(coder, int(lag > 0), 1):
        return 0
    return _number(coder, lag - LEAST_LAG, LAG_BITS) + LEAST_LAG


def _code_pair(
    coder: _Coder, samples: NDArray[np.int32], level: Level, progress: Callable[[int], None]
) -> None:
    """Code `samples`, int32 (n, 1 or 2), or fill them; `progress` is told of samples."""
    known = values_of(samples) if coder.encoding else Values(0, 2)
    values = _code_values(coder, list_values(samples, known) if coder.encoding else known)
    pair, common = new_pair(level, samples.shape[1]), new_common(values)
    low_bits, table = values.low_bits, reciprocal_table()
    models = new_low_models(low_bits, samples.shape[1])
    history = np.zeros(samples.shape, np.int32)
    coder.passed(0)
    for start in range(0, len(samples), _CHUNK):
        part = samples[start : start + _CHUNK]
        indices = np.zeros(part.shape, np.int64)
        if coder.encoding:
            indices[:] = values.to_indices(part)
        coder.reserve(indices.size * _MOST_BYTES)
        if values.places.size != 1:
            found = find_lag(samples, start, start + len(part)) if coder.encoding else 0
            pair.lag = _code_lag(coder, found)
            begin, low = 0, np.zeros(part.shape, np.int64)
            try:
                for begin, end in coder.portions(part.shape[0], part.shape[1], low_bits):
                    run_samples(
                        pair, common, history, start + begin, indices[begin:end],
                        coder.state, coder.payload, coder.encoding,
                    )  # fmt: skip
                    coder.check()
            except FormatError:
                if not low_bits:  # what is there of a start
                    part[:begin] = values.from_indices(indices[:begin], low[:begin])
                raise
        low = np.ascontiguousarray(values.low_of(part))
        if low_bits:
            code_low_bits(coder.state, coder.payload, low, low_bits, models, table, coder.encoding)
            coder.check()
        if not coder.encoding:
            part[:] = values.from_indices(indices, low)
        coder.passed(start + len(part))
        progress(part.size)


def _code(
    coder: _Coder,
    samples: NDArray[np.int32],
    tail: bytes,
    level: int,
    progress: Progress,
    width: int,
) -> bytes:
    """Code all channels in pairs, then the bytes behind the last frame, which are returned."""
    chosen = level_of(level)
    for first in range(0, samples.shape[1], 2):
        pair = samples[:, first : first + 2]
        _code_pair(coder, pair, chosen, lambda count: progress(count * width))
    rest = _flat(coder, np.frombuffer(tail, np.uint8).astype(np.int64), 8)
    progress(len(tail))
    return rest.astype(np.uint8).tobytes()


def _no_progress(_count: int) -> None:
    """Nobody wants to know."""


def encode(
    samples: bytes,
    geometry: AudioGeometry,
    level: int = DEFAULT,
    progress: Progress = _no_progress,
) -> bytes:
    """Return the payload for the bytes `samples`, which lie as `geometry` says.

    Bytes behind the last whole frame are stored as they are. The payload holds neither the geometry
    nor the level nor the size.

    Raises:
        SettingsError: there is no such level.
    """
    cells, tail = split(samples, geometry)
    coder = _Encoder()
    _code(coder, cells, tail, level, progress, geometry.bits // 8)
    return coder.finish()


def decode(
    payload: bytes,
    size: int,
    geometry: AudioGeometry,
    level: int = DEFAULT,
    progress: Progress = _no_progress,
) -> bytes:
    """Return the `size` bytes of which `encode` made `payload`.

    Raises:
        FormatError: it is not a payload of `size` bytes; the work done until then is bounded by
            the length of the payload.
        SettingsError: there is no such level.
    """
    frames, rest = divmod(size, geometry.frame_size)
    cells = np.zeros((frames, geometry.channels), np.int32)
    coder = _Decoder(payload)
    tail = _code(coder, cells, bytes(rest), level, progress, geometry.bits // 8)
    coder.finish()
    return join(cells, tail, geometry)


def decode_start(
    payload: bytes, size: int, geometry: AudioGeometry, level: int = DEFAULT
) -> tuple[bytes, int]:
    """`size` bytes of which `encode` made what `payload` was before it was cut off or damaged, and
    how many of the first do not depend on what followed: whole frames, none of them unless the
    last two channels have begun. The others are anything. Arguments and errors as of `decode`."""
    frames, rest = divmod(size, geometry.frame_size)
    cells = np.zeros((frames, geometry.channels), np.int32)
    coder = _StartDecoder(payload)
    with contextlib.suppress(FormatError):
        tail = _code(coder, cells, bytes(rest), level, _no_progress, geometry.bits // 8)
        return join(cells, tail, geometry), size
    is_last = 2 * coder.pairs >= geometry.channels
    return join(cells, bytes(rest), geometry), is_last * coder.frames * geometry.frame_size
