"""What the commands and options are, read from the parser: for --help, man pages and shells.

Options are in groups, because `pack` has thirty. A new option that is not in `GROUPS` is under
"Other options".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from edgezip.cli.optiongroups import expanded

GROUPS = {
    "Files": (
        "output", "stdout", "force", "keep", "remove", "verify", "sparse", "recover", "max_output",
        "directory", "extract", "strip", "exclude", "files_from", "sort", "owner", "group", "mtime",
        "mirror", "resume",
        "recursive", "sizes", "cluster",
    ),
    "Compression": (
        "level", "coder", "streams", "frame_size", "content", "prime", "top_k", "media_level",
    ),
    "Language model": (
        "model", "models", "engine", "gpu_layers", "window", "keep_tokens", "evict_tokens", "span",
    ),
    "Kernels": ("package", "processors"),
    "What is shown": (
        "tokens", "coders", "limit", "prefix", "length", "seed", "peers", "levels",
    ),
    "Messages and threads": ("quiet", "verbose", "json", "threads", "jobs", "help"),
}  # fmt: skip
_F = TypeVar("_F", bound=Callable[..., Any])
OTHER = "Other options"


@dataclass(frozen=True, slots=True)
class OptionText:
    """An option: its names, short ones first; `value` is None for a flag."""

    names: tuple[str, ...]
    value: str | None
    choices: tuple[str, ...]
    text: str
    group: str

    @property
    def head(self) -> str:
        """Names and value as --help shows them."""
        joint = " " if self.value else ""
        return ", ".join(self.names) + joint + (self.value or "")


@dataclass(frozen=True, slots=True)
class CommandText:
    """A command; `arguments` are as in a usage line, `commands` those below it."""

    name: str
    short: str
    text: str
    epilog: str
    arguments: str
    options: tuple[OptionText, ...]
    commands: tuple[CommandText, ...]
    hidden: bool

    @property
    def visible(self) -> list[CommandText]:
        """The commands below it that are shown."""
        return [command for command in self.commands if not command.hidden]


def described(command: Any, name: str) -> CommandText:
    """Return what Click knows about `command` and those below it."""
    parameters = list(command.params)
    arguments = [_argument(p) for p in parameters if p.param_type_name == "argument"]
    below = getattr(command, "commands", {})
    return CommandText(
        name,
        (command.short_help or "").strip() or command.get_short_help_str(72),
        " ".join((command.help or "").replace("\f", "").split(" ")).strip(),
        (command.epilog or "").strip(),
        " ".join(["COMMAND", "..."] if below else arguments),
        tuple(sorted(map(_option, _options(parameters)), key=lambda option: _place(option.group))),
        tuple(described(value, key) for key, value in below.items()),
        bool(command.hidden),
    )


def _options(parameters: list[Any]) -> Iterator[Any]:
    for parameter in parameters:
        if parameter.param_type_name == "option" and not parameter.hidden:
            yield parameter


def _option(parameter: Any) -> OptionText:
    names = sorted([*parameter.opts, *parameter.secondary_opts], key=lambda n: n.startswith("--"))
    default = parameter.default  # Click's type has moved between versions of Typer
    choices = tuple(str(c.value) for c in type(default)) if isinstance(default, Enum) else ()
    value = None
    if not parameter.is_flag:
        value = "|".join(choices) or parameter.metavar or "VALUE"
    text = parameter.help or ""
    if isinstance(default, Enum):
        text += f" (default: {default.value})"
    if parameter.name == "level":
        names.insert(0, "-1 ... -9")
    return OptionText(tuple(names), value, choices, text, group_of(parameter.name))


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    many = "..." if parameter.nargs == -1 else ""
    return f"{name}{many}" if parameter.required else f"[{name}{many}]"


def group_of(name: str) -> str:
    """The group of an option, by the name of its parameter."""
    for group, names in GROUPS.items():
        if name in names:
            return group
    return OTHER


def _place(group: str) -> int:
    return [*GROUPS, OTHER].index(group)


class Command(TyperCommand):
    """A command whose --help has the options in groups and no types of Python."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the usage line."""
        arguments = [_argument(p) for p in self.params if p.param_type_name == "argument"]
        formatter.write_usage(ctx.command_path, " ".join(["[OPTIONS]", *arguments]))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        parameters: list[Any] = list(self.get_params(ctx))
        rows = [
            (_argument(p), p.help)
            for p in parameters
            if p.param_type_name == "argument" and getattr(p, "help", None)
        ]
        _section(formatter, "Arguments", rows)
        options = list(map(_option, _options(parameters)))
        used = {option.group for option in options}
        for group in [*GROUPS, OTHER]:
            rows = [(option.head, option.text) for option in options if option.group == group]
            _section(formatter, "Options" if len(used) == 1 else group, rows)


def _section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


class App(typer.Typer):
    """A Typer whose commands are of this kind."""

    def command(self, *names: Any, **settings: Any) -> Callable[[_F], _F]:
        """As `Typer.command`; parameters may be groups of options."""
        register = super().command(*names, **{"cls": Command, **settings})

        def add(command: _F) -> _F:
            register(expanded(command))
            return command

        return add
