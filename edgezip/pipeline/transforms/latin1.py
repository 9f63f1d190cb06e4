"""ISO 8859-1 text as UTF-8, which is what language models have read."""

from __future__ import annotations

from edgezip.errors import FormatError


def widen(data: bytes) -> tuple[bytes, bytes] | None:
    """`data` in UTF-8, without params; None where that changes nothing."""
    return None if data.isascii() else (data.decode("latin-1").encode(), b"")


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
