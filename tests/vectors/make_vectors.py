"""Makes the test vectors in this folder: archives that every later edgezip must judge the same way.

    python -m tests.vectors.make_vectors

Good vectors are written once and never again: an existing file is kept, and a released one is
decoded for ever. Bad and unsupported ones are derived from good ones and from hand-made headers, so
that none of them is an opaque blob. `index.json` lists for each vector what it shows, and the
SHA-256 of its content or the name of the error it must raise.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import edgezip
from edgezip.coding.mixing.params import MixParams
from edgezip.container import (
    Channel,
    FrameEvent,
    Header,
    HeaderEvent,
    MemberWriter,
    parse,
    write_short,
)
from edgezip.container import constants as c
from edgezip.container.types import short_check
from edgezip.models.vocabulary import CONTROL
from edgezip.pipeline.options import PackOptions
from tests.vectors.contents import DATA, primer, texts

HERE = Path(__file__).resolve().parent
STORIES = DATA / "stories260K.gguf"
PRIMER = "primer.txt"
INTRODUCTION = [
    "# Test vectors",
    "",
    "Archives that every later edgezip must judge the same way, made by `make_vectors.py`:",
    "`good-*` give the content whose SHA-256 is in `index.json`, `bad-*` and `unsupported-*` the",
    "error named there. Files are written once and never changed; a released one is decoded for",
    "ever.",
    "",
]
FIRST_BYTE_TOKEN = 3
"""Of stories260K: the byte 0; the others follow."""
NEVER_A_CODER = 14
"""docs/format.md promises that no coder gets this number, nor 200, nor a transform 200."""


@dataclass(frozen=True)
class Vector:
    """One vector: its bytes, what it shows, and the expected content or error. model: "escapes" for
    `escaping_model`, None for stories260K."""

    name: str
    data: bytes
    about: str
    content: bytes | None = None
    error: str | None = None
    model: str | None = None

    def entry(self) -> dict[str, str]:
        """The vector's entry in the index."""
        entry = {"name": self.name, "about": self.about}
        if self.content is not None:
            entry["sha256"] = hashlib.sha256(self.content).hexdigest()
        if self.error is not None:
            entry["error"] = self.error
        if self.model is not None:
            entry["model"] = self.model
        return entry


def escaping_model(folder: Path) -> Path:
    """stories260K without tokens for the bytes 0 to 8 and 128 to 255, written into `folder`."""
    data = bytearray(STORIES.read_bytes())
    key = b"tokenizer.ggml.token_type"
    types = data.index(key) + len(key) + 16  # behind the types of array and items and their number
    for value in (*range(9), *range(128, 256)):
        struct.pack_into("<i", data, types + 4 * (FIRST_BYTE_TOKEN + value), CONTROL)
    path = folder / "escaping.gguf"
    path.write_bytes(data)
    return path


