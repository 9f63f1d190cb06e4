"""Man pages and completion for shells, made from the parser: `edgezip manual FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main

import edgezip
from edgezip.cli.completion import bash, fish, zsh
from edgezip.cli.console import write_line
from edgezip.cli.helptext import App, CommandText, described
from edgezip.cli.verbs import FILTERS
from edgezip.errors import InputError


def write_manual(folder: str, app: App) -> int:
    """Write all of it below `folder`, as below /usr/share; returns the exit code."""
    try:
        for name, text in files(app).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            write_line(sys.stdout, str(path))
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
    return 0


def files(app: App) -> dict[str, str]:
    """Return the content of every file by its name, for the commands of `app`."""
    command: Any = typer.main.get_command(app)
    program = described(command, "edgezip")
    pages = {f"man/man1/{name}.1": page for name, page in man_pages(program)}
    return pages | {
        "bash-completion/completions/edgezip": bash(program),
        "zsh/site-functions/_edgezip": zsh(program),
        "fish/vendor_completions.d/edgezip.fish": fish(program),
    }


def man_pages(program: CommandText) -> Iterator[tuple[str, str]]:
    """Yield name and text of the program's page and of each command's."""
    commands = program.visible
    see = [f"edgezip-{command.name}" for command in commands]
    body = [
        ".SH SYNOPSIS", ".B edgezip", r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIFILE\fR...]", ".br",
        ".B edgezip", r"[\fB\-d\fR|\fB\-z\fR|\fB\-t\fR|\fB\-l\fR] [\fIOPTIONS\fR] [\fIFILE\fR...]",
        ".SH DESCRIPTION", _roff(program.text), ".PP", _roff(program.epilog),
        ".SH COMMANDS", *_items((f"edgezip-{c.name}(1)", c.short) for c in commands),
        ".SH AS A FILTER", *_items(FILTERS.items()),
    ]  # fmt: skip
    yield "edgezip", _page("edgezip", program.text.split(". ")[0], body, see)
    for command in commands:
        body = [".SH SYNOPSIS", rf".B edgezip {command.name}", _roff(command.arguments)]
        body += [".SH DESCRIPTION", _roff(command.text), *_option_sections(command)]
        for below in command.commands:
            body += [f".SH {_roff(below.name).upper()}", _roff(below.text)]
            body += _items((option.head, option.text) for option in below.options)
        yield (
            f"edgezip-{command.name}",
            _page(f"edgezip-{command.name}", command.short, body, ["edgezip"]),
        )


def _page(name: str, about: str, body: list[str], see: list[str]) -> str:
    head = [
        f'.TH "{name.upper()}" 1 "" "edgezip {edgezip.__version__}" "User Commands"',
        ".SH NAME",
        rf"{_roff(name)} \- {_roff(about.rstrip('.'))}",
    ]
    also = ".SH SEE ALSO\n" + ", ".join(rf"\fB{_roff(other)}\fR(1)" for other in see)
    return "\n".join([*head, *body, also]) + "\n"


def _option_sections(command: CommandText) -> list[str]:
    lines: list[str] = []
    group = ""
    for option in command.options:
        if option.group != group:
            group = option.group
            lines.append(f'.SH "{group.upper()}"')
        lines += _items([(option.head, option.text)])
    return lines


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for head, text in rows for line in (".TP", rf"\fB{_roff(head)}\fR", _roff(text))]


def _roff(text: str) -> str:
    """`text` without anything that roff would take for a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    paragraphs = [" ".join(part.split()) for part in escaped.split("\n\n")]
    return "\n.PP\n".join(rf"\&{part}" if part[:1] in (".", "'") else part for part in paragraphs)
