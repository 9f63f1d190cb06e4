"""From arguments to an exit code: everything that can end the program passes here."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from edgezip import streams
from edgezip.aborts import before_abort
from edgezip.atomic import remove_unfinished
from edgezip.cli import signals
from edgezip.cli.console import Console, describe, is_terminal, printable, write_line
from edgezip.cli.verbs import as_command
from edgezip.errors import EngineError

_BROKEN_PIPE = 128 + int(getattr(signal, "SIGPIPE", 13))
_USAGE = 2
Job = Callable[[], int]


def run(argv: list[str]) -> int:
    """Run the command line. Never raises an `Exception`."""
    _prepare_streams()
    before_abort(_end_at_once)
    try:
        with signals.handled():
            try:
                return _run(argv)
            finally:
                remove_unfinished()
    except signals.Interrupted as stop:
        if is_terminal(sys.stderr):  # a shell says nothing about exit codes
            write_line(sys.stderr, f"edgezip: {stop.word}")
        return stop.exit_code
    except BrokenPipeError:
        _silence(sys.stdout)
        return _BROKEN_PIPE
    except Exception as error:
        # What concerns one file is reported with its name; this is the rest.
        write_line(sys.stderr, printable(f"edgezip: {describe(error)[0]}"))
        if os.environ.get("EDGEZIP_DEBUG"):
            raise
        return describe(error)[1]
    finally:
        remove_unfinished()


def _end_at_once() -> None:
    """A library is about to abort the process: leave as after an error of the engine."""
    remove_unfinished()
    os._exit(EngineError.exit_code)


def _run(argv: list[str]) -> int:
    job = _parse(argv)
    code = job if isinstance(job, int) else job()
    if sys.stdout is not None and not sys.stdout.closed:
        try:
            streams.flush(sys.stdout)
        except BrokenPipeError:
            raise
        except OSError as error:
            _silence(sys.stdout)
            return Console().fail("(stdout)", error)
    return code


def _parse(argv: list[str]) -> int | Job:
    """Let Typer read the arguments: a job to do, or an exit code when nothing is left to do."""
    import typer.main

    from edgezip.cli.app import app

    try:
        command: Any = typer.main.get_command(app)
        args = as_command(argv, command.commands, _is_a_filter)
        found = command.main(args, prog_name="edgezip", standalone_mode=False)
    except Exception as error:
        # Typer's own class moved between versions; only usage errors have this method.
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        said = str(explain()).replace("No such command", "No such file or command")
        text = f"edgezip: {said} (see edgezip --help)"
        write_line(sys.stderr, printable(text))
        return _USAGE
    return found if callable(found) else int(found or 0)


def _is_a_filter() -> bool:
    """Whether a call without arguments has data to work on, as `tar -I edgezip` makes it."""
    return not (is_terminal(sys.stdin) or is_terminal(sys.stdout))


def _prepare_streams() -> None:
    """Occupy closed standard descriptors and let every text be printed.

    Otherwise the first file opened could get number 1 or 2, and messages would be written to it.
    """
    if os.name == "posix":
        for descriptor in range(3):
            try:
                os.fstat(descriptor)
            except OSError:
                # Opens as the lowest free number, which is this one.
                os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _silence(stream: object) -> None:
    """Keep the interpreter from flushing to a broken stream when it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()  # type: ignore[attr-defined]
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, number)
        os.close(devnull)
