"""Kinds of content and pieces of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a piece of a frame is made of."""

    TEXT = "text"
    BINARY = "binary"
    IMAGE = "image"
    AUDIO = "audio"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Content:
    """What decides which channel a piece goes to: pieces of equal content share one.

    geometry: how the samples of a picture or a sound lie in the bytes; None for other kinds.
    """

    kind: Kind
    geometry: Hashable = None


TEXT = Content(Kind.TEXT)
BINARY = Content(Kind.BINARY)
REPEAT = Content(Kind.REPEAT)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next `length` bytes."""

    content: Content
    length: int
