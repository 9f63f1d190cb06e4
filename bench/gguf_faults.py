"""Crafted models: a header with anything wrong is refused, and what passes cannot kill the process.

    python -m bench.gguf_faults                  # all mutants of stories260K
    python -m bench.gguf_faults --random 200 --structured 5

Random mutants have one to four bytes of the header changed; structured ones have a setting of
another type or an extreme value, a setting or tensor missing, a tensor of another shape, type or
place, tokens twice, weights that are no numbers. Each is read as a model would be. What the checks
let pass is loaded, evaluated and used to tokenize in a process of its own: one that ends by a
signal, hangs or raises something else than an EdgezipError counts as killed. 0 must be.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.common import RESULTS, STORIES, code_version, log, print_table, today, write_csv
from edgezip.errors import EdgezipError
from edgezip.models.gguf import TYPE_NAMES, Gguf, Tensor, Value, WeightType, read_gguf
from edgezip.models.llama import check_llama
from edgezip.models.vocabulary import read_vocabulary

PATIENCE = 60
"""Seconds for one mutant."""
_CODES = dict(zip(TYPE_NAMES, "BbHhIif?  Qqd", strict=True))
_EXTREMES: dict[str, list[Any]] = {
    "uint32": [0, 1, 2, 3, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1],
    "float32": [0.0, -1.0, 1e-45, 3e38, float("nan"), float("inf"), -float("inf")],
    "bool": [0, 1],
    "string": [b"", b"x", b"\xff\xfe", b"llama", b"gpt2", b"no_vocab", b"bert", b"t5", b"rwkv"],
}
_WEIGHT_TYPES = [WeightType(f"type {number}", 1, 4) for number in range(45)]


def main() -> int:
    """Try all mutants; 1 if one of those that passed ended its process."""
    parser = argparse.ArgumentParser(
        prog="bench.gguf_faults",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("models", nargs="*", type=Path, default=[STORIES])
    parser.add_argument("--random", type=int, default=4000, help="random mutants (4000)")
    parser.add_argument("--structured", type=int, default=1, help="one structured mutant of N (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", type=Path, default=RESULTS / "gguf_faults.csv")
    arguments = parser.parse_args()
    rows, bad, version = [], 0, code_version()
    for model in arguments.models:
        data = model.read_bytes()
        mutants = {
            "random": random_mutants(data, model, arguments.random, arguments.seed),
            "structured": itertools.islice(
                structured_mutants(data, model), 0, None, arguments.structured
            ),
        }
        for kind, found in mutants.items():
            refused, survived, killed = try_all(found)
            bad += killed
            row = {"model": model.stem, "mutants": kind, "tried": refused + survived + killed}
            rows.append({**row, "refused unread": refused, "killed": killed})
    print_table([*rows[0]], [[*row.values()] for row in rows])
    write_csv(arguments.csv, [{**row, "version": version, "date": today()} for row in rows])
    return 1 if bad else 0


def try_all(mutants: Iterable[tuple[str, bytes]]) -> tuple[int, int, int]:
    """How many mutants were refused before llama.cpp saw them, survived, and killed a process."""
    counts = {"refused": 0, "survived": 0, "killed": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.gguf"
        for number, (what, data) in enumerate(mutants, 1):
            path.write_bytes(data)
            verdict = outcome(path)
            counts[verdict] += 1
            if verdict == "killed":
                log(f"  KILLED: {what}")
            if number % 500 == 0:
                log(f"  {number} {counts}")
    return counts["refused"], counts["survived"], counts["killed"]


def outcome(path: Path) -> str:
    """What comes of a mutant: `refused` by the checks, else `survived` or `killed` by its use."""
    try:
        gguf = read_gguf(path)
        check_llama(gguf)
        vocabulary = read_vocabulary(gguf)
    except EdgezipError:
        return "refused"
    child = os.fork()
    if child == 0:
        _use_and_exit(path, vocabulary)
    _, status = os.waitpid(child, 0)
    return "survived" if status == 0 else "killed"


def _use_and_exit(path: Path, vocabulary: Any) -> None:
    """In a process of its own: load, evaluate and tokenize; exit 0 unless something is wrong."""
    signal.alarm(PATIENCE)
    code = 1
    try:
        from edgezip.engine import Engine
        from edgezip.tokens import Tokenizer

        with Engine.load(path, threads=1) as engine:
            engine.known_answer()
            tokenizer = Tokenizer(vocabulary, engine.tokenize)
            text = b"Once upon a time <s> </s>\r\n\x00\xff \xe2\x96\x81\xf0\x9f\x98\x80 <|end|>" * 3
            escaped = tokenizer.escapes.apply(text)  # as packing does: not every byte has a token
            text = text if escaped is None else escaped[0]
            if tokenizer.decode(tokenizer.encode(text)) == text:
                code = 0
    except EdgezipError:
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    os._exit(code)


def random_mutants(data: bytes, model: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` copies of `data` with one to four bytes of the header changed."""
    header = read_gguf(model).data
    chance = random.Random(seed)
    for number in range(count):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(4, header)
            old = changed[at]
            choices = [chance.randrange(256), old ^ 1 << chance.randrange(8), 0, 0xFF]
            changed[at] = chance.choice(choices)
        yield f"random {number} of seed {seed}", bytes(changed)


