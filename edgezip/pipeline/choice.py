"""Which ways are tried for a channel, found out from some of its bytes; the smallest is kept.

Evaluating a language model takes ten times as long as context mixing. It pays for prose and source
code; logs and tables, which repeat themselves, have to be tried both ways; random letters, DNA and
the like are never shown to it.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from edgezip.pipeline import jpegs
from edgezip.pipeline.channels import Coded, encode_channel
from edgezip.pipeline.coders.coder import Progress
from edgezip.pipeline.coders.lzma1 import LZMA
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import BINARY, Content, Kind
from edgezip.pipeline.detect.media import Judgement
from edgezip.pipeline.detect.text import find_text
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import MEDIA_LEVEL, PackOptions
from edgezip.pipeline.parts import Part, smallest, untold
from edgezip.pipeline.transforms.table import LINE_ENDS, LONE_CR, WRAPS, X86, transform_of

TRIED, TRIED_STRIPS = 24 << 10, 3
"""Bytes that are looked at to see what the others are like, in so many strips."""
LOOKS = ((TRIED, 8), (96 << 10, 24))
"""Bytes and units that are looked at, at least, to see whether samples are coded smaller as such;
the second time where the first one did not tell: strips of a screen may be blank."""
UNSURE = 2
"""Times what bytes take: samples that look larger than that are not looked at again."""
MEDIA_COST = 32
"""Bytes that a channel of samples must save: its own head and those of the pieces around it."""

SMALL = 16 << 10
"""Bytes of text up to which both ways are tried: that takes no longer than finding out."""
WORDS = 2.0
DENSE = 1.5
"""Bytes a token: from `WORDS` on the text consists of pieces that the model knows as words, up to
`DENSE` of hardly anything that it knows."""
NEW = 5
"""Text of which classical codecs make a 1/`NEW` or more repeats little: it is for the model."""
BEHIND, OPENING = 120, 8
"""Percent of what the model makes; if context mixing would need more than that, going by the first
1/`OPENING` of a text, or by `SMALL` bytes of it, the rest is not tried. In what follows it learns
and is better: by 29 % for a log and by 47 % for a list of words, which is 39 bytes larger for what
was left out."""
LEARNED, TESTED = 32 << 10, 4 << 10
"""Bytes that both ways learn, and bytes behind those that they then code, to compare them."""
HARDLY = 105
"""Percent of what context mixing takes; if the model takes more than that, it is not tried."""
LONG, SHOWN = 1 << 20, (48 << 10, 192 << 10)
"""Bytes of text from which minutes are at stake, so that so many of them, in strips, are coded
both ways first; the second time where the first one shows no clear winner."""
CLEAR = 120
"""Percent of what the model takes; if context mixing takes more than that of the first strips, the
model is tried. Of longer ones it takes less, by a fifth at most."""
STREAMS, TURN = 16, 4 << 10
"""Streams of such a text, and bytes taken of each in turn to see what their order costs."""


_TRANSFORMS = {Kind.TEXT: (WRAPS, LINE_ENDS, LONE_CR), Kind.BINARY: (X86,)}
"""What is done to pieces of a kind, the first that pays."""


class Verdict(Enum):
    """What is tried for a channel."""

    SAMPLES = "samples"
    MODEL = "model"
    BYTES = "bytes"
    BOTH = "both"


def make_part(data: bytes, content: Content, context: Context) -> Part:
    """The part for a channel of `content`."""
    if content.kind is Kind.ENCODED:
        assert isinstance(content.geometry, int)
        return Part(data, context, (transform_of(content.geometry),))
    return Part(data, context, _TRANSFORMS.get(content.kind, ()))


def encode_part(
    part: Part, content: Content, verdict: Verdict, options: PackOptions, progress: Progress
) -> Coded:
    """Code `part`, whose bytes are `content`, in the smallest of the ways that are to be tried."""
    if verdict is Verdict.SAMPLES:
        return part.media(content, options.media_level, progress)
    if verdict is Verdict.BYTES:
        part.watch(progress)
        return part.compact
    coded = part.language(options, progress)
    if verdict is Verdict.MODEL or _is_far_ahead(coded, part):
        return coded
    return smallest([coded, part.compact])


def _is_far_ahead(coded: Coded, part: Part) -> bool:
    """Whether context mixing has no chance against the model.

    Of a short text that repeats little it makes no less than half of what classical codecs make;
    loading its kernels takes longer than a message. Of a longer one some is tried.
    """
    size, classical = len(part.inner), part.classical.size
    if part.context.prime:
        return False
    if size <= SMALL:
        return NEW * classical > size and 2 * coded.size <= classical
    opening = Part(part.inner[: max(SMALL, size // OPENING)], part.context)
    expected = opening.compact.size * classical // opening.classical.size
    return 100 * expected > BEHIND * coded.size


def judge(part: Part, content: Content, options: PackOptions) -> Verdict:
    """What to try for `part`."""
    model = part.context.model
    if content.kind in MEDIA:
        return Verdict.SAMPLES
    if model is None or not _is_text(part, content):
        return Verdict.BYTES
    if options.coder != "auto":
        return Verdict.MODEL
    # Records that are all alike are known from the primer better than to any model.
    if len(part.inner) <= SMALL or part.context.prime:
        return Verdict.BOTH
    if part.flat:
        return Verdict.BYTES
    sample = _strips(part.inner, 1)
    tokens = model.tokenizer.count(sample)
    if len(sample) < DENSE * tokens:
        return _compare(part, model, options)
    if len(sample) >= WORDS * tokens and NEW * part.classical.size > len(part.inner):
        return Verdict.MODEL
    return _try_some(part, options) if len(part.inner) >= LONG else Verdict.BOTH


def _is_text(part: Part, content: Content) -> bool:
    if content.kind is Kind.ENCODED:
        return all(piece.content != BINARY for piece in find_text(part.inner))
    return content.kind is Kind.TEXT


def _compare(part: Part, model: LanguageModel, options: PackOptions) -> Verdict:
    """Both ways on a few places of the text, after what stands before them.

    The model's way looks worse than it is: the mixer has learned the text, but not yet how far to
    trust the model there. On logs, of which the model makes 5 to 8 % less than context mixing
    alone, it took 7 to 30 % more so; hence nothing but dense text is judged by this.
    """
    data = part.inner
    sizes = [0, 0]
    for eighth in (5,) if len(data) < 16 * LEARNED else (3, 7):
        start = len(data) * eighth // 8
        learned = data[max(start - LEARNED, 0) : start]
        context = replace(part.context, prime=learned)
        test = Part(data[start : start + TESTED], context)
        sizes[0] += test.language(options, untold).size
        sizes[1] += test.compact.size
    return Verdict.BYTES if 100 * sizes[0] > HARDLY * sizes[1] else Verdict.BOTH


def _try_some(part: Part, options: PackOptions) -> Verdict:
    """Both ways on strips of a long text: long enough for either to learn what it will.

    What repeats something from far away is in none of the strips. Context mixing goes from the
    first byte to the last; with a model streams from all over the text go side by side, and do not
    know what comes later in another one. How much that costs is seen by lzma of the text in that
    order.
    """
    text = part.inner
    in_order, side_by_side = (
        encode_channel(data, LZMA, None, Context(), untold).size
        for data in (text, _side_by_side(text))
    )
    for size in SHOWN:
        some = Part(_strips(text, 1, size), part.context)
        with_model = some.language(options, untold).size * side_by_side
        alone = some.compact.size * in_order
        if 100 * alone > CLEAR * with_model:
            break
    return Verdict.BYTES if alone <= with_model else Verdict.BOTH


def _side_by_side(text: bytes) -> bytes:
    """`TURN` bytes of each of `STREAMS` parts in turns."""
    size = -(-len(text) // STREAMS)
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    return b"".join(part[i : i + TURN] for i in range(0, size, TURN) for part in parts)


def pays(samples: bytes, content: Content, context: Context) -> Judgement:
    """Whether samples are coded smaller as such than as bytes, tried on some of them; a JPEG as a
    whole."""
    if content.kind is Kind.JPEG:
        packed = jpegs.pack(samples)
        good = packed is not None and len(packed) + MEDIA_COST < len(samples)
        return Judgement(good, len(samples))
    looked = 0
    for least, units in LOOKS:
        tried = _strips(samples, content.unit, least, units)
        part = Part(tried, context)
        looked += len(tried)
        as_samples, as_bytes = part.media(content, MEDIA_LEVEL, untold).size, part.compact.size
        saved = (as_bytes - as_samples) * len(samples) // len(tried)
        if saved > MEDIA_COST and 100 * as_samples < 99 * as_bytes:
            return Judgement(True, looked)
        if len(tried) == len(samples) or as_samples > UNSURE * as_bytes + MEDIA_COST:
            break
    return Judgement(False, looked)


def _strips(data: bytes, unit: int, least: int = TRIED, units: int = 8) -> bytes:
    """Some of `data`, in whole units: about `least` bytes, and at least so many units a strip."""
    size = max(least // TRIED_STRIPS, units * unit) // unit * unit
    if len(data) <= 2 * TRIED_STRIPS * size:
        return data
    apart = (len(data) - size) // (TRIED_STRIPS - 1) // unit * unit
    return b"".join(data[i * apart : i * apart + size] for i in range(TRIED_STRIPS))
