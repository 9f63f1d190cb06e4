"""UTF-16 text as UTF-8, so that models that know UTF-8 can read it."""

from __future__ import annotations

from edgezip.errors import FormatError

_CODECS = ("utf-16-le", "utf-16-be")


def shorten(data: bytes) -> tuple[bytes, bytes] | None:
    """`data` in UTF-8 and one byte of params: 0 for little-endian, 1 for big-endian. None where
    that cannot be undone. A surrogate without its partner is kept, in three bytes."""
    zeros = [data[i::2].count(0) for i in range(2)]
    order = 0 if zeros[1] >= zeros[0] else 1
    try:
        text = data.decode(_CODECS[order], "surrogatepass").encode("utf-8", "surrogatepass")
    except UnicodeError:
        return None
    params = bytes([order])
    return (text, params) if len(text) < len(data) and _restored(text, order) == data else None


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params or text that `shorten` does not make, or another size.
    """
    result = _undone(data, params)
    if len(result) != size:
        raise FormatError("damaged: UTF-16 of another size than stored")
    return result


def restore_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them. Errors as there."""
    try:
        return _undone(data, params)[:size]
    except FormatError:
        end = len(data)
        while end and data[end - 1] & 0xC0 == 0x80:
            end -= 1  # the last character is cut off
        return _undone(data[: max(end - 1, 0)], params)[:size]


def _undone(data: bytes, params: bytes) -> bytes:
    if params not in (b"\0", b"\1"):
        raise FormatError("damaged: the byte order of UTF-16 is missing")
    try:
        return _restored(data, params[0])
    except UnicodeError as error:
        raise FormatError("damaged: a text that is not UTF-8 before it becomes UTF-16") from error


def _restored(text: bytes, order: int) -> bytes:
    return text.decode("utf-8", "surrogatepass").encode(_CODECS[order], "surrogatepass")
