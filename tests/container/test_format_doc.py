"""docs/format.md says what the code does. Run this file as a program to write its examples."""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgezip.container import (
    Channel,
    EngineField,
    Header,
    LmParams,
    MemberWriter,
    Settings,
    Span,
    constants,
    write_short,
)
from edgezip.container.types import SETTING_TAGS
from tests.container.builders import long_member
from tests.container.second_decoder import decode_file

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
BEGIN, END = "<!-- examples begin -->\n", "<!-- examples end -->\n"
Example = list[tuple[bytes, str]]


def short_example() -> tuple[bytes, Example]:
    """A message through the language model."""
    text = b"The quick brown fox"
    payload = bytes.fromhex("c0ffee17")
    engine = EngineField("strict", 1)
    blob = write_short(
        Header(short=True, engine=engine, model=bytes(range(0xA0, 0xC0))),
        Channel(constants.LM, payload, len(text)),
        text,
    )
    prefix: Example = [
        (bytes.fromhex("9e455a"), "magic"),
        (b"\x11", "version 1; flags: SHORT"),
        (b"\x01", "strict engine, version 1"),
        (bytes.fromhex("a0a1a2a3"), "model id: SHA-256 of the GGUF starts like this"),
        (b"\x04", "coder 4 (lm), no transform, no params: one stream"),
        (b"\x13", "raw size 19"),
        (b"\x04", "payload size 4"),
    ]
    covered = b"".join(data for data, _ in prefix) + text
    check = zlib.crc32(covered).to_bytes(4, "little")
    return blob, [
        *prefix,
        (payload, "payload (made up)"),
        (check, 'CRC32 of the bytes before the payload and "The quick brown fox"'),
    ]


def long_example() -> tuple[bytes, Example]:
    """Text and binary in one frame, without a model."""
    text, binary = b"first part, second part", b"\x00\xff\x01\xfe"
    # Fixed, because deflate encoders differ between versions of zlib.
    packed = bytes.fromhex("4bcb2c2a2e5128482c2ad15128 4e4dcecf4b017300")
    assert zlib.decompress(packed, -15) == text
    raw = text[:12] + binary + text[12:]
    writer = MemberWriter(Header(settings=Settings(window=300)))
    blob = writer.begin()
    blob += writer.frame(
        raw,
        [Channel(1, packed, len(text)), Channel(0, binary, len(binary))],
        [Span(0, 12), Span(1, 4), Span(0, 11)],
    )
    blob += writer.finish()
    header = blob[:13]
    frame_end = blob.index(constants.END_MARK)
    record = blob[frame_end:]
    return blob, [
        (bytes.fromhex("9e455a"), "magic"),
        (b"\x16", "version 1; flags: EXTRAS, NO_MODEL"),
        (b"\x04", "extras: 4 bytes"),
        (b"\x00", "no extras fields"),
        (b"\x01\xac\x02", "setting 1 (window): 300"),
        (header[9:13], "header CRC32"),
        (b"\x9eFR\xf5", "frame mark"),
        (b"\x00", "offset 0"),
        (b"\x1b", "raw size 27"),
        (b"\x02", "2 channels"),
        (b"\x03", "3 spans"),
        (b"\x0c\x04\x0b", "12 bytes of channel 0, 4 of channel 1, 11 of channel 0"),
        (b"\x01" + bytes([len(packed)]), f"channel 0: coder 1 (deflate), {len(packed)} bytes"),
        (b"\x00", "channel 1: coder 0 (stored)"),
        (blob[27:31], "frame header CRC32"),
        (packed, "payload of channel 0"),
        (binary, "payload of channel 1"),
        (blob[frame_end - 8 : frame_end], "digest of the content of the frame"),
        (b"\x9eEN\xf5", "end mark"),
        (b"\x0d" + header, "header size 13, copy of the header"),
        (b"\x01", "1 frame"),
        (bytes([frame_end - 13, 27]), f"size {frame_end - 13} for raw size 27"),
        (blob[frame_end - 8 : frame_end], "its digest again"),
        (len(record).to_bytes(4, "little"), f"size of the end record: {len(record)}"),
        (record[-8:-4], "end record CRC32"),
        (b"\x9eOK\xf5", "tail mark"),
    ]


def render(example: Example) -> str:
    """Lines of hexadecimal and meaning, 13 bytes to a line."""
    lines: list[str] = []
    for data, meaning in example:
        rows = [data[k : k + 13].hex(" ") for k in range(0, len(data), 13)]
        lines.append(f"    {rows[0]:<40}{meaning}")
        lines += [f"    {row}" for row in rows[1:]]
    return "\n".join(lines)


def examples() -> str:
    return (
        "\nA text of 19 bytes through the language model, 20 bytes:\n\n"
        + render(short_example()[1])
        + "\n\nText with 4 binary bytes inside, no model, a setting, long layout:\n\n"
        + render(long_example()[1])
        + "\n\n"
    )


def test_the_examples_are_what_the_code_writes() -> None:
    for blob, example in (short_example(), long_example()):
        assert b"".join(data for data, _ in example) == blob
    page = PAGE.read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0] == examples()


def test_the_tables_name_every_number() -> None:
    page = PAGE.read_text("utf-8")
    for number, name in constants.CODER_NAMES.items():
        assert f"| {number} | {name} |" in page
    for number, name in constants.TRANSFORM_NAMES.items():
        assert f"| {number} | {name} |" in page
    default = {name: str(getattr(Settings(), name)) for name in SETTING_TAGS.values()}
    assert (Settings(800).keep, Settings(800).evict, Settings(9000).span) == (200, 100, 9000)
    default |= {
        "keep": "window div 4",
        "evict": "window div 8",
        "span": "8192, or window if larger",
    }
    for tag, name in SETTING_TAGS.items():
        row = next(
            x for x in page.splitlines() if x.startswith(f"| {tag} | {name.replace('_', ' ')}:")
        )
        assert f"| {default[name]} |" in row
    for mark in (constants.FRAME_MARK, constants.END_MARK, constants.TAIL_MARK, constants.MAGIC):
        assert f"`{mark.hex(' ').upper()}`" in page
    assert len(LmParams(2**20, 16).encode()) == 4


def test_a_decoder_written_from_the_page_agrees() -> None:
    assert decode_file(long_example()[0]) == b"first part, \x00\xff\x01\xfesecond part"
    text = b"to be or not to be, that is the question. " * 2000
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 17}]
    payloads = {
        0: text,
        2: bz2.compress(text),
        3: lzma.compress(text, lzma.FORMAT_RAW, filters=filters),
    }
    files = [
        write_short(Header(short=True), Channel(coder, payload, len(text)), text)
        for coder, payload in payloads.items()
    ]
    assert decode_file(b"".join(files)) == text * 3


@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5), max_size=4),
    st.sampled_from(
        [
            Header(),
            Header(engine=EngineField("strict", 300), model=b"12345678", known_answer=b"1234"),
            Header(engine=EngineField("strict", 1), model=b"12345678", model_name="\u4e8b 7b"),
            Header(engine=EngineField("native", 0, b"fingerpr"), model=b"12345678"),
        ]
    ),
)
def test_it_agrees_on_any_frames(frames: list[list[bytes]], header: Header) -> None:
    blob = long_member([[(k, part) for k, part in enumerate(parts)] for parts in frames], header)
    assert decode_file(blob) == b"".join(part for parts in frames for part in parts)


if __name__ == "__main__":
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(head + BEGIN + examples() + END + rest.partition(END)[2], "utf-8")
