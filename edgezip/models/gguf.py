"""Reading the header of a GGUF: settings, vocabulary, names and places of the tensors.

llama.cpp's own reader trusts much of what it reads, and what it does not trust it answers with
abort(), which takes the process along. So a file is read here first, with bounds of our own; what
passes is what llama.cpp will find. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edgezip.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)

MOST_TENSORS = 1 << 16
MOST_SETTINGS = 1 << 12
MOST_ELEMENTS = 1 << 24
LONGEST_NAME = 63
LONGEST_KEY = 1 << 10
LONGEST_STRING = 64 << 20
LARGEST_HEADER = 512 << 20
LARGEST_ALIGNMENT = 1 << 16
_ALIGNMENT_KEY = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_BLOCK = 1 << 20

_LENGTH = struct.Struct("<Q")
_BOOL, _STRING, _ARRAY = 7, 8, 9
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, _BOOL, 10, 11, 12), "BbHhIifBQqd", strict=True))
TYPE_NAMES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool"),
    *("string", "array", "uint64", "int64", "float64"),
)


class WeightType(NamedTuple):
    """How weights are stored: blocks of `block` numbers in `size` bytes each."""

    name: str
    block: int
    size: int


WEIGHT_TYPES = {
    0: WeightType("F32", 1, 4),
    1: WeightType("F16", 1, 2),
    2: WeightType("Q4_0", 32, 18),
    3: WeightType("Q4_1", 32, 20),
    6: WeightType("Q5_0", 32, 22),
    7: WeightType("Q5_1", 32, 24),
    8: WeightType("Q8_0", 32, 34),
    10: WeightType("Q2_K", 256, 84),
    11: WeightType("Q3_K", 256, 110),
    12: WeightType("Q4_K", 256, 144),
    13: WeightType("Q5_K", 256, 176),
    14: WeightType("Q6_K", 256, 210),
    16: WeightType("IQ2_XXS", 256, 66),
    17: WeightType("IQ2_XS", 256, 74),
    18: WeightType("IQ3_XXS", 256, 98),
    19: WeightType("IQ1_S", 256, 50),
    20: WeightType("IQ4_NL", 32, 18),
    21: WeightType("IQ3_S", 256, 110),
    22: WeightType("IQ2_S", 256, 82),
    23: WeightType("IQ4_XS", 256, 136),
    29: WeightType("IQ1_M", 256, 56),
    30: WeightType("BF16", 1, 2),
    34: WeightType("TQ1_0", 256, 54),
    35: WeightType("TQ2_0", 256, 66),
    39: WeightType("MXFP4", 32, 17),
}
"""ggml's numbers of the types that weights can have; others are for activations or are gone."""


class Value(NamedTuple):
    """A setting: the name of its type ("uint32", "array of string", ...) and what it is: a number,
    the bytes of a string, a tuple of numbers or a list of bytes."""

    kind: str
    value: int | float | bytes | tuple[int | float, ...] | list[bytes]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's shape (fastest dimension first), type, and bytes from the start of the data."""

    shape: tuple[int, ...]
    type: WeightType
    offset: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numbers // self.type.block * self.type.size


@dataclass(frozen=True, slots=True)
class Gguf:
    """The header of a GGUF. data: where the tensors' bytes start in the file."""

    version: int
    settings: dict[str, Value] = field(repr=False)
    tensors: dict[str, Tensor] = field(repr=False)
    data: int