def structured_mutants(data: bytes, model: Path) -> Iterator[tuple[str, bytes]]:
    """Copies of `data` in which one thing is other than it should be."""
    gguf = read_gguf(model)
    weights = data[gguf.data :]
    for what, settings in _settings(gguf):
        yield what, write(settings, gguf.tensors, weights)
    for what, tensors in _tensors(gguf):
        yield what, write(gguf.settings, tensors, weights)
    for value in (float("nan"), float("inf"), 3e38):
        filled = struct.pack("<f", value) * (len(weights) // 4)
        yield f"weights of {value}", write(gguf.settings, gguf.tensors, filled)


def _settings(gguf: Gguf) -> Iterator[tuple[str, dict[str, Value]]]:
    for key, value in gguf.settings.items():
        yield f"without {key}", {k: v for k, v in gguf.settings.items() if k != key}
        for kind, extremes in _EXTREMES.items():
            for extreme in extremes:
                changed = {**gguf.settings, key: Value(kind, extreme)}
                yield f"{key}: {kind} {extreme!r}", changed
        if isinstance(value.value, (list, tuple)):
            for part in _arrays(value):
                yield f"{key}: another array", {**gguf.settings, key: part}
    for name in ("expert_count", "attention.key_length", "rope.dimension_count", "nextn", "x"):
        for number in (0, 1, 7, 8, 1 << 30):
            changed = {**gguf.settings, f"llama.{name}": Value("uint32", number)}
            yield f"llama.{name} {number}", changed
    for way in (b"none", b"linear", b"yarn", b"longrope", b"x"):
        yield f"rope {way!r}", {**gguf.settings, "llama.rope.scaling.type": Value("string", way)}


def _arrays(value: Value) -> Iterator[Value]:
    items = value.value
    assert isinstance(items, (list, tuple))
    yield Value(value.kind, items[:-1])
    yield Value(value.kind, items[:0])
    yield Value("array of uint8", (1, 2, 3))
    if isinstance(items, list):
        odd = (b"", b"\xff", b"<0x", b"<0xZZ>", b"<0xAB>", b"a b", b"\0", b"\xe2\x96\x81" * 99)
        for at in (0, 3, len(items) // 2):
            for text in (*odd, items[-1]):
                yield Value(value.kind, [*items[:at], text, *items[at + 1 :]])
    else:
        for number in (0, 3, 6, 7, 100, -1):
            yield Value(value.kind, (number,) * len(items))


def _tensors(gguf: Gguf) -> Iterator[tuple[str, dict[str, Tensor]]]:
    names = list(gguf.tensors)
    for name in (*names[:4], *names[-12:]):
        tensor = gguf.tensors[name]
        others = {k: v for k, v in gguf.tensors.items() if k != name}
        yield f"without {name}", others
        yield f"{name} renamed", {**others, f"{name}.x": tensor}
        for weight_type in _WEIGHT_TYPES:
            changed = Tensor(tensor.shape, weight_type, tensor.offset)
            yield f"{name} of {weight_type.name}", {**gguf.tensors, name: changed}
        for shape in (
            *(tensor.shape[::-1], (*tensor.shape, 2), tensor.shape[:-1] or (1,), (0,), (1,)),
            *((1 << 62, 4), (1 << 32, 1 << 32), tuple(length + 1 for length in tensor.shape)),
        ):
            changed = Tensor(shape, tensor.type, tensor.offset)
            yield f"{name} {shape}", {**gguf.tensors, name: changed}
        for offset in (1, 32, 1 << 40, (1 << 64) - 32):
            changed = Tensor(tensor.shape, tensor.type, offset)
            yield f"{name} at {offset}", {**gguf.tensors, name: changed}


def write(settings: dict[str, Value], tensors: dict[str, Tensor], weights: bytes) -> bytes:
    """The bytes of a GGUF of version 3, whatever its parts may be."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(settings))]
    for key, value in settings.items():
        parts += [_string(key.encode()), _setting(value)]
    for name, tensor in tensors.items():
        parts.append(_string(name.encode()) + struct.pack("<I", len(tensor.shape)))
        parts.append(struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape))
        parts.append(struct.pack("<IQ", _type_number(tensor.type), tensor.offset))
    header = b"".join(parts)
    return header + bytes(-len(header) % 32) + weights


def _type_number(weight_type: WeightType) -> int:
    from edgezip.models.gguf import WEIGHT_TYPES

    known = {found: number for number, found in WEIGHT_TYPES.items()}
    return known.get(weight_type) or int(weight_type.name.removeprefix("type ").replace("F32", "0"))


def _setting(value: Value) -> bytes:
    if not value.kind.startswith("array of "):
        return struct.pack("<I", TYPE_NAMES.index(value.kind)) + _plain(value.kind, value.value)
    kind = value.kind.removeprefix("array of ")
    items = value.value
    assert isinstance(items, (list, tuple))
    start = struct.pack("<IIQ", TYPE_NAMES.index("array"), TYPE_NAMES.index(kind), len(items))
    return start + b"".join(_plain(kind, item) for item in items)


def _plain(kind: str, value: Any) -> bytes:
    return _string(value) if kind == "string" else struct.pack(f"<{_CODES[kind]}", value)


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


if __name__ == "__main__":
    raise SystemExit(main())
