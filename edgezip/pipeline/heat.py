"""Bits of every pixel, moment and byte, as the coders 5, 7 and 8 spend them.

The very kernels of packing are called for one sample at a time, and between two calls the range
coder tells what the sample took (`collect.length_so_far`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.geometry import split as split_sound
from edgezip.coding.audio.levels import DEFAULT as DEFAULT_SOUND
from edgezip.coding.audio.levels import level_of
from edgezip.coding.audio.repeats import find_lag
from edgezip.coding.audio.run import run_samples
from edgezip.coding.audio.state import new_common, new_pair
from edgezip.coding.audio.values import list_values, values_of
from edgezip.coding.image import codec, planes
from edgezip.coding.image.bilevel import MARGIN, new_bilevel, rows_of, run_bilevel
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.coding.image.state import new_state
from edgezip.coding.image.walk import run
from edgezip.coding.jit import compiled_for
from edgezip.coding.mixing.bytecodec import ENCODE, primed_model, run_bytes
from edgezip.coding.mixing.model import release
from edgezip.coding.mixing.params import MixParams
from edgezip.pipeline.collect import length_so_far

SOUND_BLOCK = 4096
"""Moments for which the sound coder looks once for what they repeat."""
_ROOM = 1 << 12
"""Bytes of payload that are more than one sample takes."""

Progress = Callable[[int], None]


class _Meter:
    """A range coder whose output nobody wants."""

    def __init__(self) -> None:
        self.state = rangecoder.new_encoder()
        self.payload = np.zeros(2 * _ROOM, np.uint8)
        self._forgotten = 0.0
        self._last = length_so_far(self.state)

    def step(self) -> float:
        """Bits since the last call."""
        now = length_so_far(self.state)
        bits, self._last = now - self._last, now
        if int(self.state[rangecoder.POS]) > _ROOM:
            # Only a carry looks back, and it stops at a byte that is not 255: none is needed.
            self.state[rangecoder.POS] = 1
            self.payload[0] = 0
            self._last = length_so_far(self.state)
        return bits


def image_bits(
    samples: bytes, geometry: ImageGeometry, progress: Progress, level: int = codec.DEFAULT
) -> NDArray[np.float32]:
    """Bits of each pixel of a picture, all its samples together, float32 (rows, width).

    Args:
        samples: rows of pixels; what does not fill a row is left out.
        geometry: how they lie in the bytes.
        progress: told how many more bytes are done, now and then.
        level: of the picture coder.
    """
    split = planes.split(samples, geometry)
    rows, count, width = split.samples.shape
    bits = np.zeros((rows, count, width), np.float32)
    if not split.samples.size:
        return bits[:, 0]
    flat_bits = bits.reshape(-1)
    meter = _Meter()
    kernel: Callable[..., Any]
    if geometry.bits == 1:
        pixels = new_bilevel(width, rows)
        rows_of(pixels, width)[MARGIN:] = split.samples[:, 0]
        first: tuple[Any, ...] = (pixels, width)
        kernel = run_bilevel
    else:
        wide = geometry.bits == 16
        state = new_state(width, rows, wide, count, geometry.palette, codec.LEVELS[level])
        first = (state, split.samples.reshape(-1))
        kernel = run
    compiled = compiled_for(kernel, *first, 0, 1, meter.state, meter.payload, False)
    step = max(geometry.stride, 1)
    for i in range(flat_bits.size):
        compiled(*first, i, i + 1, meter.state, meter.payload, False)
        flat_bits[i] = meter.step()
        if (i + 1) % (count * width) == 0:
            progress(step)
    result: NDArray[np.float32] = bits.sum(axis=1)[:, : geometry.width]
    return result


def sound_bits(
    samples: bytes, geometry: AudioGeometry, progress: Progress, level: int = DEFAULT_SOUND
) -> NDArray[np.float32]:
    """Bits of each moment of a sound, all its channels together, float32 (moments,).

    Bits that the coder spends before the samples (which values there are, low bits that are coded
    apart) are left out.
    """
    cells, _ = split_sound(samples, geometry)
    bits = np.zeros(len(cells), np.float32)
    for first in range(0, cells.shape[1], 2):
        part = np.ascontiguousarray(cells[:, first : first + 2])
        values = list_values(part, values_of(part))
        pair, common = new_pair(level_of(level), part.shape[1]), new_common(values)
        history = np.zeros(part.shape, np.int32)
        indices = np.ascontiguousarray(values.to_indices(part), np.int64)
        meter = _Meter()
        if values.places.size == 1:
            continue
        last = (meter.state, meter.payload, True)
        compiled = compiled_for(run_samples, pair, common, history, 0, indices[:1], *last)
        for i in range(len(part)):
            if i % SOUND_BLOCK == 0:
                pair.lag = find_lag(part, i, min(i + SOUND_BLOCK, len(part)))
                progress(min(SOUND_BLOCK, len(part) - i) * geometry.bits // 8 * part.shape[1])
            compiled(pair, common, history, i, indices[i : i + 1], *last)
            bits[i] += meter.step()
    return bits


def byte_bits(data: bytes, progress: Progress) -> NDArray[np.float32]:
    """Bits of each byte by context mixing without a language model, as text, float32 (n,)."""
    array = np.frombuffer(data, np.uint8).copy()
    bits = np.zeros(array.size, np.float32)
    model = primed_model(MixParams.for_size(array.size), 1, array.size + 1, False, b"")
    meter = _Meter()
    if array.size:
        first = (model, 0, meter.state, meter.payload)
        compiled = compiled_for(run_bytes, *first, array[:1], ENCODE)
        for i in range(array.size):
            compiled(*first, array[i : i + 1], ENCODE)
            bits[i] = meter.step()
            if i % 4096 == 4095:
                progress(4096)
    release(model)
    return bits
