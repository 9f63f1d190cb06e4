"""Single frames of a packed file: what it has, and each of them on its own."""

from __future__ import annotations

import builtins
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from edgezip.errors import SettingsError
from edgezip.incremental import with_model
from edgezip.pipeline.options import UnpackOptions
from edgezip.streams import is_seekable

if TYPE_CHECKING:
    from edgezip.pipeline.content import FrameEntry, IndexedContent

    Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def read_index(file: Name | BinaryIO) -> tuple[FrameEntry, ...]:
    """The frames of a packed file in the order of its content. Nothing is decoded.

    Args:
        file: a name, or a seekable binary file, from whose position on the packed data is read;
            the position is left as it was.

    Raises:
        FormatError: the file is damaged, or not complete.
        SettingsError: (a `ValueError`) the file cannot be sought in.
    """
    with _content(file, UnpackOptions()) as content:
        return content.entries


def read_frame(
    file: Name | BinaryIO,
    number: int,
    *,
    model: str | Path | None = None,
    options: UnpackOptions | None = None,
) -> bytes:
    """The verified content of frame `number` of `read_index(file)`; no other is decoded.

    Args:
        file: as for `read_index`.
        number: from 0; negative numbers count from the end.
        model: as `UnpackOptions.model`, which it overrides.
        options: where models are.

    Raises:
        IndexError: there is no such frame.
        FormatError, ModelError, EngineError: as `decompress`.
    """
    with _content(file, with_model(options or UnpackOptions(), model)) as content:
        return content.frame(range(len(content.entries))[number])


@contextlib.contextmanager
def _content(file: Name | BinaryIO, options: UnpackOptions) -> Iterator[IndexedContent]:
    from edgezip.pipeline.content import IndexedContent

    with contextlib.ExitStack() as stack:
        if isinstance(file, (str, bytes, os.PathLike)):
            file = cast(BinaryIO, stack.enter_context(builtins.open(file, "rb")))
        if not is_seekable(file):
            raise SettingsError("the index is read from a file that can be sought in, not a pipe")
        start = file.tell()
        stack.callback(file.seek, start)
        yield IndexedContent(file, options, start)
