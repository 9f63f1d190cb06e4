"""Calls in the manner of gzip, xz and zstd, made into a command of edgezip and its options.

    edgezip -dc FILE, edgezip -t FILE, edgezip -T1 -d, edgezip -9, edgezip -q pack FILE

`-d`, `-z`, `-t` and `-l` may stand anywhere among the options and be combined with others; the last
one counts. As in zstd, an option that means nothing to the command is then no mistake: `tar -I
'edgezip -9'` calls `edgezip -9 -d`, too. Who names the command gets to hear about it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_SHORT = {"d": "unpack", "z": "pack", "t": "test", "l": "list"}
FILTERS = {
    "-d": "Decompress (edgezip unpack).",
    "-z": "Compress (edgezip pack; the default).",
    "-t": "Test (edgezip test).",
    "-l": "List (edgezip list).",
}
"""What manual and completion say about them."""
_LONG = {
    "--decompress": "unpack",
    "--uncompress": "unpack",
    "--compress": "pack",
    "--test": "test",
    "--list": "list",
}
_LEVELS = {"--fast": "1", "--best": "9"}
"""What gzip and xz call their levels at both ends."""
_VERSION = {"-V", "--version"}
_OF_THE_PROGRAM = {"-h", "--help", "-V", "--version", "--install-completion", "--show-completion"}
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class _Known:
    """The options of a command: for each name whether it takes a value."""

    takes_value: Mapping[str, bool]

    @classmethod
    def of(cls, command: Any) -> _Known:
        """Read them from Click's parser."""
        found = {"-h": False, "--help": False}
        for parameter in command.params:
            flag = getattr(parameter, "is_flag", True)
            if parameter.param_type_name == "option":
                for name in (*parameter.opts, *parameter.secondary_opts):
                    found[name] = not flag
        return cls(found)


@dataclass(slots=True)
class _Call:
    """A command line, taken apart."""

    verb: str | None = None
    options: list[tuple[str, list[str]]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def ask(self, verb: str) -> None:
        """Take a flag that stands for a verb; `-l` lists sizes, whatever is in the files."""
        self.verb = verb
        if verb == "list":
            self.options.append(("--sizes", []))


def as_command(
    argv: list[str], commands: Mapping[str, Any], filters: Callable[[], bool]
) -> list[str]:
    """Return `argv` with a command in front; as it is where that cannot be told.

    Args:
        argv: arguments without the program's name.
        commands: Click's commands by name.
        filters: whether a call without arguments has data to work on.
    """
    if not argv:
        return ["pack"] if filters() else argv
    if argv[0] in commands:
        return [argv[0], *_with_levels(argv[1:], commands[argv[0]])]
    names = ("pack", "unpack", "test", "list")
    known = _Known(
        {k: v for name in names for k, v in _Known.of(commands[name]).takes_value.items()}
    )
    call = _taken_apart(argv, known.takes_value)
    used = {name for name, _ in call.options}
    if used & _VERSION:
        return ["--version"]
    if call.verb is None:
        if call.files and call.files[0] in commands:  # options in front of the command
            name, *files = call.files
            return [name, *_joined(call.options), *files]
        if used and used <= _OF_THE_PROGRAM:
            return argv
        if not call.options and not all(map(_exists, call.files)):
            return argv  # a command that does not exist, rather than a file
    verb = call.verb or "pack"
    own = _Known.of(commands[verb]).takes_value
    kept = [
        option for option in call.options if option[0] in own or option[0] not in known.takes_value
    ]
    return [verb, *_joined(kept), "--", *call.files]


def _exists(name: str) -> bool:
    return name == "-" or os.path.lexists(name)


def _joined(options: Iterable[tuple[str, list[str]]]) -> list[str]:
    return [text for name, values in options for text in (name, *values)]


def _taken_apart(argv: list[str], takes_value: Mapping[str, bool]) -> _Call:
    """Options with their values, files, and which verb was asked for."""
    call = _Call()
    rest = iter(argv)
    for token in rest:
        if token == "--":
            call.files += rest
        elif token == "-" or not token.startswith("-"):
            call.files.append(token)
        elif token.startswith("--"):
            name, equals, value = token.partition("=")
            if name in _LONG and not equals:
                call.ask(_LONG[name])
            elif token in _LEVELS:
                call.options.append(("--level", [_LEVELS[token]]))
            elif equals:
                call.options.append((name, [value]) if takes_value.get(name) else (token, []))
            else:
                call.options.append((name, _value(takes_value.get(name, False), rest)))
        else:
            _letters(token[1:], rest, takes_value, call)
    return call


def _letters(
    letters: str, rest: Iterable[str], takes_value: Mapping[str, bool], call: _Call
) -> None:
    """Options of one letter behind one "-"; what follows one that takes a value is the value."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _SHORT:
            call.ask(_SHORT[letter])
        elif letter in _DIGITS:
            while letters and letters[0] in _DIGITS:
                letter, letters = letter + letters[0], letters[1:]
            if int(letter):  # 0 is the default, as in zstd, and what is above 9 is 9
                call.options.append(("--level", [str(min(int(letter), 9))]))
        elif takes_value.get(f"-{letter}"):
            call.options.append((f"-{letter}", [letters] if letters else _value(True, rest)))
            return
        else:
            call.options.append((f"-{letter}", []))


def _value(wanted: bool, rest: Iterable[str]) -> list[str]:
    """The next argument, where there is one: Click complains otherwise."""
    return [value for value in [next(iter(rest), None)] if value is not None] if wanted else []


def _with_levels(argv: list[str], command: Any) -> list[str]:
    """`-9` and `-9c` behind a command that has levels; the rest is left to Click."""
    takes_value = _Known.of(command).takes_value
    if "--level" not in takes_value:
        return argv
    out: list[str] = []
    rest = iter(argv)
    for token in rest:
        if token == "--":
            return [*out, token, *rest]
        if token in _LEVELS:
            out += ["--level", _LEVELS[token]]
            continue
        short = len(token) > 1 and token[0] == "-" and token[1] != "-"
        if not short or not _DIGITS & set(token):
            out += [token, *_value(takes_value.get(token, False), rest)]
            continue
        call = _Call()
        _letters(token[1:], rest, takes_value, call)
        if call.verb is not None:  # -9d: not an option here
            return argv
        out += _joined(call.options)
    return out
