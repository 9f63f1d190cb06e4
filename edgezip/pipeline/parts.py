"""The bytes of one channel, and the ways to code them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import Profile, suiting
from edgezip.pipeline.channels import Coded, encode_channel
from edgezip.pipeline.coders.coder import Coder, MediaSettings, Progress
from edgezip.pipeline.coders.language import MIXED, PLAIN, LanguageSettings
from edgezip.pipeline.coders.lzma1 import LZMA
from edgezip.pipeline.coders.mixing import MIXING
from edgezip.pipeline.coders.stored import STORED
from edgezip.pipeline.coders.table import CLASSICAL, MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Content
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.progress import Scaled
from edgezip.pipeline.rawlzma import quick_size
from edgezip.pipeline.transforms.transform import Changed, Transform

FULL_LEVEL = 2
"""Level of context mixing with all contexts: beside a model, where time hardly counts."""
INCOMPRESSIBLE = 6
"""Context mixing is not tried where the cheap codecs save less than one byte in 2**6, unless a
sample says that it saves something."""
LOOKED_FROM, LOOKED, SAVED = 1 << 18, 1 << 14, 8
"""Bytes from which loading its kernels is worth a look, and of each of three places that are looked
at. Compressed data, mostly, of which context mixing saves at least one byte in 2**8 is given to its
fast level."""
FLAT = 5
"""Where they save less than one byte in 2**5 of what Huffman codes take, contexts hardly matter."""
NOISE, TESTED = 1 << 20, 1 << 16
"""Bytes from which it pays to find out whether they are noise; bytes of each of three places."""
FAR, FAR_SHARE = 6, 256
"""Bytes that are compared, what a match far away costs and two more; where at least one in so many
of them has been there before, lzma is tried."""
FAR_AHEAD, COUNTED = 85, 1 << 10
"""Percent of what lzma makes in a twentieth of its time: where the fast context mixing made no more
than that, no other codec is asked, unless it made so few bytes that each counts. No other made
less of any file of bench.table there."""
FAR_BEHIND = 102
"""Percent of what the profile with all contexts makes of some bytes; a profile that makes more than
that is not tried on all of them."""
PLACE = 1 << 11
"""Bytes of each of three places that show it, where there are at least eight times as many."""
COMPARED = 1 << 13
"""Bytes of each of three places of which two profiles with all contexts are compared."""
MIXING_SHARE = 16
"""About how much longer context mixing takes than a classical codec, for the progress."""


class Part:
    """The bytes of one channel, with what is found out about them once.

    Args:
        data: as they are in the frame.
        context: model, settings, primer.
        transforms: the first that changes anything is used, whatever the coder.
    """

    def __init__(self, data: bytes, context: Context, transforms: Sequence[Transform] = ()) -> None:
        self.data = data
        self.context = context
        self._done = Scaled((len(CLASSICAL) + MIXING_SHARE) * len(data), len(data), self._tell)
        self._progress: Progress | None = None
        self._untold = 0
        made = (transform.change(data) for transform in transforms)
        self._changed: Changed | None = next((item for item in made if item is not None), None)

    @property
    def inner(self) -> bytes:
        """What the coders see."""
        return self.data if self._changed is None else self._changed.data

    def watch(self, progress: Progress) -> None:
        """Tell `progress` of the way to `compact`; of what is behind already at once. Other ways
        are told of where they are taken."""
        self._progress = progress
        self._tell(0)

    def _tell(self, count: int) -> None:
        self._untold += count
        if self._progress is not None and self._untold:
            self._progress(self._untold)
            self._untold = 0

    @cached_property
    def classical(self) -> Coded:
        """The smallest of the codecs of the standard library, stored if none saves anything."""
        found = [encode_channel(self.data, STORED, None, self.context, untold)]
        for coder in CLASSICAL:
            if coder is not LZMA or not self._is_noise(smallest(found)):
                found.append(self._encode(coder, None, self._done))
        return smallest(found)

    def _is_noise(self, best: Coded) -> bool:
        """Whether lzma, half of the time that noise takes, is spared: many bytes, of which no other
        codec saves any, nor lzma of some of them, and of which hardly any come twice far apart,
        where only lzma looks. `best`: what the others made."""
        if len(self.inner) < NOISE or best.size < len(self.data):
            return False
        some = self._three_places(TESTED)
        if encode_channel(some, LZMA, None, self.context, untold).size < len(some):
            return False
        return not _repeats_far_apart(self.inner)

    def _three_places(self, size: int) -> bytes:
        """`size` bytes each of the beginning, the middle and the end."""
        apart = (len(self.inner) - size) // 2
        return b"".join(self.inner[i * apart : i * apart + size] for i in range(3))

    def _saves_something(self) -> bool:
        """Whether context mixing saves a little of what the classical codecs save nothing of."""
        some = self._three_places(LOOKED)
        coded = encode_channel(some, MIXING, self._fast(len(some)), self.context, untold)
        return coded.size < len(some) - (len(some) >> SAVED)

    @cached_property
    def flat(self) -> bool:
        """Whether the bytes are not much more predictable than by how often each occurs."""
        coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        size = len(coder.compress(self.inner)) + len(coder.flush())
        return self.classical.size > size - (size >> FLAT)

    @cached_property
    def compact(self) -> Coded:
        """The smallest without a language model: `classical`, or context mixing."""
        size = len(self.inner)
        if not self.context.thorough and self._is_promising(self._quick):
            settings = self._fast(size + len(self.context.prime))
            best = self._encode(MIXING, settings, self._mixed)
            if best.size < COUNTED or 100 * best.size > FAR_AHEAD * self._quick:
                best = smallest([self.classical, best])
        else:
            found = []
            if self._is_promising(self.classical.size):
                found = self._mix_params()
            elif size >= LOOKED_FROM and self._saves_something():
                found = [self._fast(size)]
            mixed = [self._encode(MIXING, settings, self._mixed) for settings in found]
            best = smallest([self.classical, *mixed])
        self._done.finish()
        return best

    @cached_property
    def _quick(self) -> int:
        """About what lzma makes; of noise, which takes it longest, all bytes."""
        if len(self.inner) >= NOISE:
            some = self._three_places(TESTED)
            if quick_size(some) >= len(some):
                return len(self.inner)
        return quick_size(self.inner)

    def _is_promising(self, other: int) -> bool:
        """Whether context mixing is tried; `other`: bytes that another codec makes."""
        size = len(self.inner)
        return other < size - (size >> INCOMPRESSIBLE) or bool(self.context.prime)

    def _mixed(self, count: int) -> None:
        self._done(MIXING_SHARE * count)

    def language(self, options: PackOptions, progress: Progress) -> Coded:
        """Coded with the language model."""
        coder = PLAIN if options.coder == "plain" or options.top_k else MIXED
        settings = LanguageSettings(options.streams, self.classical.size, options.most_streams)
        return self._encode(coder, settings, progress)

    def media(self, content: Content, level: int, progress: Progress) -> Coded:
        """Coded as samples, at `level` of their coder."""
        settings = MediaSettings(content.geometry, level)
        return self._encode(MEDIA[content.kind], settings, progress)

    def _encode(self, coder: Coder, settings: Any, progress: Progress) -> Coded:
        return encode_channel(self.data, coder, settings, self.context, progress, self._changed)

    def _mix_params(self) -> list[MixParams]:
        """Settings of context mixing to try, as far as time counts."""
        size = len(self.inner) + len(self.context.prime)
        profile = self._profile
        fast = self._fast(size)
        if not self.context.thorough or self.flat:
            return [fast]
        full = [MixParams.for_size(size, number, FULL_LEVEL) for number in self._strong]
        return [*full, fast] if profile.both_pay and self._may_be_smaller() else full

    @cached_property
    def _strong(self) -> list[int]:
        """Profiles to try where time does not count: the one for such bytes, and the one for what
        the transform found; of many bytes the one that makes less of some."""
        found = [self._profile.stronger]
        if self._changed is not None and self._changed.profile is not None:
            found.append(self._changed.profile)
        if len(found) > 1 and len(self.inner) > 3 * COMPARED and not self.context.prime:
            some = self._three_places(COMPARED)
            return [min(found, key=lambda number: self._full_size(some, number))]
        return found

    def _full_size(self, some: bytes, number: int) -> int:
        """Size of `some` bytes with all contexts of profile `number`."""
        settings = MixParams.for_size(len(some), number, FULL_LEVEL)
        return encode_channel(some, MIXING, settings, self.context, untold).size

    def _may_be_smaller(self) -> bool:
        """Whether the profile where time counts may be smaller than the stronger one, going by
        some bytes: of few it learns sooner, so it has no chance if it is behind even there."""
        if self.context.prime or len(self.inner) < 8 * 3 * PLACE:
            return True
        some = self._three_places(PLACE)
        full = self._full_size(some, self._strong[0])
        fast = encode_channel(some, MIXING, self._fast(len(some)), self.context, untold).size
        return 100 * fast <= FAR_BEHIND * full

    def _fast(self, size: int) -> MixParams:
        profile = self._profile
        return MixParams.for_size(size, profile.number, profile.fast_level)

    @cached_property
    def _profile(self) -> Profile:
        return suiting(self.inner)


def _repeats_far_apart(data: bytes) -> bool:
    """Whether more than a few bytes of `data` were there before, wherever that was: of one in 256,
    those that follow a byte of one value, which is some milliseconds for a megabyte."""
    array = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(array[: 1 - FAR] == array[0])
    found = np.zeros(places.size, np.int64)
    for i in range(1, FAR):
        found = found << 8 | array[places + i]
    return FAR_SHARE * (found.size - np.unique(found).size) > found.size


def smallest(candidates: Iterable[Coded]) -> Coded:
    """The smallest of `candidates`, the first of equal ones."""
    return min(candidates, key=lambda coded: coded.size)


def untold(count: int) -> None:
    """Progress that nobody wants to know."""
