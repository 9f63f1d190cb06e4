"""Packed text as a `dask.bag`: every partition decodes its own frames."""

from __future__ import annotations

import importlib
import io
from typing import Any

from edgezip.distributed.tasks import filesystem
from edgezip.pipeline.options import UnpackOptions

_LOOK = 1 << 16


def read_text(
    url: str,
    *,
    blocksize: int = 8 << 20,
    encoding: str = "utf-8",
    errors: str = "strict",
    options: UnpackOptions | None = None,
) -> Any:
    """Return a `dask.bag.Bag` of the lines of a packed file, with their line ends, as
    `dask.bag.read_text` does.

    Args:
        url: of a file that can be sought in.
        blocksize: least bytes of content in a partition, which is a range of whole frames.
        encoding: of the text.
        errors: what is done about other bytes, as `bytes.decode` has it.
        options: where models are.

    Raises:
        FormatError: the file is damaged.
    """
    dask: Any = importlib.import_module("dask")
    bag: Any = importlib.import_module("dask.bag")
    parts = [
        dask.delayed(lines)(url, begin, end, encoding, errors, options)
        for begin, end in ranges(url, blocksize)
    ]
    return bag.from_delayed(parts)


def ranges(url: str, blocksize: int) -> list[tuple[int, int]]:
    """Return positions in the content at which frames begin, as ranges of `blocksize` or more."""
    from edgezip.access import read_index

    system, path = filesystem(url)
    with system.open(path, "rb") as file:
        entries = read_index(file)
    found: list[tuple[int, int]] = []
    begin = end = 0
    for entry in entries:  # of all members, in the order of the content
        end += entry.raw_size
        if end - begin >= blocksize:
            found.append((begin, end))
            begin = end
    return [*found, (begin, end)] if end > begin or not found else found


def lines(
    url: str, begin: int, end: int, encoding: str, errors: str, options: UnpackOptions | None
) -> list[str]:
    """Return the lines that begin at bytes `begin` to `end` of the content."""
    from edgezip.file import EdgezipFile

    system, path = filesystem(url)
    with system.open(path, "rb") as file, EdgezipFile(file, options=options) as content:
        # The byte before tells whether a line begins at `begin`.
        start = max(begin - 1, 0)
        content.seek(start)
        data = io.BytesIO(content.read(end - start))
        data.seek(0, io.SEEK_END)
        while not data.getvalue().endswith(b"\n"):
            more = content.read(_LOOK)
            data.write(more[: more.find(b"\n") + 1] or more)
            if not more:
                break
    whole = data.getvalue()
    if begin:
        first = whole.find(b"\n") + 1
        whole = whole[first:] if first else b""
    text = whole.decode(encoding, errors)
    return [line + "\n" for line in text.split("\n")[:-1]] + [
        line for line in text.split("\n")[-1:] if line
    ]
