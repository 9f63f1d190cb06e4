"""What a coder is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgezip.container import constants as c
from edgezip.pipeline.context import Context

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call; they add up to the channel's size."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """How samples lie in their bytes, and the level of their coder: 0 fast, 1 default, 2 strong."""

    geometry: Any
    level: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a coder makes of the bytes of a channel.

    params: what `decode` must know besides the size. tokens: that went through a language model.
    """

    payload: bytes = field(repr=False)
    params: bytes = b""
    tokens: int = 0


class Encode(Protocol):
    """One direction of a coder."""

    def __call__(self, data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
        """Code `data`; `settings` are the coder's own, and nothing else decides what comes out."""


class Decode(Protocol):
    """The other direction."""

    def __call__(
        self, payload: bytes, params: bytes, size: int, context: Context, progress: Progress
    ) -> bytes:
        """The `size` bytes that `encode` was given.

        Raises:
            FormatError: payload or params are none that `encode` writes for this size.
            ModelError: a model is needed and the context has none.
        """


@dataclass(frozen=True, slots=True)
class Start:
    """What there is of the content of a payload that was cut off or is damaged.

    data: from the start of the content on; anything where it is not known. settled: start and end
    of the parts that do not depend on what followed the payload, in order: they are right if
    nothing is wrong but that it was cut off. What lies between them may be right.
    """

    data: bytes = field(repr=False)
    settled: Sequence[tuple[int, int]]

    @classmethod
    def first(cls, data: bytes) -> Start:
        """All of `data` is settled."""
        return cls(data, ((0, len(data)),))


class Begin(Protocol):
    """As `Decode`, of a payload that was cut off or is damaged."""

    def __call__(
        self, payload: bytes, params: bytes, size: int, context: Context, progress: Progress
    ) -> Start:
        """What there is of the `size` bytes. Errors as of `Decode`, but not that bytes are missing.

        Work and memory are bounded as when decoding.
        """


@dataclass(frozen=True, slots=True)
class Coder:
    """One row of the table: the number in the format, and both directions.

    start: what there is of a payload that is not whole. None if there is no way.
    """

    number: int
    encode: Encode
    decode: Decode
    start: Begin | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return c.CODER_NAMES[self.number]

    @property
    def needs_model(self) -> bool:
        """Whether the context must have a language model."""
        return self.number in c.MODEL_CODERS
