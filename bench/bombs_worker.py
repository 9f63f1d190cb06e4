"""One case of `bench.bombs`: reads a request from stdin, unpacks its file, writes what it cost."""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import lzma
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from bench.common import peak_memory
from edgezip import api
from edgezip.container import Channel, Header, MemberWriter, Span, write_short
from edgezip.container import constants as c
from edgezip.container.types import crc32
from edgezip.container.varint import encode, encode_all
from edgezip.errors import EdgezipError
from edgezip.pipeline.options import UnpackOptions

FULL = c.MAX_FRAME_SIZE
COPIES = 32
"""Members of 64 MiB that one file of a bomb unpacks to, in one chunk of input."""
SHORT = c.MAGIC + bytes([c.VERSION << 4 | c.FLAG_SHORT | c.FLAG_NO_MODEL])
LONG = c.MAGIC + bytes([c.VERSION << 4 | c.FLAG_NO_MODEL])


class Nowhere(io.RawIOBase):
    """Counts what is written."""

    size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Count what is written."""
        self.size += len(data)
        return len(data)


def main() -> None:
    """Run one case."""
    request = json.load(sys.stdin)
    recover = request["kind"] == "recover"
    data = CASES[request["name"]](request["number"])
    # What the program itself takes: everything that unpacking imports has been used once.
    api.unpack_stream(
        io.BytesIO(_short(c.DEFLATE, _deflate(b"warm"), b"warm")), None, UnpackOptions()
    )
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of making the file
    before, target = peak_memory(), Nowhere()
    started = time.process_time()
    said = "ok"
    try:
        api.unpack_stream(io.BytesIO(data), target, UnpackOptions(recover=recover))  # type: ignore[arg-type]
    except EdgezipError as error:
        said = type(error).__name__
    seconds = time.process_time() - started
    print(
        json.dumps(
            {
                "bytes": len(data),
                "output": target.size,
                "seconds": seconds,
                "memory": peak_memory(),
                "growth": peak_memory() - before,
                "said": said,
            }
        )
    )


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _short(coder: int, payload: bytes, raw: bytes) -> bytes:
    return write_short(Header(short=True), Channel(coder, payload, len(raw)), raw)


def _coded(coder: int, code: Callable[[bytes], bytes]) -> Callable[[int], bytes]:
    def make(number: int) -> bytes:
        raw = bytes(FULL)
        return _short(coder, code(raw), raw) * COPIES

    return make


def _lzma(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 26}]
    return lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


def _frames(channels: list[Channel], spans: list[Span], raw: bytes) -> bytes:
    writer = MemberWriter(Header())
    return (writer.begin() + writer.frame(raw, channels, spans) + writer.finish()) * COPIES


def _repeats(number: int) -> bytes:
    size = FULL - 1
    channels = [Channel(c.STORED, b"\0", 1), Channel(c.REPEAT, encode_all(size, 1), size)]
    return _frames(channels, [Span(0, 1), Span(1, size)], bytes(FULL))


def _channels(number: int) -> bytes:
    """Sixty-four channels that are decoded before they are joined."""
    size = FULL // c.MAX_CHANNELS
    payload = _deflate(bytes(size))
    channels = [Channel(c.DEFLATE, payload, size)] * c.MAX_CHANNELS
    spans = [Span(k, size) for k in range(c.MAX_CHANNELS)]
    return _frames(channels, spans, bytes(FULL))


def _payload(number: int) -> bytes:
    """A payload as large as it may be: it has to arrive before it can be refused."""
    size = c.max_payload(FULL)
    return SHORT + bytes([c.DEFLATE]) + encode_all(FULL, size) + bytes(size + 8)


def _crafted(body: bytes) -> Callable[[int], bytes]:
    return lambda number: body + bytes(100)


def _filled(unit: bytes) -> Callable[[int], bytes]:
    return lambda number: (unit * (number // len(unit) + 1))[:number]


HUGE = encode(2**63 - 1)
_HEADER = LONG + crc32(LONG)
_SPANS = c.FRAME_MARK + encode_all(0, 60 << 20, 2, 60_000)
CASES: dict[str, Callable[[int], bytes]] = {
    "deflate": _coded(c.DEFLATE, _deflate),
    "bzip2": _coded(c.BZIP2, lambda raw: bz2.compress(raw, 9)),
    "lzma": _coded(c.LZMA, _lzma),
    "repeats": _repeats,
    "channels": _channels,
    "payload": _payload,
    "stored": _crafted(SHORT + b"\0" + HUGE),
    "coded": _crafted(SHORT + b"\1" + HUGE + HUGE),
    "frame": _crafted(_HEADER + c.FRAME_MARK + b"\0" + HUGE),
    "index": _crafted(_HEADER + c.END_MARK + encode(len(_HEADER)) + _HEADER + HUGE),
    "spans": _crafted(_HEADER + c.FRAME_MARK + b"\0" + encode_all(FULL, 64, 2**63 - 1)),
    "extras": _crafted(LONG[:3] + bytes([LONG[3] | c.FLAG_EXTRAS]) + HUGE),
    "frame marks": lambda number: _HEADER + _filled(_SPANS)(number),
    "end marks": _filled(c.END_MARK + encode(len(_HEADER)) + _HEADER + encode(1 << 20)),
    "short headers": _filled(SHORT + bytes([c.DEFLATE]) + encode_all(FULL, 64)),
    "long headers": _filled(_HEADER),
    "members": _filled(_short(c.DEFLATE, _deflate(b"text"), b"text")[:-1]),
}


if __name__ == "__main__":
    main()
