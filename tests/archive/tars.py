"""Archives for the tests, and tars that mean harm or are only odd."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Iterable

import pytest

import edgezip
from edgezip import api

extracts = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="safe extraction needs Python 3.11.4 or newer"
)
"""Of a test that extracts."""

NOISE = random.Random(3).randbytes(4000)


def packed_tar(*members: bytes) -> bytes:
    """Members as blocks, whose frame does not say that they are any."""
    return stored(b"".join(members) + bytes(1024))


def stored(content: bytes) -> bytes:
    """A packed file that took no time."""
    packed = io.BytesIO()
    api.store_stream(io.BytesIO(content), packed, len(content))
    return packed.getvalue()


def tar_of(members: Iterable[tarfile.TarInfo]) -> bytes:
    """Members without content."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            tar.addfile(member)
    return stored(blob.getvalue())


def sparse(kind: str, name: str, size: int, content: bytes = b"data") -> bytes:
    """A file of `size` bytes, `content` at its start and a hole behind it, as tar programs write
    it: "old" GNU, pax "0.0", "0.1" or "1.0"."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    body = content.ljust(-(-len(content) // 512) * 512, b"\0")
    if kind == "old":
        info.type = tarfile.GNUTYPE_SPARSE
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[386:410] = b"%011o\0%011o\0" % (0, len(content))
        header[483:495] = b"\x80" + size.to_bytes(11, "big")
        header[148:156] = b"        "
        header[148:156] = b"%06o\0 " % sum(header)
        return bytes(header) + body
    numbers = (0, len(content))
    if kind == "1.0":
        text = "".join(f"{number}\n" for number in (1, *numbers)).encode()
        body = text.ljust(512, b"\0") + body
        info.size = 512 + len(content)
        headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name}
        headers["GNU.sparse.realsize"] = str(size)
    elif kind == "0.1":
        headers = {"GNU.sparse.size": str(size), "GNU.sparse.map": ",".join(map(str, numbers))}
    else:
        headers = {"GNU.sparse.size": str(size), "GNU.sparse.numblocks": "1"}
        headers |= {"GNU.sparse.offset": "0", "GNU.sparse.numbytes": str(len(content))}
    info.pax_headers = headers
    return info.tobuf(tarfile.PAX_FORMAT) + body


def many(count: int = 100, size: int = 600) -> bytes:
    """An archive of logs in small frames."""
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", frame_size=16 << 10) as archive:
        for number in range(count):
            text = b"line %d of a log\n" % number * (size // 17)
            archive.add_bytes(f"log/{number:03}.log", text, mtime=number)
    return target.getvalue()