def read_gguf(path: Path) -> Gguf:
    """Read and check the header of `path`.

    Raises ModelError where it is not a whole, well-formed GGUF: counts and sizes beyond the bounds
    above or the file, keys or names twice, unknown types, tensors that overlap or lie outside.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file, path).header()
    except OSError as error:
        raise ModelError(f"model {path} cannot be read: {error.strerror}") from error


class _Reader:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._size = file.seek(0, 2)
        file.seek(0)
        self._buffer = b""
        self._at = 0

    def header(self) -> Gguf:
        """The whole header."""
        if self._take(4) != MAGIC:
            raise self._error("does not start with GGUF")
        version = self._number("I")
        if version not in VERSIONS:
            raise self._error(f"version {version}; 2 and 3 can be read")
        n_tensors = self._count("tensors", MOST_TENSORS)
        n_settings = self._count("settings", MOST_SETTINGS)
        settings: dict[str, Value] = {}
        for _ in range(n_settings):
            key = self._key()
            if key in settings:
                raise self._error(f"the setting {key} twice")
            settings[key] = self._value(key, self._number("I"))
        alignment = self._alignment(settings)
        tensors: dict[str, Tensor] = {}
        end = 0
        for _ in range(n_tensors):
            name, tensor = self._tensor()
            if name in tensors:
                raise self._error(f"the tensor {name} twice")
            if tensor.offset != end:
                raise self._error(f"the tensor {name} is not behind the one before it")
            tensors[name] = tensor
            end += -(-tensor.size // alignment) * alignment
        data = -(-self._at // alignment) * alignment
        last = max((tensor.offset + tensor.size for tensor in tensors.values()), default=0)
        if data + last > self._size:
            raise self._error("it is shorter than its tensors; copy or download it again")
        return Gguf(version, settings, tensors, data)

    def _alignment(self, settings: dict[str, Value]) -> int:
        kind, value = settings.get(_ALIGNMENT_KEY, Value("uint32", _DEFAULT_ALIGNMENT))
        if kind != "uint32" or not isinstance(value, int):
            raise self._error("an alignment that is no number")
        if not 1 <= value <= LARGEST_ALIGNMENT or value & (value - 1):
            raise self._error(f"an alignment of {value} bytes")
        return value

    def _tensor(self) -> tuple[str, Tensor]:
        name = self._text("a tensor's name", LONGEST_NAME)
        dimensions = self._number("I")
        if not 1 <= dimensions <= 4:
            raise self._error(f"the tensor {name} with {dimensions} dimensions")
        shape = tuple(self._number("Q") for _ in range(dimensions))
        kind, offset = self._number("I"), self._number("Q")
        if kind not in WEIGHT_TYPES:
            raise self._error(f"the tensor {name} with weights of type {kind}")
        tensor = Tensor(shape, WEIGHT_TYPES[kind], offset)
        # Before any product is formed of the numbers: each alone is within the file.
        if any(not 1 <= length <= 8 * self._size for length in shape):
            raise self._error(f"the tensor {name} of shape {shape}")
        if shape[0] % tensor.type.block:
            raise self._error(f"the tensor {name} with rows of {shape[0]} as {tensor.type.name}")
        if tensor.size > self._size:
            raise self._error(f"the tensor {name}, which is larger than the file")
        return name, tensor

    def _value(self, key: str, kind: int) -> Value:
        if kind in _SCALARS:
            return Value(TYPE_NAMES[kind], self._scalar(key, kind))
        if kind == _STRING:
            return Value("string", self._string(key, LONGEST_STRING))
        if kind != _ARRAY:
            raise self._error(f"the setting {key} of type {kind}")
        element = self._number("I")
        count = self._count(f"elements of {key}", MOST_ELEMENTS)
        if element == _STRING:
            return Value("array of string", self._strings(key, count))
        if element not in _SCALARS:
            raise self._error(f"the setting {key}, an array of type {element}")
        numbers = struct.Struct(f"<{count}{_SCALARS[element]}")
        return Value(f"array of {TYPE_NAMES[element]}", numbers.unpack(self._take(numbers.size)))

    def _scalar(self, key: str, kind: int) -> int | float:
        value = self._number(_SCALARS[kind])
        if kind == _BOOL and value not in (0, 1):
            raise self._error(f"the setting {key}, which is neither true nor false")
        return value

    def _strings(self, key: str, count: int) -> list[bytes]:
        found = []
        for _ in range(count):  # several hundred thousand: what is in the buffer goes straight on
            start = self._at + _LENGTH.size
            if start <= len(self._buffer):
                end = start + _LENGTH.unpack_from(self._buffer, self._at)[0]
                if end <= len(self._buffer):
                    found.append(self._buffer[start:end])
                    self._at = end
                    continue
            found.append(self._string(key, LONGEST_STRING))
        return found

    def _key(self) -> str:
        return self._text("a setting's name", LONGEST_KEY)

    def _text(self, what: str, longest: int) -> str:
        raw = self._string(what, longest)
        if not raw.isascii() or not raw.decode("ascii").isprintable() or not raw:
            raise self._error(f"{what} that is not plain text")
        return raw.decode("ascii")

    def _string(self, what: str, longest: int) -> bytes:
        length = self._number("Q")
        if length > longest:
            raise self._error(f"{what} with {length} bytes")
        return self._take(length)

    def _count(self, what: str, most: int) -> int:
        count = self._number("Q")
        # Everything that is counted takes a byte at least.
        if count > min(most, self._size):
            raise self._error(f"{count} {what}")
        return int(count)

    def _number(self, code: str) -> int:
        size = struct.calcsize(f"<{code}")
        value: int = struct.unpack(f"<{code}", self._take(size))[0]
        return value

    def _take(self, count: int) -> bytes:
        """The next `count` bytes of the file."""
        end = self._at + count
        if end > min(self._size, LARGEST_HEADER):
            raise self._error("it ends within its header; copy or download it again")
        if end > len(self._buffer):
            more = max(end - len(self._buffer), len(self._buffer), _BLOCK)
            self._buffer += self._file.read(more)
            if end > len(self._buffer):
                raise self._error("it was cut off while it was read")
        part = self._buffer[self._at : end]
        self._at = end
        return part

    def _error(self, what: str) -> ModelError:
        return ModelError(f"{self._path} is not a sound GGUF model: {what}")
