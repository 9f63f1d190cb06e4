"""The file format, version 1 (docs/format.md): writing and incremental parsing without I/O."""

from edgezip.container import constants
from edgezip.container.params import LmParams
from edgezip.container.parser import ContainerParser, parse
from edgezip.container.types import (
    Channel,
    EndEvent,
    EngineField,
    Event,
    Frame,
    FrameEvent,
    Header,
    HeaderEvent,
    Settings,
    Span,
    StoredChunk,
)
from edgezip.container.write import MemberWriter, StoredWriter, write_short

__all__ = [
    "Channel",
    "ContainerParser",
    "EndEvent",
    "EngineField",
    "Event",
    "Frame",
    "FrameEvent",
    "Header",
    "HeaderEvent",
    "LmParams",
    "MemberWriter",
    "Settings",
    "Span",
    "StoredChunk",
    "StoredWriter",
    "constants",
    "parse",
    "write_short",
]
