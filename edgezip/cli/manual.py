"""Man pages and completion for shells, made from the parser: `edgezip manual FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main

import edgezip
from edgezip.cli.console import write_line
from edgezip.cli.helptext import App, CommandText, OptionText, described
from edgezip.errors import InputError

_PACKED = ("unpack", "cat", "test", "list", "info")
"""Commands whose files end in .ez."""
_ALIASES = {
    "-d": "Decompress (edgezip unpack).",
    "-z": "Compress (edgezip pack; the default).",
    "-t": "Test (edgezip test).",
    "-l": "List (edgezip list).",
}


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


def _visible(program: CommandText) -> list[CommandText]:
    return [command for command in program.commands if not command.hidden]


# --- man pages ---


def man_pages(program: CommandText) -> Iterator[tuple[str, str]]:
    """Yield name and text of the program's page and of each command's."""
    commands = _visible(program)
    see = [f"edgezip-{command.name}" for command in commands]
    body = [
        ".SH SYNOPSIS", ".B edgezip", r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIFILE\fR...]", ".br",
        ".B edgezip", r"[\fB\-d\fR|\fB\-z\fR|\fB\-t\fR|\fB\-l\fR] [\fIOPTIONS\fR] [\fIFILE\fR...]",
        ".SH DESCRIPTION", _roff(program.text), ".PP", _roff(program.epilog),
        ".SH COMMANDS", *_items((f"edgezip-{c.name}(1)", c.short) for c in commands),
        ".SH AS A FILTER", *_items(_ALIASES.items()),
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


# --- completion ---


def _names(option: OptionText) -> list[str]:
    return [name for name in option.names if name.startswith("-") and " " not in name]


def bash(program: CommandText) -> str:
    """Return a completion function for bash."""
    commands = _visible(program)
    cases, values = [], set[str]()
    for command in commands:
        words = [name for option in command.options for name in _names(option)]
        below = " ".join(c.name for c in command.commands)
        cases.append(f'    {command.name}) options="{" ".join(words)}"; words="{below}" ;;')
        for option in command.options:
            if option.choices:
                names = "|".join(_names(option))
                values.add(f'    {names}) words="{" ".join(option.choices)}"; only=1 ;;')
    names = " ".join(c.name for c in commands)
    filters = " ".join(_ALIASES)
    return f"""# bash completion for edgezip, made by `edgezip manual`
_edgezip() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= options= words= only= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {names.replace(" ", "|")}) command=${{COMP_WORDS[i]}}; break ;;
      -*) ;;
      *) break ;;
    esac
  done
  case $command in
{chr(10).join(cases)}
    *) options="{filters} --help --version"; [ $COMP_CWORD = 1 ] && words="{names}" ;;
  esac
  case $prev in
{chr(10).join(sorted(values))}
  esac
  COMPREPLY=()
  if [ -z "$only" ] && [[ $cur = -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ -n "$only" ] && return
  compopt -o filenames 2>/dev/null
  local IFS=$'\\n'
  case $command in
    {"|".join(_PACKED)})
      COMPREPLY+=($(compgen -f -X '!*.ez' -- "$cur") $(compgen -d -- "$cur")) ;;
    *) [ $COMP_CWORD -gt 1 ] && COMPREPLY+=($(compgen -f -- "$cur")) ;;
  esac
}}
complete -F _edgezip edgezip
"""


def zsh(program: CommandText) -> str:
    """Return a completion function for zsh."""
    commands = _visible(program)
    names = "\n".join(f"    {_quoted(f'{c.name}:{_plain(c.short)}')}" for c in commands)
    cases = []
    for command in commands:
        lines = [line for option in command.options for line in _zsh_option(option)]
        if command.commands:
            below = " ".join(c.name for c in command.commands)
            lines.append(_quoted(f"1:command:({below})"))
        files = '_files -g "*.ez(-.)"' if command.name in _PACKED else "_files"
        lines.append(_quoted(f"*:file:{files}"))
        cases.append(
            f"    {command.name}) _arguments -s \\\n      " + " \\\n      ".join(lines) + " ;;"
        )
    return f"""#compdef edgezip
# zsh completion for edgezip, made by `edgezip manual`
_edgezip() {{
  local -a commands
  commands=(
{names}
  )
  if (( CURRENT == 2 )); then
    [[ $PREFIX = -* ]] || _describe command commands
    _files
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{chr(10).join(cases)}
    *) _files ;;
  esac
}}
if [ "$funcstack[1]" = _edgezip ]; then _edgezip "$@"; else compdef _edgezip edgezip; fi
"""


def _zsh_option(option: OptionText) -> Iterator[str]:
    for name in _names(option):
        value = ""
        if option.choices:
            value = f":value:({' '.join(option.choices)})"
        elif option.value is not None:
            value = f":{option.value.lower()}:" + (
                "_files" if option.value in ("FILE", "MODEL") else " "
            )
        yield _quoted(f"{name}[{_plain(option.text)}]{value}")


def fish(program: CommandText) -> str:
    """Return completions for fish."""
    commands = _visible(program)
    lines = ["# fish completion for edgezip, made by `edgezip manual`"]
    first = "__fish_use_subcommand"
    for name, text in _ALIASES.items():
        lines.append(f"complete -c edgezip -n {first} -s {name[1:]} -d {_quoted(_plain(text))}")
    for command in commands:
        lines.append(
            f"complete -c edgezip -n {first} -a {command.name} -d {_quoted(_plain(command.short))}"
        )
        seen = f"'__fish_seen_subcommand_from {command.name}'"
        for below in command.commands:
            about = _quoted(_plain(below.short))
            lines.append(f"complete -c edgezip -n {seen} -x -a {below.name} -d {about}")
        for option in command.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in _names(option)
            )
            value = ""
            if option.choices:
                value = f" -x -a {_quoted(' '.join(option.choices))}"
            elif option.value is not None:
                value = " -r"
            about = _quoted(_plain(option.text))
            lines.append(f"complete -c edgezip -n {seen} {names}{value} -d {about}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """`text` without what zsh gives a meaning to in a description."""
    return text.translate({ord(c): " " for c in "[]:\\`$"}).replace("  ", " ").strip()


def _quoted(text: str) -> str:
    """`text` as a word of all three shells: without its apostrophes, if it has any."""
    return "'" + text.replace("'", "\u2019") + "'"
