"""Fuzzes the container: sound archives are broken at random and read in every way there is.

    python -m bench.fuzz                         # an hour
    python -m bench.fuzz --seconds 60 --seed 7

Checksums are off and a null predictor stands in for the language model and the context mixer, so
that damage reaches the code behind the checks, thousands of times a second. Whatever comes, only a
FormatError (or another EdgezipError) may be raised. With checksums on (one run in four) the content
must be the right one or an error: anything else is a loss. One run in sixteen goes through the
index and through the search of `unpack --recover`. Prints each failure with the bytes that cause
it, and exits with 1 if there was one. A line in the CSV says what a run gave.
"""

from __future__ import annotations

import argparse
import io
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import RESULTS, code_version, log, read_csv, today, write_csv
from edgezip.container import (
    Channel,
    ContainerParser,
    EngineField,
    Frame,
    FrameEvent,
    Header,
    LmParams,
    MemberWriter,
    Settings,
    Span,
    StoredChunk,
    write_short,
)
from edgezip.container import constants as c
from edgezip.container.index import load_frame, read_index
from edgezip.container.recover import LongMember, ShortMember, Survey
from edgezip.container.varint import encode, encode_all
from edgezip.errors import EdgezipError, FormatError
from edgezip.pipeline import layout
from edgezip.pipeline.coders.table import coder_of
from edgezip.pipeline.context import Context

MOST_DECODED = 1 << 16
"""Larger claims are not decoded: the container is what is tried here."""
NULL_CODERS = frozenset(
    {
        c.LM,
        c.CM,
        c.LM_MIX,
        *(set(c.KNOWN_CODERS) - {c.STORED, c.DEFLATE, c.BZIP2, c.LZMA, c.REPEAT}),
    }
)


@dataclass(slots=True)
class Result:
    """What a number of runs gave. failures: what was wrong, and the bytes it was wrong for."""

    runs: int = 0
    refused: int = 0
    losses: int = 0
    crashes: int = 0
    failures: list[tuple[str, bytes]] = field(default_factory=list)