def good_options() -> Iterator[tuple[str, str, PackOptions, str]]:
    """Name, text, options and description of every good vector."""
    lm = PackOptions(model=STORIES, threads=1)
    none = PackOptions(model="none")

    def with_(**changes: object) -> PackOptions:
        return PackOptions(**{"model": STORIES, "threads": 1, **changes})  # type: ignore[arg-type]

    yield "plain", "story", with_(coder="plain"), "plain coder, one stream, short layout"
    yield "plain-top-k", "story", with_(top_k=20), "plain coder with escapes"
    yield "plain-streams", "long", with_(coder="plain", streams=3), "plain coder, three streams"
    windows = {"window": 64, "keep": 9}
    yield "plain-windows", "long", with_(coder="plain", span=64, **windows), "many windows"
    rolling = {"evict": 20, "span": 150, **windows}
    yield "plain-rolling", "long", with_(coder="plain", **rolling), "old tokens make room"
    yield "plain-utf8", "utf8", with_(coder="plain"), "text in several scripts"
    yield "plain-odd", "odd", with_(coder="plain", top_k=3), "invalid UTF-8, NUL, spelled tokens"
    yield "mix", "long", with_(coder="mix"), "mixing coder, one stream"
    yield "mix-streams", "long", with_(coder="mix", streams=4), "mixing coder, four streams"
    yield "mix-frames", "long", with_(coder="mix", frame_size=1024), "long layout, three frames"
    yield "named", "long", with_(coder="plain", frame_size=1024), "a model's name, long layout"
    yield "mix-line-ends", "crlf", with_(coder="mix"), "the line end transform"
    yield "mix-cr", "cr", with_(coder="mix"), "the transform of CR line ends"
    yield "mix-latin1", "latin1", with_(coder="mix"), "the ISO 8859-1 transform"
    yield "auto-mixed", "mixed", lm, "text, binary and noise in one frame"
    yield "auto-repeats", "repeats", with_(coder="mix"), "the repeat channel"
    yield "cm-text", "story", none, "context mixing of text"
    yield "cm-numbers", "numbers", none, "context mixing of binary data"
    yield "cm-program", "program", lm, "context mixing of x86 code, calls by their targets"
    yield "stored", "noise", none, "stored"
    yield "empty", "empty", none, "nothing at all"
    yield "base64", "base64", none, "the base64 transform beside text"
    yield "hex", "hex", none, "the hex transform, CR LF"
    yield "hex-upper", "upper", none, "the upper-case hex transform, one line"
    yield "utf16", "utf16", none, "the UTF-16 transform, big-endian, half of a pair at the end"
    yield "mix-wrapped", "wrapped", with_(coder="mix"), "the transform of wrapped lines"
    yield "image", "picture", none, "a picture, three channels of 8 bits"
    yield "image-deep", "picture-deep", none, "a picture, 16 bits"
    yield "image-heights", "picture-heights", none, "a picture, 16 bits, as differences"
    yield "image-bits", "picture-bits", none, "a picture, 1 bit"
    yield "audio", "sound", none, "a sound, 16 bits, two channels"
    yield "audio-8", "sound8", none, "a sound, 8 bits, one channel"
    yield "jpeg", "jpeg", none, "a JPEG between texts"
    yield "deflate", "deflate", none, "a gzip file, undone"
    yield "deflate-pdf", "pdf", none, "a picture with filters in a PDF, undone"
    yield "primed", "long", PackOptions(model="none", prime=primer()), "context mixing, primed"
    yield "primed-mix", "story", with_(coder="mix", prime=primer()), "mixing, primed"


def good_vectors() -> Iterator[Vector]:
    """Good vectors, from their files where these exist."""
    contents = texts()
    found: dict[str, bytes] = {}
    for name, text, options, about in good_options():
        path = HERE / f"good-{name}.ez"
        packed = path.read_bytes() if path.exists() else None
        if packed is None:
            packed = edgezip.compress(contents[text], options=options)
        found[name] = packed
        yield Vector(path.name, packed, about, content=contents[text])
    yield _archive(contents)
    yield _auxiliary()
    yield _tar(contents)
    yield _escapes(contents)
    yield _named(contents, found["plain"])


def _archive(contents: dict[str, bytes]) -> Vector:
    path = HERE / "good-tar-frames.ez"
    if not path.exists():
        options = PackOptions(model="none")
        noise = random.Random(7).randbytes(5120)
        with edgezip.Archive(path, "w", options=options, frame_size=6000) as archive:
            for number in range(5):
                archive.add_bytes(f"noise/{number}", noise[1024 * number :][:1024], mtime=0)
            archive.add_bytes("texts/story", contents["story"], mtime=0)
            archive.add_bytes("texts/numbers", contents["numbers"], mtime=0)
    packed = path.read_bytes()
    content = edgezip.decompress(packed)
    about = "a tar in frames, checks, a content that fills its block"
    return Vector(path.name, packed, about, content=content)


def _auxiliary() -> Vector:
    writer = MemberWriter(Header(auxiliary=7))
    text = b"of no kind that is known"
    hidden = writer.begin() + writer.frame(text, [Channel(c.STORED, text, len(text))])
    packed = hidden + writer.finish() + edgezip.compress(b"text", model="none")
    about = "an auxiliary member, which is no content, and one that is"
    return Vector("good-auxiliary.ez", packed, about, content=b"text")


def _tar(contents: dict[str, bytes]) -> Vector:
    path = HERE / "good-tar.ez"
    if not path.exists():
        with edgezip.Archive(path, "w", model="none") as archive:
            for number, name in enumerate(("story", "noise", "numbers", "empty", "utf8", "crlf")):
                long = "\u00fc" * 90 if name == "utf8" else ""
                archive.add_bytes(f"texts/{long}{name}", contents[name], mtime=10**9 + number)
    packed = path.read_bytes()
    content = edgezip.decompress(packed)
    return Vector(path.name, packed, "a tar in one frame, its headers apart", content=content)


