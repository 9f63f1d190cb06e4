"""Completion for bash, zsh and fish, made from the parser.

Behind `edgezip` stand commands, and files: without a command it is a filter, with the options of
`pack`. Where -d, -t or -l are among them, only what is packed is offered.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgezip.cli.helptext import CommandText, OptionText
from edgezip.cli.verbs import FILTERS

_PACKED = ("unpack", "cat", "test", "list", "info")
"""Commands whose files end in .ez."""

_BASH = r"""# bash completion for edgezip, made by `edgezip manual`
_edgezip() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local command= below= options= words= only= packed= files=1 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      @NAMES@) command=${COMP_WORDS[i]}; break ;;
      --*) ;;
      -*[dtl]*) packed=1 ;;
      -*) ;;
      *) break ;;
    esac
  done
  below=${COMP_WORDS[i+1]}
  [ $((i + 1)) -lt $COMP_CWORD ] || below=
  case $command in
@COMMANDS@
    *) options="@FILTER@"
       [ $i = $COMP_CWORD ] && [ -z "$packed" ] && words="@WORDS@" ;;
  esac
  case $command in @PACKED@) packed=1 ;; esac
  case $prev in
@VALUES@
  esac
  COMPREPLY=()
  if [ -z "$only" ] && [[ $cur = -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ -n "$only" ] || [ -z "$files" ] && return
  compopt -o filenames 2>/dev/null
  local IFS=$'\n'
  if [ -n "$packed" ]; then
    COMPREPLY+=($(compgen -f -X '!*.ez' -- "$cur") $(compgen -d -- "$cur"))
  elif [ $COMP_CWORD -gt 1 ] || [ -z "$COMPREPLY" ]; then
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -F _edgezip edgezip
"""

_ZSH = r"""#compdef edgezip
# zsh completion for edgezip, made by `edgezip manual`
_edgezip() {
  local -a commands
  local command= packed= files=_files i
  commands=(
@COMMANDS@
  )
  for (( i = 2; i < CURRENT; i++ )); do
    case $words[i] in
      @NAMES@) command=$words[i]; break ;;
      --*) ;;
      -*[dtl]*) packed=1 ;;
      -*) ;;
      *) break ;;
    esac
  done
  [[ -n $packed ]] && files='_files -g "*.ez(-.)"'
  if [[ -z $command ]]; then
    (( i == CURRENT )) && [[ -z $packed && $PREFIX != -* ]] && _describe command commands
    _arguments -s \
      @FILTER@
    return
  fi
  words=("${(@)words[i,-1]}")
  (( CURRENT -= i - 1 ))
  case $command in
@CASES@
  esac
}
if [ "$funcstack[1]" = _edgezip ]; then _edgezip "$@"; else compdef _edgezip edgezip; fi
"""

_FISH = r"""# fish completion for edgezip, made by `edgezip manual`
function __edgezip_packed
  for word in (commandline -opc)
    switch $word
      case edgezip '--*'
      case '-*d*' '-*t*' '-*l*'
        return 0
      case '-*'
      case '*'
        return 1
    end
  end
  return 1