def main() -> int:
    """Fuzz for a while; 1 if something was wrong."""
    parser = argparse.ArgumentParser(
        prog="bench.fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600, help="how long (3600)")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices (1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "fuzz.csv")
    arguments = parser.parse_args()
    total, started, cpu = Result(), time.monotonic(), time.process_time()
    seed, version = arguments.seed << 32, code_version()
    while time.monotonic() - started < arguments.seconds:
        fuzz(total, range(seed, seed + 4096))
        seed += 4096
        if not seed % (1 << 17):
            log(f"  {total.runs:,} runs, {total.losses} losses, {total.crashes} crashes")
    seconds, busy = time.monotonic() - started, time.process_time() - cpu
    print(f"{total.runs:,} runs in {seconds:,.0f} s ({total.runs / busy:,.0f} runs per CPU second)")
    print(f"{total.refused:,} refused, {total.losses} losses, {total.crashes} crashes")
    row = {
        "seed": arguments.seed,
        "seconds": round(seconds),
        "runs": total.runs,
        "runs_per_cpu_second": round(total.runs / busy),
        "refused": total.refused,
        "losses": total.losses,
        "crashes": total.crashes,
        "version": version,
        "date": today(),
    }
    others = [old for old in read_csv(arguments.csv) if old["seed"] != str(arguments.seed)]
    write_csv(arguments.csv, [*others, row])
    return 1 if total.failures else 0


def fuzz(total: Result, seeds: range) -> None:
    """Add one run for each of `seeds` to `total`."""
    for seed in seeds:
        choice = random.Random(seed)
        name, data = choice.choice(SEEDS)
        broken = _broken(data, choice)
        total.runs += 1
        try:
            _read(broken, choice)
        except FormatError:
            total.refused += 1
        except EdgezipError as error:
            total.refused += 1
            if "\n" in str(error):
                _fail(total, "a message of several lines", broken)
        except AssertionError as error:
            total.losses += 1
            _fail(total, f"{name}: {error}", broken)
        except Exception:
            total.crashes += 1
            _fail(total, f"{name}: {traceback.format_exc()}", broken)


def _fail(total: Result, what: str, data: bytes) -> None:
    log(f"{what}\n{data.hex()}")
    total.failures.append((what, data))


def _read(data: bytes, choice: random.Random) -> None:
    way = choice.randrange(16)
    if way == 0:
        _index(data)
    elif way == 1:
        _recover(data)
    elif way < 6:
        content = _content(data, choice, verify=True)
        assert _sound(content), "wrong bytes without an error"
    else:
        _content(data, choice, verify=False)


def _sound(content: bytes) -> bool:
    """Whether it is the content of a seed, or of several: a copied archive is a second member."""
    starts = {0}  # where the content of a seed may begin; each is looked at once
    todo = [0]
    while todo:
        start = todo.pop()
        for one in SOUND:
            end = start + len(one)
            if content.startswith(one, start) and end not in starts:
                starts.add(end)
                todo.append(end)
    return len(content) in starts and (content != b"" or b"" in SOUND)


def _content(data: bytes, choice: random.Random, verify: bool) -> bytes:
    """The content of a file that comes in pieces."""
    parser = ContainerParser(verify=verify)
    out = bytearray()
    position = 0
    while position < len(data):
        size = len(data) if choice.randrange(4) else choice.randrange(1, 40)
        parser.feed(data[position : position + size])
        position += size
        _take(parser, out, verify)
    parser.feed_eof()
    _take(parser, out, verify)
    return bytes(out)


def _take(parser: ContainerParser, out: bytearray, verify: bool) -> None:
    for event in parser:
        if isinstance(event, StoredChunk):
            out += event.data
        elif isinstance(event, FrameEvent):
            raw = decode(event.frame)
            if verify:
                event.frame.verify(raw)
            out += raw


def decode(frame: Frame) -> bytes:
    """The content of a frame; channels of a model hold zeros, as the null predictor has it."""
    if frame.raw_size > MOST_DECODED:
        raise FormatError("not decoded here")
    repeats = [k for k, channel in enumerate(frame.channels) if channel.coder == c.REPEAT]
    if len(repeats) > 1:
        raise FormatError("two channels of repeats")
    contents = [_channel(channel) for channel in frame.channels]
    return layout.join(frame, contents, repeats[0] if repeats else None)


def _channel(channel: Channel) -> bytes:
    if channel.coder == c.REPEAT:
        return b""
    if channel.coder in NULL_CODERS or channel.transform:
        if channel.coder in c.MODEL_CODERS and not channel.transform:
            LmParams.decode(channel.params, channel.raw_size)
        return bytes(channel.raw_size)
    coder = coder_of(channel.coder)
    return coder.decode(channel.payload, channel.params, channel.raw_size, Context(), _nothing)


def _nothing(count: int) -> None:
    pass


def _index(data: bytes) -> None:
    file = io.BytesIO(data)
    for member in read_index(file):
        for frame in member.frames:
            if not member.header.short:
                decode(load_frame(file, member, frame))


def _recover(data: bytes) -> None:
    survey = Survey(io.BytesIO(data), lambda member: member.raw_size % 3 != 1)
    position = 0
    while position < survey.end:
        member = survey.member(position)
        if isinstance(member, LongMember):
            following = member.end
            assert list(member.frames) == sorted(member.frames, key=lambda f: f.offset)
        elif isinstance(member, ShortMember) and member.end <= survey.end:
            following = member.end
        else:
            following = survey.next_border(position + 1)
        assert position < following <= survey.end, "recovery does not go on"
        position = following


# Seeds and what is done to them

_HEADERS = [
    Header(),
    Header(total_size=None, primer=b"primer!!"),
    Header(
        engine=EngineField("strict", 3),
        model=b"modelmodel",
        settings=Settings(256, 60, 40, 20, 300),
    ),
    Header(engine=EngineField("native", 0, b"12345678"), model=b"modelmodel", known_answer=b"1234"),
    Header(engine=EngineField("strict", 3), model=b"modelmodel", model_name="\u4e8b 7b"),
]


def _seeds() -> list[tuple[str, bytes, bytes]]:
    """Name, archive and content of every seed."""
    found: list[tuple[str, bytes, bytes]] = []
    text = b"the container is what is tried here, " * 3
    for header in _HEADERS:
        short = Header(
            True,
            header.engine,
            header.model,
            header.settings,
            header.known_answer,
            None,
            header.primer,
            model_name=header.model_name,
        )
        stored = Channel(c.STORED, text, len(text))
        found.append(("short", write_short(short, stored, text), text))
        if header.model:
            zeros = bytes(40)
            coded = Channel(c.LM, b"payload", 40, params=LmParams(20, 2).encode())
            found.append(("language model", write_short(short, coded, zeros), zeros))
        writer = MemberWriter(header)
        content = bytes(20) + text[:30] + text[:30] + bytes(9)
        frame = writer.frame(
            content,
            [
                Channel(c.CM, b"mixed", 29),
                Channel(c.STORED, text[:30], 30),
                Channel(c.REPEAT, encode_all(30, 30), 30),
            ],
            [Span(0, 20), Span(1, 30), Span(2, 30), Span(0, 9)],
        )
        more = b"".join(
            writer.frame(text[:size], [Channel(c.STORED, text[:size], size)]) for size in (50, 9, 1)
        )
        whole = content + text[:50] + text[:9] + text[:1]
        found.append(("long", writer.begin() + frame + more + writer.finish(), whole))
    for coder in (c.DEFLATE, c.BZIP2, c.LZMA):
        packed = coder_of(coder).encode(text, None, Context(), _nothing)
        channel = Channel(coder, packed.payload, len(text))
        found.append((f"coder {coder}", write_short(Header(short=True), channel, text), text))
    found.append(("concatenated", found[0][1] + found[2][1], found[0][2] + found[2][2]))
    large = text * 700
    stored = Channel(c.STORED, large, len(large))
    found.append(("large", write_short(Header(short=True), stored, large), large))
    return found


_ALL = _seeds()
SEEDS = [(name, archive) for name, archive, _ in _ALL] * 2
SOUND = {content for _, _, content in _ALL}
_MARKS = [c.MAGIC + b"\x15", c.MAGIC + b"\x14", c.FRAME_MARK, c.END_MARK, c.TAIL_MARK]
_NUMBERS = [encode(n) for n in (0, 1, 127, 128, 65535, 65536, 64 << 20, (64 << 20) + 1, 2**63 - 1)]


def _broken(data: bytes, choice: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(choice.choice((1, 1, 1, 2, 3, 8))):
        choice.choice(_EDITS)(out, choice)
    return bytes(out)


def _flip(out: bytearray, choice: random.Random) -> None:
    if out:
        out[choice.randrange(len(out))] ^= 1 << choice.randrange(8)


def _set(out: bytearray, choice: random.Random) -> None:
    if out:
        out[choice.randrange(len(out))] = choice.choice(
            (0, 1, 127, 128, 255, choice.randrange(256))
        )


def _insert(out: bytearray, choice: random.Random) -> None:
    position = choice.randrange(len(out) + 1)
    out[position:position] = choice.choice((*_MARKS, *_NUMBERS, choice.randbytes(3)))


def _delete(out: bytearray, choice: random.Random) -> None:
    position = choice.randrange(len(out) + 1)
    del out[position : position + choice.choice((1, 1, 2, 8, 64))]


def _cut(out: bytearray, choice: random.Random) -> None:
    del out[choice.randrange(len(out) + 1) :]


def _copy(out: bytearray, choice: random.Random) -> None:
    start, position = choice.randrange(len(out) + 1), choice.randrange(len(out) + 1)
    out[position:position] = out[start : start + choice.randrange(1, 64)]


def _splice(out: bytearray, choice: random.Random) -> None:
    other = choice.choice(SEEDS)[1]
    start, position = choice.randrange(len(other)), choice.randrange(len(out) + 1)
    out[position : position + choice.randrange(32)] = other[start : start + choice.randrange(1, 96)]


def _number(out: bytearray, choice: random.Random) -> None:
    position = choice.randrange(len(out) + 1)
    out[position : position + 1] = choice.choice(_NUMBERS)


_EDITS: Sequence[Callable[[bytearray, random.Random], None]] = (
    _flip, _flip, _set, _set, _insert, _delete, _cut, _copy, _splice, _number
)  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