def _escapes(contents: dict[str, bytes]) -> Vector:
    path = HERE / "good-escapes.ez"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            model = escaping_model(Path(folder))
            options = PackOptions(model=model, threads=1, coder="mix", streams=2)
            path.write_bytes(edgezip.compress(contents["escapes"], options=options))
    about = "bytes without a token, two streams"
    return Vector(path.name, path.read_bytes(), about, content=contents["escapes"], model="escapes")


def _named(contents: dict[str, bytes], plain: bytes) -> Vector:
    path = HERE / "good-named-short.ez"
    if not path.exists():
        header, frame = (e for e in parse(plain) if isinstance(e, HeaderEvent | FrameEvent))
        assert isinstance(header, HeaderEvent)
        assert isinstance(frame, FrameEvent)
        named = replace(header.header, model_name="Erz\u00e4hler \u6545\u4e8b")
        path.write_bytes(write_short(named, frame.frame.channels[0], contents["story"]))
    about = "a model's name beyond ASCII, short layout"
    return Vector(path.name, path.read_bytes(), about, content=contents["story"])


def _flip(data: bytes, position: int, bit: int = 0) -> bytes:
    out = bytearray(data)
    out[position] ^= 1 << bit
    return bytes(out)


_Damage = Callable[[bytes], bytes]


