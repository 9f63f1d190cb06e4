"""Cuts a frame into pieces: what goes to which channel, before anything is coded.

First pictures, sounds and long repeats, then what is written as digits or in UTF-16, then text, of
which what the language model knows as words is kept apart from what it does not.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from edgezip.pipeline import layout
from edgezip.pipeline.choice import DENSE, Verdict, judge, make_part, pays
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import BINARY, REPEAT, TEXT, Content, Found, Kind, Piece
from edgezip.pipeline.detect.encoded import LATIN1_TEXT, find_encoded, is_latin1
from edgezip.pipeline.detect.given import parse_given
from edgezip.pipeline.detect.media import MIN_SAMPLES, MOST_FOUND, MediaFinder, most
from edgezip.pipeline.detect.text import find_text
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.parts import Part
from edgezip.pipeline.repeats import Repeat, find_repeats, outside_of, without_copies

REPEATS_FROM = 1 << 14
"""Raw bytes from which long repeats are looked for; in less, a channel for them costs too much."""
DENSE_TEXT = Content(Kind.TEXT, "dense")
DENSE_BLOCK = 8 << 10
MIN_DENSE_BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Way:
    """The bytes of a channel and what is tried for them."""

    part: Part
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """The pieces of a frame, in order; what the repeats among them repeat; a way for all others."""

    pieces: tuple[Piece, ...]
    repeats: tuple[Repeat, ...]
    ways: dict[Content, Way]

    def share(self, *kinds: Kind) -> int:
        """Bytes in pieces of these kinds."""
        return sum(piece.length for piece in self.pieces if piece.content.kind in kinds)


def media_finder(options: PackOptions) -> MediaFinder:
    """A finder of pictures and sounds for one member.

    Raises:
        SettingsError: `options.content` describes no samples.
    """
    given = parse_given(options.content) if options.content is not None else None
    return MediaFinder(MEDIA, given)


def plan_frame(
    raw: bytes,
    context: Context,
    options: PackOptions,
    finder: MediaFinder,
    more: bool,
    pictures: Sequence[Found] = (),
    files: Sequence[tuple[int, int]] | None = None,
) -> Plan:
    """The pieces of `raw`; arguments as for `frames.encode_frame`. pictures: known beforehand.
    files: as for `MediaFinder.find`."""
    repeats = find_repeats(raw) if len(raw) >= REPEATS_FROM else []
    found = finder.find(raw, lambda samples, content: pays(samples, content, context), more, files)
    found = _with_pictures(raw, found, pictures, context)
    found = without_copies(found, repeats)
    repeats = outside_of(found, repeats)
    copies = [Found(repeat.start, repeat.length, REPEAT) for repeat in repeats]
    taken = sorted([*found, *copies], key=lambda item: item.start)
    pieces = layout.cut(len(raw), taken, _fresh(layout.outside(raw, taken), context, options))
    return _judged(raw, pieces, repeats, context, options)


def _with_pictures(
    raw: bytes, found: list[Found], pictures: Sequence[Found], context: Context
) -> list[Found]:
    """`found` and those of `pictures`, known beforehand, that are worth it."""
    # The largest: each costs a look, and spans, of which a frame has so many.
    largest = heapq.nlargest(MOST_FOUND, pictures, key=lambda picture: picture.length)
    good = [
        picture
        for picture in largest
        if picture.length >= MIN_SAMPLES
        and pays(raw[picture.start : picture.end], picture.content, context).good
    ]
    if not good:
        return found
    apart = [
        item
        for item in found
        if all(item.end <= other.start or item.start >= other.end for other in good)
    ]
    return most(sorted([*good, *apart], key=lambda item: item.start))


def _fresh(data: bytes, context: Context, options: PackOptions) -> list[Piece]:
    """Pieces of what is neither samples nor repeated."""
    if context.model is not None and is_latin1(data):
        return [Piece(LATIN1_TEXT, len(data))]
    encoded = find_encoded(data)
    rest = layout.outside(data, encoded)
    if context.model is None:
        return layout.cut(len(data), encoded, [Piece(BINARY, len(rest))] if rest else [])
    pieces = find_text(rest)
    if options.coder == "auto":
        pieces = _without_dense(rest, pieces, context.model)
    return layout.cut(len(data), encoded, pieces)


def _without_dense(data: bytes, pieces: list[Piece], model: LanguageModel) -> list[Piece]:
    """`pieces` with the parts of texts set apart that the model hardly knows any word of."""
    out: list[Piece] = []
    position = 0
    for piece in pieces:
        text = data[position : position + piece.length]
        position += piece.length
        out += [piece] if piece.content != TEXT else _by_density(text, model)
    return out


def _by_density(text: bytes, model: LanguageModel) -> list[Piece]:
    blocks = [text[i : i + DENSE_BLOCK] for i in range(0, len(text), DENSE_BLOCK)]
    dense = [len(block) < DENSE * model.tokenizer.count(block) for block in blocks]
    runs = [(flag, len(list(group))) for flag, group in itertools.groupby(dense)]
    contents: list[Content] = []
    for flag, count in runs:
        content = DENSE_TEXT if flag else TEXT
        short = count < MIN_DENSE_BLOCKS and len(runs) > 1
        contents += [contents[-1] if short and contents else content] * count
    return [
        Piece(content, sum(len(blocks[i]) for i in group))
        for content, group in itertools.groupby(range(len(blocks)), contents.__getitem__)
    ]


def _judged(
    raw: bytes,
    pieces: list[Piece],
    repeats: list[Repeat],
    context: Context,
    options: PackOptions,
) -> Plan:
    """The plan for `pieces`, with those texts as plain bytes for which the model is not tried."""
    ways = _ways(raw, pieces, context, options)
    plain = {
        content
        for content, way in ways.items()
        if content.kind is Kind.TEXT and way.verdict is Verdict.BYTES
    }
    if plain:
        pieces = layout.merge(
            Piece(BINARY if piece.content in plain else piece.content, piece.length)
            for piece in pieces
        )
        # What is binary now has other bytes than before.
        known = {c: way for c, way in ways.items() if c not in plain and c != BINARY}
        if len(plain) == 1 and BINARY not in ways:
            known[BINARY] = ways[plain.pop()]
        ways = _ways(raw, pieces, context, options, known)
    return Plan(tuple(pieces), tuple(repeats), ways)


def _ways(
    raw: bytes,
    pieces: list[Piece],
    context: Context,
    options: PackOptions,
    known: dict[Content, Way] | None = None,
) -> dict[Content, Way]:
    """A way for each content but repeats; `known` ones stay."""
    ways = dict(known or {})
    for content, data in layout.group(raw, pieces).items():
        if content != REPEAT and content not in ways:
            part = make_part(data, content, context)
            ways[content] = Way(part, judge(part, content, options))
    return ways
