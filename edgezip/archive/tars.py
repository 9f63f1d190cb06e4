"""Tars to be read, opened in one way: whatever in edgezip reads one does it by this module."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from typing import IO, Self, cast

from edgezip.errors import FormatError

BROKEN = (tarfile.TarError, RecursionError, OverflowError, ValueError)
"""What `tarfile` raises for headers without sense; thousands of extended ones nest its calls."""
EXTENDED = frozenset(b"xgXLK")
"""Types of headers whose content belongs to the header of the next member."""
MAX_EXTENDED = 1 << 24
"""Bytes of content of such a header, which is read at once."""


class Header(tarfile.TarInfo):
    """A member of which the size is not below zero: `tarfile` before the mend of CVE-2025-8194 goes
    back by such a size, and round for ever. Extended headers are no larger than `MAX_EXTENDED`.

    It raises no InvalidHeaderError, with which `tarfile` takes the archive for ended.
    """

    __slots__ = ()
    refusal: type[tarfile.HeaderError | tarfile.ReadError] = tarfile.ReadError

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The one in a block."""
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0:
            raise cls.refusal(f"a size below zero: {info.size}")
        if info.type[0] in EXTENDED and info.size > MAX_EXTENDED:
            raise cls.refusal(f"an extended header of {info.size:,} bytes")
        return info

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """The next one, with what extended headers say of it."""
        info = super().fromtarfile(tarfile)
        if info.size < 0:
            raise _below_zero(info.size)
        return info


class _HeaderAnywhere(Header):
    """One between garbage, which is skipped."""

    __slots__ = ()
    refusal = tarfile.InvalidHeaderError  # type: ignore[attr-defined]


def _below_zero(size: int) -> tarfile.ReadError:
    return tarfile.ReadError(f"a size below zero: {size}")


def open_raw(file: object, *, stream: bool = False, gaps: bool = False) -> tarfile.TarFile:
    """The tar in `file`.

    Args:
        file: a binary file, or an object with `read` and, without `stream`, `seek` and `tell`.
        stream: it is read from front to back.
        gaps: what is no header is skipped.

    Raises:
        TarError: the content is no tar; then and later also what else is in `BROKEN`.
    """
    return tarfile.open(
        fileobj=cast(IO[bytes], file),
        mode="r|" if stream else "r:",
        tarinfo=_HeaderAnywhere if gaps else Header,
        encoding="utf-8",
        errors="surrogateescape",
        ignore_zeros=gaps,
    )


def open_tar(file: object, *, stream: bool = False) -> tarfile.TarFile:
    """As `open_raw`. FormatError if the content is no tar."""
    with as_format_error():
        return open_raw(file, stream=stream)


@contextlib.contextmanager
def as_format_error() -> Iterator[None]:
    """Around what reads a tar: FormatError where its headers make no sense."""
    try:
        yield
    except BROKEN as error:
        raise FormatError(f"the content is no sound tar archive: {error}") from error


def holes(info: tarfile.TarInfo) -> int:
    """Bytes of a member that are not in the tar, as it is a sparse file."""
    sparse = getattr(info, "sparse", None)
    return max(info.size - sum(max(size, 0) for _, size in sparse), 0) if sparse is not None else 0