def bad_vectors(good: dict[str, bytes]) -> Iterator[Vector]:
    """Damaged, truncated and foreign files."""
    damages: list[tuple[str, str, _Damage, str]] = [
        ("magic", "FormatError", lambda d: _flip(d, 0), "first byte wrong"),
        ("cut-1", "TruncatedError", lambda d: d[:-1], "last byte missing"),
        ("cut-half", "TruncatedError", lambda d: d[: len(d) // 2], "second half missing"),
        ("cut-4", "TruncatedError", lambda d: d[:4], "nothing behind magic and flags"),
        ("payload", "FormatError", lambda d: _flip(d, len(d) // 2, 3), "a bit flipped"),
        ("check", "FormatError", lambda d: _flip(d, len(d) - 1, 7), "a bit of the check flipped"),
        ("garbage", "FormatError", lambda d: d + b"garbage", "text behind the end"),
        ("zeros", "FormatError", lambda d: d + bytes(16), "zeros behind the end"),
    ]
    for source in ("plain", "cm-text", "mix-frames", "stored"):
        for name, error, damage, about in damages:
            data = damage(good[f"good-{source}.ez"])
            yield Vector(f"bad-{source}-{name}.ez", data, f"{source}: {about}", error=error)
    yield Vector("bad-empty.ez", b"", "a file of no bytes", error="TruncatedError")
    yield Vector("bad-gzip.ez", b"\x1f\x8b\x08" + bytes(20), "a gzip header", error="FormatError")
    frames = good["good-mix-frames.ez"]
    marks = [i for i in range(len(frames)) if frames.startswith(c.FRAME_MARK, i)]
    without = frames[: marks[1]] + frames[marks[2] :]
    yield Vector("bad-frame-missing.ez", without, "second frame cut out", error="FormatError")
    twice = frames[: marks[1]] + frames[marks[0] :]
    yield Vector("bad-frame-twice.ez", twice, "first frame twice", error="FormatError")


def uncanonical_vectors(good: dict[str, bytes]) -> Iterator[Vector]:
    """Files that say what they mean in a way that is not the valid one."""
    text = texts()["story"]
    (frame,) = [e.frame for e in parse(good["good-cm-text.ez"]) if isinstance(e, FrameEvent)]
    implied = MixParams.for_size(len(text)).to_bytes()
    for name, params, about in (
        ("default", implied, "mixing params that are the default"),
        ("level", bytes([implied[0] | 0xC0]), "mixing params of no profile"),
    ):
        channel = replace(frame.channels[0], params=params)
        packed = write_short(Header(short=True), channel, text)
        yield Vector(f"bad-params-{name}.ez", packed, about, error="FormatError")
    start = c.MAGIC + bytes([c.VERSION << 4 | c.FLAG_SHORT | c.FLAG_NO_MODEL])
    repeat = start + b"\x89\x01\x00\x05\x02\x05\x01" + bytes(4)
    yield Vector("bad-params-repeat.ez", repeat, "repeats with params", error="FormatError")
    small = start[:3] + bytes([start[3] | c.FLAG_EXTRAS]) + b"\x05\x00\x01\x01\x02\x00\x00\x00"
    hidden = start[:3] + bytes([start[3] | c.FLAG_EXTRAS]) + b"\x02\x08\x01\x00\x01x"
    about = "a short member that is auxiliary"
    yield Vector("bad-auxiliary.ez", hidden + bytes(4), about, error="FormatError")
    yield Vector("bad-window.ez", small + bytes(4), "a window of one cell", error="FormatError")
    for name, value, about in (
        ("empty", b"", "a model's name of no bytes"),
        ("long", b"n" * (c.MAX_MODEL_NAME + 1), "a model's name of 65 bytes"),
        ("utf8", b"n\xc0\xaf", "a model's name that is not UTF-8"),
        ("surrogate", b"n\xed\xa0\x80", "a model's name with half of a pair"),
        ("control", b"n\x1b[2J", "a model's name with a control character"),
        ("direction", "n\u202e".encode(), "a model's name that turns the direction of writing"),
    ):
        named = _with_name(good["good-plain.ez"], 9, value, text)
        yield Vector(f"bad-name-{name}.ez", named, about, error="FormatError")
    alone = _with_name(good["good-cm-text.ez"], 4, b"n", text)
    about = "a model's name without a model"
    yield Vector("bad-name-alone.ez", alone, about, error="FormatError")


def _with_name(packed: bytes, end: int, name: bytes, text: bytes) -> bytes:
    """A short member, whose header ends at `end`, with a model's name and a check that is right."""
    (frame,) = [event.frame for event in parse(packed) if isinstance(event, FrameEvent)]
    extras = b"\x10" + bytes([len(name)]) + name
    head = packed[:3] + bytes([packed[3] | c.FLAG_EXTRAS]) + packed[4:end]
    prefix = head + bytes([len(extras)]) + extras + frame.prefix[end:]
    return prefix + frame.channels[0].payload + short_check(prefix, text)


def unsupported_vectors() -> Iterator[Vector]:
    """Well-formed files that need a newer edgezip."""
    short = Header(short=True)
    future = write_short(short, Channel(NEVER_A_CODER, b"pixels", 6), b"pixels")
    yield Vector("unsupported-coder-14.ez", future, "coder 14", error="UnsupportedError")
    far = write_short(short, Channel(200, b"pixels", 6), b"pixels")
    yield Vector("unsupported-coder-200.ez", far, "extended coder", error="UnsupportedError")
    turned = write_short(short, Channel(c.CM, b"pixels", 6, transform=200), b"pixels")
    yield Vector("unsupported-transform-200.ez", turned, "transform 200", error="UnsupportedError")
    stored = write_short(short, Channel(c.STORED, b"x", 1), b"x")
    version = stored[:3] + bytes([2 << 4 | stored[3] & 15]) + stored[4:]
    yield Vector("unsupported-version-2.ez", version, "version 2", error="UnsupportedError")
    extras = c.MAGIC + bytes([c.VERSION << 4 | c.FLAG_SHORT | c.FLAG_EXTRAS | c.FLAG_NO_MODEL])
    unknown = extras + b"\x02\x40\x00" + stored[4:]
    yield Vector("unsupported-extras.ez", unknown, "extras bit 64", error="UnsupportedError")
    writer = MemberWriter(Header())
    frame = writer.frame(b"pixels", (Channel(NEVER_A_CODER, b"future", 6),))
    long = writer.begin() + frame + writer.finish()
    yield Vector("unsupported-frame.ez", long, "coder 14 in a frame", error="UnsupportedError")


def main() -> None:
    """Write the vectors and their index."""
    good = list(good_vectors())
    by_name = {vector.name: vector.data for vector in good}
    bad = [*bad_vectors(by_name), *uncanonical_vectors(by_name)]
    vectors = [*good, *bad, *unsupported_vectors()]
    for vector in vectors:
        path = HERE / vector.name
        if not path.exists():
            path.write_bytes(vector.data)
    (HERE / PRIMER).write_bytes(primer())
    index = json.dumps([vector.entry() for vector in vectors], indent=1)
    (HERE / "index.json").write_text(index + "\n", encoding="utf-8")
    about = [f"- `{vector.name}`: {vector.about}" for vector in vectors]
    (HERE / "README.md").write_text("\n".join([*INTRODUCTION, *about]) + "\n", encoding="utf-8")
    print(f"{len(vectors)} vectors, {len(good)} of them good")


if __name__ == "__main__":
    main()
