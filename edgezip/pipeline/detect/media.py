"""Finds pictures and sounds as they are in the frames of a member."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from edgezip.errors import SettingsError
from edgezip.pipeline import jpegs
from edgezip.pipeline.detect.content import ENDLESS, Content, Found, Kind
from edgezip.pipeline.detect.formats.format import Budget, File, Format
from edgezip.pipeline.detect.formats.table import FORMATS
from edgezip.pipeline.detect.tar import Files


class Judgement(NamedTuple):
    """Whether samples are coded smaller as what they are thought to be, and how many bytes were
    coded to find out."""

    good: bool
    looked: int


Judge = Callable[[bytes, Content], Judgement]

MIN_SAMPLES = 512
"""Bytes; less is not worth a channel."""
MOST_FOUND = 4096
MOST_CONTENTS = 48
"""In a frame. The format allows 64 channels and 65536 spans, also of text, repeats and the rest."""

MOST_IN_VAIN = 1 << 20
"""Bytes that may be looked at in vain, besides one for each byte of the frame: headers that lie,
each about the same bytes as the one before, would otherwise take hours. The last look may be one at
the whole frame, twice."""
STEPS, STEPS_PER_BYTE = 1 << 18, 8
"""What parsing headers may take, a microsecond or two each: so many, and one for each
`STEPS_PER_BYTE` bytes of the frame."""

_SIGNED = tuple(form for form in FORMATS if form.signature is not None)
_UNSIGNED = tuple(form for form in FORMATS if form.signature is None)
_EACH = tuple(re.compile(form.signature or b"", re.DOTALL) for form in _SIGNED)
_SIGNATURES = re.compile(b"|".join(form.signature or b"" for form in _SIGNED), re.DOTALL)
"""All of `_EACH`. Alternatives that begin with a plain byte, outside of groups, are searched for by
that byte, which is some twenty times faster."""


class MediaFinder:
    """Looks through the frames of one member in their order; what a frame cuts goes on in the next.

    Args:
        kinds: that can be coded; others are not looked for.
        given: what the member consists of, where the caller knows. Nothing else is then looked for.
    """

    def __init__(self, kinds: Collection[Kind] = (), given: Found | None = None) -> None:
        self._kinds = kinds
        self._given = given is not None
        self._open = given
        """What the next frame starts with, its start counted from there: 0 or less."""
        self._first = True
        self.jpeg_bytes = 0
        """Bytes of JPEGs that were left as they are, because a package is missing."""

    def find(
        self,
        data: bytes,
        judge: Judge,
        more: bool = False,
        files: Sequence[tuple[int, int]] | None = None,
    ) -> list[Found]:
        """Samples in the next frame: in order, apart from each other, in whole units.

        Args:
            data: the frame.
            judge: asked about everything that was not found in an earlier frame.
            more: further frames follow.
            files: start and end of the files in `data`, in order, where the caller knows; None to
                go by the headers of a tar in it.
        """
        found: list[Found] = []
        budget = len(data) + MOST_IN_VAIN
        for candidate in self._candidates(data, more, files):
            if budget <= 0:
                break
            if found and candidate.start < found[-1].end:
                continue
            known = candidate.start < 0
            piece = _inside(candidate, len(data))
            if piece is None or candidate.content.kind not in self._kinds:
                continue
            if piece.content.kind is Kind.JPEG and not jpegs.installed():
                self.jpeg_bytes += piece.length
                continue
            if not known:
                good, looked = judge(data[piece.start : piece.end], piece.content)
                if not good:
                    budget -= looked
                    continue
            found.append(piece)
            self._note(candidate, len(data))
            if len(found) == MOST_FOUND:
                break
        self._first = False
        return most(found)

    def _note(self, candidate: Found, size: int) -> None:
        """Remember what goes on in the next frame."""
        if candidate.end > size:
            self._open = Found(candidate.start - size, candidate.length, candidate.content)

    def _candidates(
        self, data: bytes, more: bool, files: Sequence[tuple[int, int]] | None
    ) -> Iterator[Found]:
        going_on, self._open = self._open, None
        if going_on is not None and going_on.end > 0:
            yield going_on
        if not self._given and self._kinds:
            first = self._first and files is None
            yield from _search(data, Files(data, files), first, more)


def _search(data: bytes, files: Files, first: bool, more: bool) -> Iterator[Found]:
    """What formats say, in the order of where the files begin. first: one does with `data`."""
    starts = files.starts()
    budget = Budget(STEPS + len(data) // STEPS_PER_BYTE)
    for start, form in _beginnings(data, [0, *starts] if first else starts):
        end = files.end(start) or (ENDLESS if more else len(data))
        try:
            found = form.parse(File(data, start, end, budget))
        except (ValueError, SettingsError):
            if budget.left < 0:
                return
            continue
        yield from sorted(found, key=lambda item: item.start)


def _beginnings(data: bytes, files: list[int]) -> Iterator[tuple[int, Format]]:
    """Where a file may begin, and of which format. `files`: where one does begin."""
    waiting = sorted(set(files), reverse=True)
    for match in _SIGNATURES.finditer(data):
        while waiting and waiting[-1] < match.start():
            start = waiting.pop()
            yield from ((start, form) for form in _UNSIGNED)
        start = match.start()
        number = next(i for i, one in enumerate(_EACH) if one.match(data, start))
        yield start, _SIGNED[number]
    for start in reversed(waiting):
        yield from ((start, form) for form in _UNSIGNED)


def _inside(found: Found, size: int) -> Found | None:
    """The whole units of `found` in a frame of `size` bytes."""
    unit = found.content.unit
    start = found.start
    if start < 0:
        start += -(start // unit) * unit  # the first unit that begins in this frame
    length = (min(found.end, size) - start) // unit * unit
    if start < 0 or length < MIN_SAMPLES:
        return None
    return Found(start, length, found.content)


def most(found: list[Found]) -> list[Found]:
    """`found` without the contents that have the fewest bytes, where they are too many."""
    sizes: dict[Content, int] = defaultdict(int)
    for piece in found:
        sizes[piece.content] += piece.length
    if len(sizes) <= MOST_CONTENTS:
        return found
    # Equal sizes: the first found stays, as in the order of the dictionary.
    kept = set(sorted(sizes, key=lambda content: -sizes[content])[:MOST_CONTENTS])
    return [piece for piece in found if piece.content in kept]
