"""Kinds of content and pieces of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image.geometry import ImageGeometry

ENDLESS = 1 << 62
"""A length or an end, bytes, where nobody knows it."""


class Kind(Enum):
    """What a piece of a frame is made of."""

    TEXT = "text"
    BINARY = "binary"
    IMAGE = "image"
    AUDIO = "audio"
    JPEG = "jpeg"
    ENCODED = "encoded"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Content:
    """What decides which channel a piece goes to: pieces of equal content share one.

    geometry: how the samples of a picture or a sound lie in the bytes; for what is ENCODED the
    number of its transform; None for other kinds. unit: pieces have a multiple of so many bytes
    (rows of a picture, moments of a sound).
    """

    kind: Kind
    geometry: Hashable = None
    unit: int = 1

    @classmethod
    def image(cls, geometry: ImageGeometry) -> Content:
        """A picture."""
        return cls(Kind.IMAGE, geometry, geometry.stride)

    @classmethod
    def audio(cls, geometry: AudioGeometry) -> Content:
        """A sound."""
        return cls(Kind.AUDIO, geometry, geometry.frame_size)


TEXT = Content(Kind.TEXT)
BINARY = Content(Kind.BINARY)
JPEG = Content(Kind.JPEG)
REPEAT = Content(Kind.REPEAT)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next `length` bytes."""

    content: Content
    length: int


@dataclass(frozen=True, slots=True)
class Found:
    """`length` bytes from `start` are thought to be `content`. They may reach beyond what was
    searched, where a frame ends inside of a picture."""

    start: int
    length: int
    content: Content

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + self.length
