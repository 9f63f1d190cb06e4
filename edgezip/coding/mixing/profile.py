"""What a profile of the context mixer is, and the table of them.

A profile says how the mixer looks at one kind of data. It is a module of kernels (its contexts, in
slot order, and its weight rows), a row of this table, its part of docs/modelling.md and its own
frozen starting state in `priors/`. The number of the mixer's inputs follows from the numbers of
contexts, run and residual models. Predictor, mixer, match models and maps are shared and know no
profile; what they need of one is here, as numbers. `profiles.py` holds the only places that call a
profile's kernels.

To add a context: append it in the module and its name here, describe it in docs/modelling.md, learn
the profile's prior anew (`python -m train.prior`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from edgezip.coding.rows16 import BLOCK

from .layout import CONTEXT_INPUT, OF_CONTEXT

TEXT, BINARY, LINES, RECORDS, CODE = range(5)
"""Numbers of the profiles for bytes, as they are stored."""
TOKENS = 5
"""Tokens beside a language model; never stored, because the coder's number says it."""

Teacher = Literal["text", "lines", "binary", "records", "code", "tokens"]
_FIELD_ENDS = b"\n ,\t;|"
_LINE_ENDS = _FIELD_ENDS + b'"()/:=[]{'

Context = tuple[str, str]
"""Name and group of a context."""
Group = tuple[str, tuple[str, ...]]
"""A group of contexts for the ablation table: its name, and its contexts in slot order."""


