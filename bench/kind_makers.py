# ruff: noqa: E501 - each maker is one line of a file, as long as that line is
"""Makers of files of many kinds for `bench.kinds`. Each gives about `size` bytes, always the same."""

from __future__ import annotations

import base64
import io
import json
import math
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from itertools import count

from bench.common import ROOT

Maker = Callable[[int], bytes]
KINDS: dict[str, Maker] = {}

_PROSE = (ROOT / "tests" / "data" / "roughing_it.txt").read_text(encoding="utf-8")
_WORDS = sorted({word.strip(".,;:!?\"'()-_").lower() for word in _PROSE.split()} - {""})


def _kind(maker: Maker) -> Maker:
    KINDS[maker.__name__.lstrip("_")] = maker
    return maker


def _rng(name: str) -> random.Random:
    return random.Random(zlib.crc32(name.encode()))


def _fill(lines: Iterator[str], size: int) -> bytes:
    out, total = [], 0
    for line in lines:
        out.append(line)
        total += len(line)
        if total >= size:
            break
    return "".join(out).encode()


def _lines(name: str, line: Callable[[random.Random, int], str]) -> Maker:
    def maker(size: int) -> bytes:
        rng = _rng(name)
        return _fill((line(rng, i) for i in count()), size)

    KINDS[name] = maker
    return maker


def _word(rng: random.Random) -> str:
    return rng.choice(_WORDS)


def _path(rng: random.Random) -> str:
    return "/".join(_word(rng)[:7] for _ in range(rng.randrange(2, 5)))


def _rule(rng: random.Random, i: int) -> str:
    path = _path(rng)
    head = f"{path}.o: src/{path}.c include/{_word(rng)}.h include/config.h\n"
    return head + f"\t$(CC) $(CFLAGS) -Iinclude -MMD -MP -c -o $@ src/{path}.c\n\n"


