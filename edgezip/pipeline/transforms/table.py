"""The table of transforms."""

from __future__ import annotations

from functools import partial

from edgezip.coding.mixing.profile import CODE
from edgezip.container import constants as c
from edgezip.errors import UnsupportedError
from edgezip.pipeline.transforms import digits, latin1, lineends, utf16, x86
from edgezip.pipeline.transforms.transform import Transform


def _digits(number: int, kind: digits.Digits) -> Transform:
    return Transform(
        number,
        partial(digits.shorten, digits=kind),
        partial(digits.restore, digits=kind),
        undo_start=partial(digits.restore_start, digits=kind),
    )


def _nothing(data: bytes) -> tuple[bytes, bytes] | None:
    """Not of a channel's bytes alone: `pipeline.deflated` finds streams, an archive's writer knows
    where its headers are."""
    return None


def _deflated(data: bytes, params: bytes, raw_size: int) -> bytes:
    from edgezip.pipeline.transforms import deflated  # kernels, which few files need

    return deflated.restore(data, params, raw_size)


def _tarred(data: bytes, params: bytes, raw_size: int) -> bytes:
    from edgezip.pipeline.transforms import tarred  # a room above, which few files need

    return tarred.restore(data, params, raw_size)


def _wrapped(data: bytes) -> tuple[bytes, bytes] | None:
    from edgezip.pipeline.transforms import wraps  # kernels, which only prose needs

    return wraps.shorten(data)


def _as_it_was(data: bytes, params: bytes, raw_size: int) -> bytes:
    from edgezip.pipeline.transforms import wraps

    return wraps.restore(data, params, raw_size)


def _as_its_start_was(data: bytes, params: bytes, raw_size: int) -> bytes:
    from edgezip.pipeline.transforms import wraps

    return wraps.restore_start(data, params, raw_size)


DEFLATED = Transform(c.DEFLATED, _nothing, _deflated, c.DEFLATED_GROWTH)
LINE_ENDS = Transform(
    c.LINE_ENDS, lineends.shorten, lineends.restore, undo_start=lineends.restore_start
)
LONE_CR = Transform(
    c.LONE_CR, lineends.shorten_cr, lineends.restore_cr, undo_start=lineends.restore_cr_start
)
LATIN1 = Transform(c.LATIN1, latin1.widen, latin1.restore, 2, latin1.restore_start)
BASE64 = _digits(c.BASE64, digits.BASE64)
LOWER_HEX = _digits(c.LOWER_HEX, digits.LOWER_HEX)
UPPER_HEX = _digits(c.UPPER_HEX, digits.UPPER_HEX)
UTF16 = Transform(c.UTF16, utf16.shorten, utf16.restore, undo_start=utf16.restore_start)
X86 = Transform(c.X86, x86.shorten, x86.restore, undo_start=x86.restore_start, profile=CODE)
TAR = Transform(c.TARRED, _nothing, _tarred)
WRAPS = Transform(c.WRAPS, _wrapped, _as_it_was, 2, _as_its_start_was)

TRANSFORMS: dict[int, Transform] = {
    transform.number: transform
    for transform in (
        LINE_ENDS,
        DEFLATED,
        BASE64,
        LOWER_HEX,
        UTF16,
        UPPER_HEX,
        LONE_CR,
        LATIN1,
        X86,
        TAR,
        WRAPS,
    )
}


def transform_of(number: int) -> Transform:
    """The transform with this number.

    Raises:
        UnsupportedError: there is none.
    """
    if number not in TRANSFORMS:
        raise UnsupportedError(f"transform {number} is not supported; use a newer edgezip")
    return TRANSFORMS[number]
