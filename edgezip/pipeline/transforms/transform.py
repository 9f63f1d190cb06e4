"""What a transform is, and how its parameters stand in a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError, TruncatedError


@dataclass(frozen=True, slots=True)
class Changed:
    """What transform `number` made of some bytes, and the params that undo it; `profile` as in
    `Transform`."""

    number: int
    data: bytes = field(repr=False)
    params: bytes
    profile: int | None = None


@dataclass(frozen=True, slots=True)
class Transform:
    """One row of the table.

    Attributes:
        number: in the format.
        apply: changed bytes and the params that undo it; None where that does not pay.
        undo: takes changed bytes, params and the size of the original, which comes back. Raises
            FormatError for params that do not fit.
        undo_start: as `undo`, of the first of the changed bytes only: the first of the original,
            as far as what is missing can change nothing of them; None if there is no way.
        grows: times the size of the original that the changed bytes may have.
        profile: number of the context mixer's profile that is for what it changes; None where that
            is seen from the bytes.
    """

    number: int
    apply: Callable[[bytes], tuple[bytes, bytes] | None]
    undo: Callable[[bytes, bytes, int], bytes]
    grows: int = 1
    undo_start: Callable[[bytes, bytes, int], bytes] | None = None
    profile: int | None = None

    @property
    def name(self) -> str:
        """How docs and reports call it."""
        return c.TRANSFORM_NAMES[self.number]

    def most_changed(self, size: int) -> int:
        """Bytes that the changed ones may have of `size` bytes."""
        return min(self.grows * size, c.MAX_TRANSFORMED)

    def change(self, data: bytes) -> Changed | None:
        """`apply`, with number and profile."""
        made = self.apply(data)
        return None if made is None else Changed(self.number, *made, self.profile)


def join_params(size: int, own: bytes, coder: bytes) -> bytes:
    """Params of a channel: size of the changed bytes, the transform's params, the coder's."""
    return varint.encode_all(size, len(own)) + own + coder


def split_params(params: bytes) -> tuple[int, bytes, bytes]:
    """What `join_params` was given.

    Raises:
        FormatError: the params end too early.
    """
    try:
        size, position = varint.decode(params, 0)
        length, position = varint.decode(params, position)
    except TruncatedError as error:
        raise FormatError("damaged: transform params end inside a number") from error
    if position + length > len(params):
        raise FormatError("damaged: transform params end too early")
    return size, params[position : position + length], params[position + length :]