end
"""


def _names(option: OptionText) -> list[str]:
    return [name for name in option.names if name.startswith("-") and " " not in name]


def _options(command: CommandText) -> dict[str, OptionText]:
    """The options of a command and of those below it, by name."""
    return {
        name: option
        for item in (command, *command.commands)
        for option in item.options
        for name in _names(option)
    }


def _of_files(command: CommandText) -> list[str]:
    """The commands below it that take files."""
    return [item.name for item in command.commands if "FILE" in item.arguments]


def _filter_options(program: CommandText) -> dict[str, OptionText]:
    (pack,) = (command for command in program.commands if command.name == "pack")
    own = {name: option for option in program.options for name in _names(option)}
    return _options(pack) | own


def _filled(template: str, **parts: str) -> str:
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


def bash(program: CommandText) -> str:
    """Return a completion function for bash."""
    cases, values = [], set[str]()
    for command in program.visible:
        actions = [f'options="{" ".join(_options(command))}"']
        if command.commands:
            below = " ".join(item.name for item in command.commands)
            actions.append(f'[ -z "$below" ] && words="{below}"')
            of_files = "|".join(_of_files(command))
            actions.append(f"case $below in {of_files}) ;; *) files= ;; esac")
        cases.append(f"    {command.name}) {'; '.join(actions)} ;;")
        for option in command.options:
            if option.choices:
                words = " ".join(option.choices)
                values.add(f'    {"|".join(_names(option))}) words="{words}"; only=1 ;;')
    names = [command.name for command in program.visible]
    return _filled(
        _BASH,
        NAMES="|".join(names),
        WORDS=" ".join(names),
        COMMANDS="\n".join(cases),
        FILTER=" ".join([*FILTERS, *_filter_options(program)]),
        PACKED="|".join(_PACKED),
        VALUES="\n".join(sorted(values)),
    )


def zsh(program: CommandText) -> str:
    """Return a completion function for zsh."""
    described = (
        f"    {_quoted(f'{command.name}:{_plain(command.short)}')}" for command in program.visible
    )
    joint = " \\\n      "
    cases = []
    for command in program.visible:
        lines = list(_zsh_options(_options(command)))
        files = '_files -g "*.ez(-.)"' if command.name in _PACKED else "_files"
        if command.commands:
            below = " ".join(item.name for item in command.commands)
            lines.append(_quoted(f"1:command:({below})"))
            files = f"{{[[ $words[2] = ({'|'.join(_of_files(command))}) ]] && _files}}"
        lines.append(_quoted(f"*:file:{files}"))
        cases.append(f"    {command.name}) _arguments -s{joint}{joint.join(lines)} ;;")
    filters = [_quoted(f"{name}[{_plain(text)}]") for name, text in FILTERS.items()]
    filters += [*_zsh_options(_filter_options(program)), '"*:file:$files"']
    return _filled(
        _ZSH,
        NAMES="|".join(command.name for command in program.visible),
        COMMANDS="\n".join(described),
        FILTER=joint.join(filters),
        CASES="\n".join(cases),
    )


def _zsh_options(options: dict[str, OptionText]) -> Iterator[str]:
    for name, option in options.items():
        value = ""
        if option.choices:
            value = f":value:({' '.join(option.choices)})"
        elif option.value is not None:
            value = f":{option.value.lower()}:" + (
                "_files" if option.value in ("FILE", "MODEL", "DIR") else " "
            )
        yield _quoted(f"{name}[{_plain(option.text)}]{value}")


def fish(program: CommandText) -> str:
    """Return completions for fish."""
    lines = []
    first = "__fish_use_subcommand"
    for name, text in FILTERS.items():
        lines.append(f"complete -c edgezip -n {first} -s {name[1:]} -d {_quoted(_plain(text))}")
    suffix = "-f -k -a '(__fish_complete_suffix .ez)'"
    lines.append(f"complete -c edgezip -n __edgezip_packed {suffix}")
    lines += _fish_options(f"'{first}; or __edgezip_packed'", _filter_options(program))
    for command in program.visible:
        lines.append(
            f"complete -c edgezip -n '{first}; and not __edgezip_packed' -a {command.name}"
            f" -d {_quoted(_plain(command.short))}"
        )
        seen = f"__fish_seen_subcommand_from {command.name}"
        if command.name in _PACKED:
            lines.append(f"complete -c edgezip -n '{seen}' {suffix}")
        below = " ".join(item.name for item in command.commands)
        for item in command.commands:
            about = _quoted(_plain(item.short))
            only = f"'{seen}; and not __fish_seen_subcommand_from {below}'"
            lines.append(f"complete -c edgezip -n {only} -f -a {item.name} -d {about}")
            if item.name not in _of_files(command):
                behind = f"'{seen}; and __fish_seen_subcommand_from {item.name}'"
                lines.append(f"complete -c edgezip -n {behind} -f")
        lines += _fish_options(f"'{seen}'", _options(command))
    return _FISH + "\n".join(lines) + "\n"


def _fish_options(condition: str, options: dict[str, OptionText]) -> Iterator[str]:
    for option in dict.fromkeys(options.values()):
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
        yield f"complete -c edgezip -n {condition} {names}{value} -d {about}"


def _plain(text: str) -> str:
    """`text` without what zsh gives a meaning to in a description."""
    return text.translate({ord(c): " " for c in "[]\\`$"}).replace("  ", " ").strip()


def _quoted(text: str) -> str:
    """`text` as a word of all three shells: without its apostrophes, if it has any."""
    return "'" + text.replace("'", "\u2019") + "'"
