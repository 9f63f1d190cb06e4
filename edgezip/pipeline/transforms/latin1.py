"""ISO 8859-1 text as UTF-8, which is what language models have read."""

from __future__ import annotations

import codecs

from edgezip.errors import FormatError


def widen(data: bytes) -> tuple[bytes, bytes] | None:
    """`data` in UTF-8, without params; None where that changes nothing."""
    return None if data.isascii() else (data.decode("latin-1").encode(), b"")


def restore_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them. Errors as there."""
    try:
        # A character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
        return text.encode("latin-1")[:size]
    except UnicodeError as error:
        raise FormatError("damaged: a text that is not ISO 8859-1 in UTF-8") from error


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `widen`; the result has `size` bytes.

    Raises:
        FormatError: params, a text that `widen` does not make, or another size.
    """
    try:
        result = data.decode().encode("latin-1")
    except UnicodeError as error:
        raise FormatError("damaged: a text that is not ISO 8859-1 in UTF-8") from error
    if params or len(result) != size:
        raise FormatError("damaged: ISO 8859-1 of another size than stored, or with params")
    return result
