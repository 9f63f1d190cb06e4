"""Makes docs/errors.md from `edgezip.errors`.

python -m edgezip.cli.errors_doc > docs/errors.md
"""

from __future__ import annotations

import inspect
import sys

from edgezip import errors
from edgezip.errors import EdgezipError

_INTRODUCTION = """\
# Errors and exit codes

Made by `python -m edgezip.cli.errors_doc` from `edgezip/errors.py`; do not edit.

Every failure that edgezip foresees is an `edgezip.EdgezipError`. The command line prints it as
one line on stderr, `edgezip: FILE: message`, and ends with the exit code of its class. An output
file exists under its name only when it is complete, and inputs are not touched.

## Exit codes

| code | meaning |
|---|---|
| 0 | everything was done |
| 1 | input or output: missing, not writable, exists already, disk full |
| 2 | usage: unknown option, options that exclude each other, a value out of range |
| 3 | damaged, truncated, foreign or too new; `--recover` lost or `unpack` refused something |
| 4 | the model that is needed is missing, another one, or unusable |
| 5 | the engine cannot be loaded, failed its self-test, or is not the one the file needs |
| 6 | a limit such as `--max-output` would be exceeded |
| 7 | an optional package that the file needs is not installed |
| 128 + n | ended by signal n: 130 Ctrl-C, 143 SIGTERM, 141 the reader of a pipe has gone |

With several files, those after a failure are still done, and the exit code is that of the first
file that failed. A failure that edgezip does not foresee is one line and exit code 1, too;
`EDGEZIP_DEBUG=1` shows where it came from.

## Classes

A class derives from the one above it that is indented less. Python's own class in parentheses
catches it as well.

| class | code | meaning |
|---|---|---|
"""


def markdown() -> str:
    """The text of docs/errors.md."""
    return _INTRODUCTION + "".join(_rows(EdgezipError, 0))


def _rows(kind: type[EdgezipError], depth: int) -> list[str]:
    also = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]
    names = f"`{kind.__name__}`" + (f" (`{', '.join(also)}`)" if depth and also else "")
    meaning = " ".join((inspect.getdoc(kind) or "").split())
    rows = [f"| {'&nbsp;&nbsp;' * depth}{names} | {kind.exit_code} | {meaning} |\n"]
    children = [c for c in kind.__subclasses__() if c.__module__ == errors.__name__]
    for child in sorted(children, key=lambda c: (c.exit_code, c.__name__)):
        rows += _rows(child, depth + 1)
    return rows


if __name__ == "__main__":
    sys.stdout.write(markdown())
