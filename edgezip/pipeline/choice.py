"""Which ways are tried for a channel; the smallest is kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from edgezip.coding.mixing.layout import BINARY as BINARY_PROFILE
from edgezip.coding.mixing.params import MixParams
from edgezip.pipeline.channels import Coded, encode_channel
from edgezip.pipeline.coders.coder import Progress
from edgezip.pipeline.coders.language import MIXED, PLAIN, LanguageSettings
from edgezip.pipeline.coders.mixing import MIXING
from edgezip.pipeline.coders.stored import STORED
from edgezip.pipeline.coders.table import CLASSICAL, MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Content, Kind
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.progress import Scaled
from edgezip.pipeline.transforms.table import LINE_ENDS

FULL_LEVEL, FAST_BINARY_LEVEL, FAST_TEXT_LEVEL = 2, 1, 0
"""Levels of context mixing: all contexts beside a model, where time hardly counts, else most."""
INCOMPRESSIBLE = 6
"""Context mixing is not tried where the cheap codecs save less than one byte in 2**6."""

TRIED, TRIED_STRIPS = 24 << 10, 3
"""Bytes of samples that are coded to see whether they are what a header says, in so many strips."""
MEDIA_COST = 32
"""Bytes that a channel of samples must save: its own head and those of the pieces around it."""


_MIXING_SHARE = 16
"""About how much longer context mixing takes than a classical codec, for the progress."""


class Part:
    """The bytes of one channel, with what is found out about them once.

    `progress` is told of the way to `compact`; the other ways are told of where they are taken.
    """

    def __init__(self, data: bytes, context: Context, progress: Progress | None = None) -> None:
        self.data = data
        self.context = context
        work = (len(CLASSICAL) + _MIXING_SHARE) * len(data)
        self._done = Scaled(work, len(data), progress or _untold)

    @cached_property
    def classical(self) -> Coded:
        """The smallest of the codecs of the standard library, stored if none saves anything."""
        candidates = [encode_channel(self.data, STORED, None, self.context, _untold)]
        for coder in CLASSICAL:
            candidates.append(encode_channel(self.data, coder, None, self.context, self._done))
        return smallest(candidates)

    @cached_property
    def compact(self) -> Coded:
        """The smallest without a language model: `classical`, or context mixing."""
        size, candidates = len(self.data), [self.classical]
        promising = self.classical.size < size - (size >> INCOMPRESSIBLE)
        if promising or self.context.prime:
            candidates.append(self._mixed())
        self._done.finish()
        return smallest(candidates)

    def _mixed(self) -> Coded:
        size = len(self.data) + len(self.context.prime)
        settings = _mix_params(self.data, size, self.context.model is None)

        def told(count: int) -> None:
            self._done(_MIXING_SHARE * count)

        return encode_channel(self.data, MIXING, settings, self.context, told)

    def language(self, options: PackOptions, progress: Progress) -> Coded:
        """Coded with the language model; CR LF shortened where that can be undone."""
        coder = PLAIN if options.coder == "plain" or options.top_k else MIXED
        settings = LanguageSettings(options.streams, self.classical.size)
        return encode_channel(self.data, coder, settings, self.context, progress, LINE_ENDS)

    def media(self, content: Content, progress: Progress) -> Coded:
        """Coded as samples."""
        coder = MEDIA[content.kind]
        return encode_channel(self.data, coder, content.geometry, self.context, progress)


def pays(samples: bytes, content: Content, context: Context) -> bool:
    """Whether samples are coded smaller as such than as bytes, tried on some of them."""
    tried = _strips(samples, content.unit)
    part = Part(tried, context)
    as_samples = part.media(content, _untold).size
    saved = (part.compact.size - as_samples) * len(samples) // len(tried)
    return saved > MEDIA_COST and 100 * as_samples < 99 * part.compact.size


def _strips(samples: bytes, unit: int) -> bytes:
    """Some of `samples`, in whole units: few, because trying them must cost little."""
    size = max(TRIED // TRIED_STRIPS, 8 * unit) // unit * unit
    if len(samples) <= 2 * TRIED_STRIPS * size:
        return samples
    apart = (len(samples) - size) // (TRIED_STRIPS - 1) // unit * unit
    return b"".join(samples[i * apart : i * apart + size] for i in range(TRIED_STRIPS))


def encode_part(part: Part, content: Content, options: PackOptions, progress: Progress) -> Coded:
    """Code `part`, whose bytes are `content`, in the smallest of the ways that suit it."""
    if content.kind in MEDIA:
        return part.media(content, progress)
    if content.kind is not Kind.TEXT or part.context.model is None:
        return Part(part.data, part.context, progress).compact
    coded = part.language(options, progress)
    # Records that are all alike are known from the primer better than to any model.
    if options.coder == "auto" and part.context.prime:
        return smallest([coded, part.compact])
    return coded


def smallest(candidates: Iterable[Coded]) -> Coded:
    """The smallest of `candidates`, the first of equal ones."""
    return min(candidates, key=lambda coded: coded.size)


def _mix_params(data: bytes, size: int, fast: bool) -> MixParams:
    """Settings for `size` bytes like `data`; `fast` where no language model sets the pace.

    Text without a model keeps 2 % of size for a third more speed: fewer contexts.
    """
    profile = MixParams.for_data(data).profile
    if not fast:
        return MixParams.for_size(size, profile, FULL_LEVEL)
    if profile == BINARY_PROFILE:
        return MixParams.for_size(size, profile, FAST_BINARY_LEVEL)
    return MixParams.for_size(size, profile, FAST_TEXT_LEVEL)


def _untold(count: int) -> None:
    pass