@dataclass(frozen=True)
class Profile:
    """One row of the table.

    contexts: names in slot order, each with its group for the ablation table. sets: weight rows
    are selected from so many sets. levels: how many contexts are in use at each level.
    mixer_rate, final_rate: steps of the two layers of weights. plain_weight: of a logit, before
    anything is learned, WEIGHT_BITS fraction bits. runs: contexts that have a run model, at the
    highest level. maps: probability maps: 2 (last byte, the profile's own), 3 (and the
    last two bytes) or 4 (and another one of the profile's own). even_maps: whether they are rounded
    so that they come as near to 1 as to 0, which matters where nearly everything is foreseen.
    finals: sets whose rows further final rows take; all final rows are averaged. early: how much is
    added to the rates at first, as a multiple of them. longest_record: record lengths are below it.
    residuals: the guesses that residual models make at the highest level, for a single stream: all
    those of guesses.py, in its order, or none. learned_count: what the starting state knows of a
    probability counts as at most so many decisions. model_weight: as plain_weight, of the language
    model.
    field_ends: bytes behind which a field of a line begins. taught_by: the documents of which
    train.prior makes the starting state. fast_level: where time counts; of text, fewer contexts
    keep 2 % of size for a third more speed. suits: whether it is for some data; None where another
    profile decides. stronger: the profile for such data where time does not count; both_pay: in
    such data more contexts are not always better, so both are tried.
    """

    number: int
    name: str
    contexts: tuple[Context, ...]
    sets: int
    levels: tuple[int, ...]
    mixer_rate: int
    final_rate: int
    plain_weight: int
    taught_by: Teacher
    field_ends: bytes = _FIELD_ENDS
    maps: int = 3
    even_maps: bool = False
    model_weight: int = 0
    fast_level: int = 2
    suits: Callable[[bytes], bool] | None = None
    stronger: int = TEXT
    both_pay: bool = False
    finals: tuple[int, ...] = ()
    early: int = 0
    longest_record: int = 2048
    runs: tuple[int, ...] = ()
    learned_count: int = 100
    residuals: tuple[str, ...] = ()

    @cached_property
    def inputs(self) -> int:
        """Places of a weight row: those of all contexts, run and residual models, up to whole
        blocks."""
        used = (
            CONTEXT_INPUT + OF_CONTEXT * len(self.contexts) + len(self.runs) + len(self.residuals)
        )
        return -(-used // BLOCK) * BLOCK

    @cached_property
    def final_width(self) -> int:
        """Places of a row of the second layer."""
        return 8 if self.sets <= 8 else 16

    @property
    def prior_file(self) -> Path:
        """Where the learned starting state lies."""
        return Path(__file__).with_name("priors") / f"{self.name}.bin"

    def groups(self) -> dict[str, list[int]]:
        """The slots of each group of contexts."""
        found: dict[str, list[int]] = {}
        for slot, (_, group) in enumerate(self.contexts):
            found.setdefault(group, []).append(slot)
        return found


def _named(*groups: Group) -> tuple[Context, ...]:
    return tuple((name, group) for group, names in groups for name in names)


_ORDERS = tuple((f"order {i}", "orders 0 to 2" if i < 3 else "orders 3 to 6") for i in range(7))
_INDIRECT, _EXPECTED = "indirect", "expected byte, sparse"
_WORDS, _LINES, _CLASSES = "words", "lines and fields", "character classes, numbers, keys"

_TRAILS = "expected fields"

# The fast levels take the first ones: up to the 14th of text each is worth most behind those before
# it; the first 17 of binary are the best of a dozen choices, made by what each context is worth if
# it is taken out; in other files than those of the tables, as with records and code.
_TEXT_CONTEXTS = (
    *_ORDERS,
    ("number format and word", _CLASSES),
    ("punctuation of the line and word", _LINES),
    ("field above", _LINES),
    ("classes of eight bytes", _CLASSES),
    ("word and the one before", _WORDS),
    ("punctuation of the line and column", _LINES),
    ("bytes after the last two", _INDIRECT),
    ("expected byte and its length", _EXPECTED),
    ("key and word", _CLASSES),
    ("column and byte above", _LINES),
    ("bytes 2 and 3 back", _EXPECTED),
    ("bytes after the last one", _INDIRECT),
    ("word and byte", _WORDS),
)
_TOKEN_NGRAMS = (("two tokens", "token n-grams"), ("three tokens", "token n-grams"))
_BYTE_NGRAMS = (("three words", _WORDS), ("high halves of six bytes", _EXPECTED))
_TEXT_TAIL = (
    ("both expected bytes", _EXPECTED),
    ("same field above and word", _LINES),
    ("field and its beginning", _LINES),
)

_TOKEN_TAIL = _named(
    (_TRAILS, ("after the same two fields", "in a line like this", "field above, whether it fits")),
    (_LINES, (
        "field to the left", "two fields to the left", "punctuation of the line and field",
    )),
    (_WORDS, ("bracket's word",)),
    (_TRAILS, (
        "after the same two fields, offset, field to the left",
        "in a line like this, changes, punctuation",
    )),
    (_WORDS, ("word and the second before", "three words")),
    ("orders 3 to 6", ("order 7",)),
    (_EXPECTED, ("byte expected by the long match, token's beginning",)),
    (_TRAILS, ("expected bytes, token's beginning",)),
    (_LINES, ("punctuation of two lines", "same field above, token's beginning")),
    (_WORDS, ("two words before", "words one and three before")),
    (_LINES, (
        "punctuation of the line, the token before, token's beginning",
        "same field above and the one to the left", "same field above and offset",
    )),
)  # fmt: skip

_BINARY_CONTEXTS = (
    *_ORDERS,
    *_named(
        ("records", ("above, byte, length", "three above")),
        ("zeros and repeats", ("zeros and repeats of eight bytes",)),
        (_INDIRECT, ("only the bytes after the last two",)),
        ("records", ("above, left, byte, right",)),
        ("expected byte", ("expected byte and its length",)),
        ("sparse", ("bytes 2 and 4 back",)),
        ("high bits", ("high bits of three bytes",)),
        ("sparse", ("byte 2 back", "bytes 4 and 8 back")),
        (_INDIRECT, ("bytes after the last two",)),
        ("records", ("two above and phase",)),
        ("sparse", ("bytes 1 and 5 back",)),
        ("records", ("phase and byte",)),
        ("sparse", ("bytes 1 and 3 back", "bytes 2 and 3 back")),
        ("high bits", ("high halves of two bytes",)),
        ("sparse", ("bytes 3 and 4 back",)),
    ),
)  # fmt: skip

_LINES_CONTEXTS = (
    *_ORDERS,
    ("order 7", "orders 3 to 6"),
    *_named(
        (_WORDS, ("word and byte", "word and the one before", "three words")),
        ("columns", ("column and byte above", "byte above and order 2")),
        ("fields", (
            "byte of the field above and field", "three bytes of the field above",
            "field and its beginning",
        )),
        (_CLASSES, (
            "punctuation of the line and word", "classes of eight bytes",
            "classes of six bytes and word",
        )),
        (_INDIRECT, ("bytes after the last two", "bytes after the last one")),
        (_EXPECTED, ("expected byte and its length", "both expected bytes")),
        ("fields", (
            "same field above", "field to the left", "two fields to the left", "first field",
            "punctuation of the line and field", "same field above and the one to the left",
            "same field above and offset",
        )),
        ("columns", ("bytes above of line and field", "two bytes above")),
        (_CLASSES, ("key and word", "number format and word")),
        (_WORDS, ("two words before",)),
        (_EXPECTED, ("bytes 2 and 3 back", "bytes 2 to 4 back", "byte 2 back")),
        (_CLASSES, ("punctuation of two lines", "high halves of six bytes")),
        (_WORDS, ("bracket's word", "word and the second before", "words one and three before")),
        ("fields", ("fields above and to the left", "bytes of the field above, field to the left")),
        (_TRAILS, (
            "after the same two fields", "in a line like this", "field above, whether it fits",
            "three expected bytes", "after the same two fields, offset, field to the left",
            "in a line like this, changes, punctuation",
        )),
    ),
)  # fmt: skip

_RECORD_CONTEXTS = (
    *_ORDERS,
    *_named(
        ("records", ("three above, byte, second to the right",)),
        (_INDIRECT, ("bytes after the last one", "only the bytes after the last two")),
        ("sparse", ("bytes 1 and 5 back", "byte 2 back")),
        ("sparse", ("position modulo 16", "bytes 1 and 3 back", "word and byte")),
        ("records", (
            "since the counter, above, byte", "three above",
        )),
        ("high bits", ("high halves of two bytes", "high bits of three bytes")),
        ("zeros and repeats", ("zeros and repeats of eight bytes",)),
        ("sparse", ("bytes 2 and 3 back", "bytes 4, 8 and 12 back, position modulo 4")),
        ("high bits", ("parts of two bytes, position modulo 2", "high bits of eight bytes")),
        ("sparse", ("position modulo 4", "bytes 1, 4 and 8 back, position modulo 4")),
        ("expected byte", ("expected byte and its length",)),
        ("sparse", ("bytes 3 and 4 back",)),
        ("sparse", ("bytes 2 and 4 back",)),
        ("zeros and repeats", ("zeros and repeats, bytes 3 and 4 back",)),
        (_INDIRECT, ("bytes after the last two",)),
        ("sparse", ("bytes 1 and 6 back",)),
        ("records", ("since the counter, above in the second length",)),
        ("numbers", (
            "high halves of bytes 3 and 4 back, position modulo 4",
            "parts of bytes 1, 4, 8 and 12 back, position modulo 4",
        )),
    ),
)  # fmt: skip

_CODE_CONTEXTS = (
    *_ORDERS,
    *_named(
        ("instructions", ("four opcodes before",)),
        ("sparse", ("byte 2 back",)),
        ("instructions", ("two opcodes before", "opcode and operand")),
        ("sparse", ("bytes 2 and 3 back",)),
        ("instructions", ("opcode, position modulo 16",)),
        (_INDIRECT, ("bytes after the last one",)),
        ("instructions", ("operand",)),
        (_INDIRECT, ("only the bytes after the last two",)),
        ("instructions", ("instruction and opcode before", "instruction before")),
        ("high bits", ("high bits of eight bytes",)),
        ("instructions", ("place and byte, position modulo 16",)),
        ("high bits", ("high bits of three bytes", "high halves of two bytes")),
        ("instructions", (
            "opcode, registers and operand", "register and operand", "instruction",
            "byte and opcode before", "the last registers", "registers before and now",
        )),
        ("zeros and repeats", ("zeros and repeats, bytes 3 and 4 back",)),
        ("sparse", ("bytes 3 and 4 back",)),
        ("instructions", ("two instructions before",)),
        (_INDIRECT, ("three bytes after the last two",)),
        ("instructions", ("three opcodes before, register",)),
        ("sparse", ("bytes 1 and 5 back",)),
        ("sparse", ("bytes 1 and 3 back",)),
    ),
)  # fmt: skip

_GUESSES = (
    "similar, slow", "similar, slow, and the difference of bytes 2 back",
    "similar, fast", "similar, fast, and the difference of bytes 2 back",
    "above", "above and the difference to the left", "slope", "second difference",
    "above in the second length", "above in both lengths",
    "slope of numbers above", "slope of numbers before", "byte", "byte 4 back",
    "expected by the short match", "expected by the long match",
    "after the last byte", "after the last two", "after byte 2 back", "after bytes 2 and 3 back",
    "after bytes 1 and 3 back", "after bytes 3 and 4 back", "after two above",
    "after the last three", "after bytes 4 and 8 back", "after phase and byte",
    "after the similar byte and the last one", "after high halves of four bytes",
)  # fmt: skip

_CONTROLS = bytes([*range(9), *range(14, 32)])


def _has_controls(data: bytes) -> bool:
    """Whether over 2 % are control bytes that text does not have."""
    return 50 * (len(data) - len(data.translate(None, _CONTROLS))) > len(data)


PROFILES = (
    Profile(
        TEXT, "text", (*_TEXT_CONTEXTS, *_BYTE_NGRAMS, *_TEXT_TAIL), 6, (9, 17, 25), 8000, 128,
        1625, "text", fast_level=0, stronger=LINES,
    ),
    Profile(
        BINARY, "binary", _BINARY_CONTEXTS, 6, (9, 17, 25), 8000, 128, 1625, "binary",
        fast_level=1, suits=_has_controls, stronger=RECORDS, both_pay=True,
    ),
    Profile(
        LINES, "lines", _LINES_CONTEXTS, 14, (24, 34, 51), 7000, 128, 812, "lines", _LINE_ENDS,
        finals=(2, 6, 13), even_maps=True, stronger=LINES,
        runs=(0, 2, 3, 4, 8, 9, 14, 23, 33, 35, 40, 46),
    ),
    Profile(
        RECORDS, "records", _RECORD_CONTEXTS, 14, (25, 33, 35), 3500, 64, 812, "records",
        maps=4, finals=(2, 9, 4), even_maps=True, early=3, longest_record=8192, learned_count=30,
        residuals=_GUESSES,
        stronger=RECORDS, runs=(1, 3, 8, 11, 13, 14, 17, 18, 19, 20, 24, 29),
    ),
    Profile(
        CODE, "code", _CODE_CONTEXTS, 14, (25, 33, 35), 3500, 64, 812, "code",
        maps=4, finals=(2, 9, 4), even_maps=True, early=3, learned_count=30, stronger=CODE,
        residuals=_GUESSES,
        runs=(1, 7, 8, 11, 12, 14, 17, 19, 20, 21, 23, 27),
    ),
)  # fmt: skip
"""The profiles for bytes, by number."""
TOKEN_PROFILE = Profile(
    TOKENS, "tokens", (*_TEXT_CONTEXTS, *_TOKEN_NGRAMS, *_TEXT_TAIL, *_TOKEN_TAIL), 13, (9, 17, 46),
    6000, 128, 406, "tokens", _LINE_ENDS, maps=2, even_maps=True, model_weight=3750,
    finals=(4, 6, 2), runs=(0, 3, 4, 7, 11, 15, 19, 31),
)  # fmt: skip
ALL = (*PROFILES, TOKEN_PROFILE)


def profile_of(number: int, tokens: bool = False) -> Profile:
    """The profile with a stored number, or the one of tokens."""
    return TOKEN_PROFILE if tokens else PROFILES[number]


def suiting(data: bytes) -> Profile:
    """The profile for `data` where time counts: the first that says so, else that of text."""
    return next((row for row in PROFILES if row.suits and row.suits(data)), PROFILES[TEXT])