def _progress(rng: random.Random, i: int) -> str:
    done = i % 100
    bar = "=" * (done // 2) + ">" + " " * (49 - done // 2)
    return f"\rDownloading part {i // 100:4d} [{bar}] {done:3d}% {rng.randrange(900, 1100)} KB/s"


def _table(rng: random.Random, i: int) -> str:
    return (
        f"{i:>10d}{_word(rng):<24}{rng.randrange(10**5):>12d}{rng.random() * 100:>14.3f}{'':>20}\n"
    )


def _access(rng: random.Random, i: int) -> str:
    ip = ".".join(str(rng.randrange(256)) for _ in range(4))
    second, path = i * 3 % 86400, rng.choice(("/", "/index.html", f"/img/{_word(rng)}.png"))
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    code = rng.choice((200, 200, 200, 304, 404))
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    head = f'{ip} - - [29/Nov/2026:{clock} +0000] "GET {path} HTTP/1.1" {code}'
    return f'{head} {rng.randrange(200, 50000)} "-" "{agent}"\n'


def _system(rng: random.Random, i: int) -> str:
    process = rng.choice(("sshd", "cron", "kernel", "systemd", "dhclient"))
    text = rng.choice((
        f"session opened for user {_word(rng)} by (uid=0)",
        f"Connection closed by 10.0.{rng.randrange(9)}.{rng.randrange(256)} port {rng.randrange(1024, 65536)}",
        f"DHCPREQUEST of 192.168.1.{rng.randrange(256)} on eth0",
        f"Started Session {i} of user root.",
    ))  # fmt: skip
    return f"Nov 29 {i // 360 % 24:02d}:{i // 6 % 60:02d}:{i % 6 * 10:02d} host {process}[{rng.randrange(400, 9000)}]: {text}\n"


def _ansi(rng: random.Random, i: int) -> str:
    colour = rng.choice((31, 32, 33, 36))
    word = rng.choice(("error", "ok", "warn", "note"))
    return f"\x1b[1m\x1b[{colour}m{word:>6}\x1b[0m \x1b[2m{_path(rng)}:{rng.randrange(1, 900)}\x1b[0m {_word(rng)} {_word(rng)}\n"


def _sql(rng: random.Random, i: int) -> str:
    values = f"{i},'{_word(rng)}','{_word(rng)}@example.org',{rng.randrange(10**6)},'2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}',NULL"
    return f"INSERT INTO `customers` VALUES ({values});\n"


def _record(rng: random.Random, i: int) -> dict[str, object]:
    return {
        "id": i, "name": _word(rng), "tags": [_word(rng) for _ in range(rng.randrange(4))],
        "score": round(rng.random(), 4), "active": rng.random() < 0.5,
    }  # fmt: skip


def _diff(rng: random.Random, i: int) -> str:
    line = rng.randrange(1, 2000)
    body = "".join(
        f"{rng.choice('  +-')}    {_word(rng)} = {_word(rng)}({rng.randrange(99)})\n"
        for _ in range(8)
    )
    return f"@@ -{line},8 +{line + i % 5},8 @@ def {_word(rng)}(self):\n{body}"


def _assembly(rng: random.Random, i: int) -> str:
    registers = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r12")
    op = rng.choice(("mov", "add", "lea", "cmp", "xor"))
    code = " ".join(f"{rng.randrange(256):02x}" for _ in range(rng.randrange(2, 8)))
    return f"  {0x401000 + 5 * i:x}:\t{code:<21}\t{op}    %{rng.choice(registers)},%{rng.choice(registers)}\n"


def _python(rng: random.Random, i: int) -> str:
    name, other = _word(rng), _word(rng)
    return (
        f"def {name}_{i}({other}: int, limit: int = {rng.randrange(99)}) -> int:\n"
        f'    """Return the {name} of {other}."""\n    if {other} > limit:\n'
        f'        raise ValueError(f"{other} is {{{other}}}")\n    return {other} * {rng.randrange(9)}\n\n\n'
    )


def _vertex(rng: random.Random, i: int) -> str:
    x, y = math.sin(i / 31), math.cos(i / 17)
    return (
        f"v {x:.6f} {y:.6f} {x * y:.6f}\n"
        if i % 3
        else f"f {i}//{i} {i + 1}//{i + 1} {i + 2}//{i + 2}\n"
    )


def _gcode(rng: random.Random, i: int) -> str:
    return f"G1 X{100 + 40 * math.sin(i / 40):.3f} Y{100 + 40 * math.cos(i / 40):.3f} E{i * 0.03321:.5f}\n"


def _hexdump(rng: random.Random, i: int) -> str:
    data = rng.randbytes(8) + bytes(8)
    groups = " ".join(data[k : k + 2].hex() for k in range(0, 16, 2))
    shown = "".join(chr(b) if 32 <= b < 127 else "." for b in data)
    return f"{16 * i:08x}: {groups}  {shown}\n"


def _intel_hex(rng: random.Random, i: int) -> str:
    record = struct.pack(">BHB", 16, 16 * i % 65536, 0) + rng.randbytes(12) + bytes(4)
    return f":{(record + bytes([-sum(record) & 255])).hex().upper()}\n"


_lines("make_rules", _rule)
_lines("progress", _progress)
_lines("blank_table", _table)
_lines("access_log", _access)
_lines("system_log", _system)
_lines("ansi_log", _ansi)
_lines("sql_dump", _sql)
_lines("diff", _diff)
_lines("assembly", _assembly)
_lines("python", _python)
_lines("mesh", _vertex)
_lines("gcode", _gcode)
_lines("hexdump", _hexdump)
_lines("intel_hex", _intel_hex)
_lines("json_lines", lambda rng, i: json.dumps(_record(rng, i)) + "\n")
_lines("json_pretty", lambda rng, i: json.dumps(_record(rng, i), indent=2) + ",\n")
_lines("json_minified", lambda rng, i: json.dumps(_record(rng, i), separators=(",", ":")) + ",")
_lines(
    "csv_numbers",
    lambda rng, i: f"{i},{rng.gauss(20, 3):.2f},{rng.gauss(1013, 9):.1f},{rng.randrange(100)}\n",
)
_lines(
    "csv_mixed",
    lambda rng, i: (
        f'{i};"{_word(rng)} {_word(rng)}";{rng.randrange(10**4)};2026-11-{i % 30 + 1:02d}\n'
    ),
)
_lines(
    "tsv", lambda rng, i: f"{_word(rng)}\t{rng.randrange(1000)}\t{_word(rng)}\t{rng.random():.6f}\n"
)
_lines(
    "xml",
    lambda rng, i: (
        f'  <item id="{i}"><name>{_word(rng)}</name><value unit="mm">{rng.randrange(999)}</value></item>\n'
    ),
)
_lines(
    "html",
    lambda rng, i: (
        f'<tr class="row{i % 2}"><td><a href="/{_path(rng)}">{_word(rng)}</a></td><td>{rng.randrange(999)}</td></tr>\n'
    ),
)
_lines(
    "ini",
    lambda rng, i: (
        f"[{_word(rng)}.{i}]\nenabled = true\npath = /{_path(rng)}\ntimeout = {rng.randrange(99)}\n\n"
    ),
)
_lines(
    "yaml",
    lambda rng, i: (
        f"- name: {_word(rng)}\n  replicas: {rng.randrange(9)}\n  image: {_path(rng)}:{i}\n"
    ),
)
_lines("uuids", lambda rng, i: "-".join(rng.randbytes(n).hex() for n in (4, 2, 2, 2, 6)) + "\n")
_lines("checksums", lambda rng, i: f"{rng.randbytes(32).hex()}  {_path(rng)}.c\n")
_lines("addresses", lambda rng, i: ".".join(str(rng.randrange(256)) for _ in range(4)) + "\n")
_lines("digits", lambda rng, i: str(rng.randrange(10)))
_lines("dna", lambda rng, i: rng.choice("ACGT"))
_lines(
    "fasta",
    lambda rng, i: (
        f">contig_{i} length=700\n"
        + "".join("".join(rng.choices("ACGT", (3, 2, 2, 3), k=70)) + "\n" for _ in range(10))
    ),
)
_lines(
    "fastq",
    lambda rng, i: (
        f"@read.{i} {i}/1\n{''.join(rng.choices('ACGT', k=100))}\n+\n{''.join(rng.choices('FFFFF:,#', k=100))}\n"
    ),
)
_lines("random_text", lambda rng, i: chr(rng.randrange(33, 127)))
_lines(
    "word_list", lambda rng, i: _WORDS[i % len(_WORDS)] + ("\n" if i < len(_WORDS) else f"{i}\n")
)
_lines("base64_line", lambda rng, i: base64.b64encode(rng.randbytes(3)).decode())
_lines("hex", lambda rng, i: rng.randbytes(30).hex() + "\n")
_lines("hex_upper", lambda rng, i: rng.randbytes(32).hex().upper() + "\r\n")


@_kind
def prose(size: int) -> bytes:
    """English."""
    return _PROSE.encode()[:size]


@_kind
def prose_crlf(size: int) -> bytes:
    """English, lines ending in CR LF."""
    return _PROSE.replace("\n", "\r\n").encode()[:size]


@_kind
def prose_cr(size: int) -> bytes:
    """English, lines ending in CR."""
    return _PROSE.replace("\n", "\r").encode()[:size]


@_kind
def utf16(size: int) -> bytes:
    """English in UTF-16."""
    return _PROSE.encode("utf-16")[:size]


@_kind
def latin1(size: int) -> bytes:
    """Letters with accents in ISO 8859-1."""
    table = str.maketrans("aeiou", "\u00e4\u00e9\u00ee\u00f6\u00fc")
    words = _PROSE.split(" ")
    text = " ".join(w.translate(table) if i % 4 == 0 else w for i, w in enumerate(words))
    return text.encode("latin-1", "replace")[:size]


@_kind
def base64_lines(size: int) -> bytes:
    """Noise in base64, lines of 76."""
    return base64.encodebytes(_rng("base64").randbytes(size * 3 // 4))


@_kind
def base64_text(size: int) -> bytes:
    """English in base64."""
    return base64.encodebytes(_PROSE.encode()[: size * 3 // 4])


@_kind
def pem(size: int) -> bytes:
    """Certificates."""
    rng = _rng("pem")

    def one(rng: random.Random) -> str:
        head = bytes.fromhex("308203a030820288a003020102021456")
        body = base64.b64encode(head + rng.randbytes(700)).decode()
        lines = "".join(body[i : i + 64] + "\n" for i in range(0, len(body), 64))
        return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"

    return _fill((one(rng) for _ in count()), size)


@_kind
def mail(size: int) -> bytes:
    """A message with an attachment."""
    head = "From: a@example.org\nTo: b@example.org\nSubject: the report\nMIME-Version: 1.0\n\n"
    attached = base64.encodebytes(_rng("mail").randbytes(size // 2)).decode()
    middle = "\n--frontier\nContent-Transfer-Encoding: base64\n\n"
    return (head + _PROSE[: size // 3] + middle + attached + "--frontier--\n").encode()


def _pixel(x: int, y: int, c: int, rng: random.Random) -> int:
    level = 128 + 60 * math.sin(x / 19 + c) + 50 * math.cos(y / 13 - c) + rng.gauss(0, 2)
    return min(max(int(level), 0), 255)


def _picture(name: str, size: int, channels: int) -> tuple[int, bytes]:
    rng, side = _rng(name), max(int((size / channels) ** 0.5), 8)
    cells = ((x, y, c) for y in range(side) for x in range(side) for c in range(channels))
    return side, bytes(_pixel(x, y, c, rng) for x, y, c in cells)


@_kind
def ppm(size: int) -> bytes:
    """A picture in colour."""
    side, samples = _picture("ppm", size, 3)
    return b"P6\n%d %d\n255\n" % (side, side) + samples


@_kind
def pgm(size: int) -> bytes:
    """A picture in gray."""
    side, samples = _picture("pgm", size, 1)
    return b"P5\n%d %d\n255\n" % (side, side) + samples


@_kind
def bitmap(size: int) -> bytes:
    """A fax: black and white."""
    side = max(int((size * 8) ** 0.5) // 8 * 8, 8)
    rows = (
        bytes(255 if math.sin(x / 5) + math.cos(y / 40) > 0.9 else 0 for x in range(side // 8))
        for y in range(side)
    )
    return b"P4\n%d %d\n" % (side, side) + b"".join(rows)


@_kind
def wav(size: int) -> bytes:
    """A sound."""
    rng = _rng("wav")
    values = (
        int(9000 * math.sin(i / 20) + 4000 * math.sin(i / 7.3) + rng.gauss(0, 40))
        for i in range(size // 2)
    )
    samples = b"".join(struct.pack("<h", value) for value in values)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", len(samples) + 36, b"WAVE", b"fmt ", 16,
                       1, 1, 16000, 32000, 2, 16, b"data", len(samples))  # fmt: skip
    return head + samples


@_kind
def integers(size: int) -> bytes:
    """A table of 32-bit numbers."""
    rng = _rng("integers")
    return b"".join(
        struct.pack("<IIHH", 1000 + i, rng.randrange(500), i % 7, rng.randrange(9))
        for i in range(size // 12)
    )


@_kind
def floats(size: int) -> bytes:
    """Measurements as doubles."""
    rng = _rng("floats")
    return b"".join(
        struct.pack("<d", 20 + math.sin(i / 50) + rng.gauss(0, 0.1)) for i in range(size // 8)
    )


@_kind
def noise(size: int) -> bytes:
    """Random bytes."""
    return _rng("noise").randbytes(size)


@_kind
def zeros(size: int) -> bytes:
    """Zeros."""
    return bytes(size)


@_kind
def archive(size: int) -> bytes:
    """A tar of several kinds."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("prose", "csv_mixed", "ppm", "integers", "base64_lines", "python"):
            data = KINDS[name](size // 6)
            info = tarfile.TarInfo(f"folder/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
