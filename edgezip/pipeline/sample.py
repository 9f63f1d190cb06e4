"""Generation from the compressor: random bits into the decoders, as the paper does.

A decoder that is fed random bits gives each symbol with the probability that its model has for it.
The bits come from SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
2014), in integers, so that a seed gives the same text, picture or sound on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.geometry import join as join_sound
from edgezip.coding.audio.geometry import split as split_sound
from edgezip.coding.audio.levels import DEFAULT as DEFAULT_SOUND
from edgezip.coding.audio.levels import level_of
from edgezip.coding.audio.repeats import find_lag
from edgezip.coding.audio.run import run_samples
from edgezip.coding.audio.state import new_common, new_pair
from edgezip.coding.audio.values import list_values, values_of
from edgezip.coding.image import codec, planes
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.coding.image.state import new_state
from edgezip.coding.image.walk import run
from edgezip.coding.mixing.bytecodec import DECODE, primed_model, run_bytes
from edgezip.coding.mixing.model import release
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.plain import PlainDecoder
from edgezip.container import Settings
from edgezip.errors import SettingsError
from edgezip.pipeline.heat import SOUND_BLOCK
from edgezip.pipeline.model import LanguageModel, TokenLayout

MOST_SAMPLED = 1 << 24
"""Bytes."""
_GAMMA = 0x9E3779B97F4A7C15
_PER_SYMBOL = 32
"""Random bytes for a token, byte or sample, some ten times what one takes."""
_PORTION = 1 << 12

Progress = Callable[[int], None]


def random_bytes(seed: int, size: int) -> bytes:
    """The first `size` bytes of SplitMix64 from `seed`, each number's lowest byte first.

    Number i = 1, 2, ... is made of z = seed + i * 0x9E3779B97F4A7C15 modulo 2**64: z ^= z >> 30,
    z *= 0xBF58476D1CE4E5B9, z ^= z >> 27, z *= 0x94D049BB133111EB, z ^= z >> 31.
    """
    count = -(-size // 8)
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    z += np.uint64(seed % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z.astype("<u8").tobytes()[:size]


class _PlainSampler(PlainDecoder):
    """Decodes bits that no encoder wrote."""

    def finish(self) -> None:
        """The bits go on for ever."""


class _MixingSampler(MixingDecoder):
    """Decodes bits that no encoder wrote."""

    def finish(self) -> None:
        """The bits go on for ever."""
        self._release()


def sample_text(
    prefix: bytes,
    length: int,
    seed: int,
    model: LanguageModel,
    settings: Settings,
    mix: bool,
    progress: Progress,
) -> bytes:
    """`length` bytes that go on after `prefix`, by a language model.

    Args:
        prefix: what the model reads and the mixer learns first; may be empty.
        length: bytes, at most `MOST_SAMPLED`; the last token is cut off there.
        seed: of the random bits.
        model: an open model.
        settings: of the evaluation, and top k without mixing.
        mix: the model mixed with the context models, not alone.
        progress: told how many more tokens are done.
    """
    _check(length)
    if not length:
        return b""
    payload = random_bytes(seed, _PER_SYMBOL * (length + 2))
    layout = TokenLayout(length, None, 1, prefix)
    decoder: PlainDecoder | MixingDecoder
    if mix:
        params = MixParams.for_size(length + len(prefix))
        decoder = _MixingSampler(payload, length, 1, model.trie, params, prefix)
    else:
        decoder = _PlainSampler(payload, None, model.engine.n_vocab, settings.top_k, model.banned)
    left = length

    def stop(token: int) -> bool:
        nonlocal left
        left -= int(model.piece_sizes[token])
        return left <= 0

    ids = model.run_decoder(decoder, length, layout, settings, progress, stop)
    return model.tokenizer.decode(ids)[:length]


def sample_bytes(prefix: bytes, length: int, seed: int) -> bytes:
    """`length` bytes that go on after `prefix`, by context mixing without a language model."""
    _check(length)
    payload = np.frombuffer(random_bytes(seed, _PER_SYMBOL * (length + 2)), np.uint8).copy()
    params = MixParams.for_size(length + len(prefix))
    model = primed_model(params, 1, length + len(prefix) + 1, False, prefix)
    coder = rangecoder.new_decoder(payload)
    data = np.zeros(length, np.uint8)
    for begin in range(0, length, _PORTION):
        run_bytes(model, 0, coder, payload, data[begin : begin + _PORTION], DECODE)
    release(model)
    return data.tobytes()


def sample_rows(prefix: bytes, geometry: ImageGeometry, rows: int, seed: int) -> bytes:
    """The samples of a picture: the whole rows of `prefix`, and `rows` more by the picture coder.

    Raises:
        SettingsError: a picture of black and white, or one that is too large.
    """
    if geometry.bits == 1:
        raise SettingsError("pictures of black and white cannot be sampled; use 8 or 16 bits")
    _check(rows * geometry.stride)
    known = prefix[: len(prefix) // geometry.stride * geometry.stride]
    split = planes.split(known, geometry)
    before, count, width = split.samples.shape
    samples = np.concatenate([split.samples, np.zeros((rows, count, width), np.uint8)])
    state = new_state(
        width, before + rows, geometry.bits == 16, count, geometry.palette,
        codec.LEVELS[codec.DEFAULT],
    )  # fmt: skip
    flat, old = samples.reshape(-1), before * count * width
    encoder, wasted = rangecoder.new_encoder(), np.zeros(2 * 8 * (old + 1) + 16, np.uint8)
    payload = np.frombuffer(random_bytes(seed, 16 * (flat.size - old + 1)), np.uint8).copy()
    decoder = rangecoder.new_decoder(payload)
    for begin in range(0, old, _PORTION):
        run(state, flat, begin, min(begin + _PORTION, old), encoder, wasted, False)
    for begin in range(old, flat.size, _PORTION):
        run(state, flat, begin, min(begin + _PORTION, flat.size), decoder, payload, True)
    padding = np.zeros((before + rows) * geometry.padding, np.uint8)
    return planes.join(planes.Split(split.header, samples, padding), geometry)


def sample_sound(prefix: bytes, geometry: AudioGeometry, moments: int, seed: int) -> bytes:
    """The samples of a sound: the moments of `prefix`, and `moments` more by the sound coder.

    What comes is made of the values that the prefix has, and repeats nothing from a distance.
    """
    _check(moments * geometry.frame_size)
    cells, _ = split_sound(prefix, geometry)
    if not len(cells):
        raise SettingsError("a sound is only continued: give --prefix with some of it")
    whole = np.concatenate([cells, np.zeros((moments, cells.shape[1]), np.int32)])
    for first in range(0, cells.shape[1], 2):
        part = np.ascontiguousarray(whole[:, first : first + 2])
        # Every pair of channels draws from bits of its own.
        _continue_pair(part, len(cells), seed + first)
        whole[:, first : first + 2] = part
    return join_sound(whole, b"", geometry)


def _continue_pair(samples: NDArray[np.int32], known: int, seed: int) -> None:
    """Fill `samples`, int32 (n, 1 or 2), from row `known` on."""
    values = list_values(samples[:known], values_of(samples[:known]))
    if values.places.size == 1:
        samples[known:] = samples[0]
        return
    pair, common = new_pair(level_of(DEFAULT_SOUND), samples.shape[1]), new_common(values)
    history = np.zeros(samples.shape, np.int32)
    new = samples[known:]
    room = 160 * samples.shape[1]
    encoder, wasted = rangecoder.new_encoder(), np.zeros(room * (known + 1) + 16, np.uint8)
    payload = np.frombuffer(random_bytes(seed, _PER_SYMBOL * (new.size + 2)), np.uint8).copy()
    decoder = rangecoder.new_decoder(payload)
    for start in range(0, known, SOUND_BLOCK):
        end = min(start + SOUND_BLOCK, known)
        indices = np.ascontiguousarray(values.to_indices(samples[start:end]), np.int64)
        pair.lag = find_lag(samples[:known], start, end)
        run_samples(pair, common, history, start, indices, encoder, wasted, True)
    pair.lag = 0
    indices = np.zeros(new.shape, np.int64)
    for start in range(0, len(new), SOUND_BLOCK):
        part = indices[start : start + SOUND_BLOCK]
        run_samples(pair, common, history, known + start, part, decoder, payload, False)
    new[:] = values.from_indices(indices, np.zeros(new.shape, np.int64))


def _check(size: int) -> None:
    if not 0 <= size <= MOST_SAMPLED:
        raise SettingsError(f"at most {MOST_SAMPLED:,} bytes are sampled at once, not {size:,}")
