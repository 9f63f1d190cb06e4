"""What the user gets to read: messages, results, JSON. Names are made safe to print."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from edgezip import streams
from edgezip.cli import signals
from edgezip.errors import EdgezipError, EngineError

DEBUG_VARIABLE = "EDGEZIP_DEBUG"


def printable(text: str) -> str:
    """`text` with everything that could steer a terminal or fake a second line escaped."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that is no UTF-8, as Python carries it in file names (surrogateescape).
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


@dataclass(slots=True)
class Tally:
    """What several files came to. Several threads may add to it.

    Attributes:
        files: how many there are.
        failed, skipped: how many of them failed, or were done before.
        raw_size, packed_size: bytes of the others.
    """

    files: int
    failed: int = 0
    skipped: int = 0
    raw_size: int = 0
    packed_size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, raw_size: int, packed_size: int) -> None:
        """A file that went well."""
        with self._lock:
            self.raw_size += raw_size
            self.packed_size += packed_size

    def skip(self) -> None:
        """A file that was done before."""
        with self._lock:
            self.skipped += 1

    def ended(self, code: int) -> None:
        """A file with its exit code."""
        with self._lock:
            self.failed += bool(code)


class BatchBar(Protocol):
    """The bar of a batch: `progress.Overall`."""

    def file(self, action: str, name: str, total: int | None) -> Callable[[int], None]:
        """What takes the progress of one file."""

    def ended(self, name: str) -> None:
        """A file is done, or has failed."""


@dataclass(frozen=True, slots=True)
class Console:
    """Where results and messages go.

    Attributes:
        quiet: only errors.
        verbose: more detail in results.
        json: one JSON object per file instead of text.
        data_on_stdout: stdout carries file content, so JSON goes to stderr.
        tally: what all files of a batch come to; None for a single file.
        overall: the bar of a batch that is drawn; None for none.
    """

    quiet: bool = False
    verbose: bool = False
    json: bool = False
    data_on_stdout: bool = False
    tally: Tally | None = field(default=None, compare=False)
    overall: BatchBar | None = field(default=None, compare=False)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar makes sense: somebody looks at stderr."""
        return not self.quiet and is_terminal(sys.stderr) and not self._is_a_filter

    @property
    def _is_a_filter(self) -> bool:
        """Whether content goes to another program, or to the terminal: as zstd, nothing is said
        then without --verbose."""
        return self.data_on_stdout and not self.verbose and not _is_file(sys.stdout)

    def note(self, text: str) -> None:
        """A line about a file that went well, for who looks at a terminal or asks with --verbose.

        Whatever else is on stderr of a script counts as a complaint: cron and logrotate report it.
        """
        told = self.verbose or (is_terminal(sys.stderr) and not self._is_a_filter)
        if told and not (self.quiet or self.json):
            write_line(sys.stderr, printable(text))

    def warn(self, name: str, text: str) -> None:
        """A line about something the user should know, also with --quiet."""
        write_line(sys.stderr, printable(f"edgezip: {label(name)}: {text}"))

    def result(self, value: dict[str, Any]) -> None:
        """The JSON object of one file, if --json was given."""
        if self.json:
            write_line(sys.stderr if self.data_on_stdout else sys.stdout, json.dumps(value))

    def fail(self, name: str, error: Exception) -> int:
        """Report what went wrong with the file `name`; returns the exit code. Raises
        `signals.Interrupted` if it came of a signal."""
        signals.check()
        message, code = describe(error)
        message = message.removeprefix(f"{name}: ")
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exception(error)
        if self.json:
            problem = {"type": type(error).__name__, "message": message, "exit_code": code}
            self.result({"file": name, "error": problem})
        if not (self.json and self.data_on_stdout):
            self.warn(name, message)
        return code


def label(name: str) -> str:
    """How messages call the file `name`."""
    return "(stdin)" if name == "-" else name


def describe(error: Exception) -> tuple[str, int]:
    """One line about `error` and the exit code it stands for."""
    if isinstance(error, EdgezipError):
        return str(error) or type(error).__name__, error.exit_code
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        where = f"{os.fsdecode(error.filename)}: " if _is_name(error.filename) else ""
        return where + reason, 1
    if isinstance(error, MemoryError):
        return "not enough memory; a smaller --frame-size or fewer --streams need less", 1
    text = " ".join(str(error).split())
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        # Of a package that was installed, so the reason is mostly a limit of memory.
        return f"a library cannot be loaded: {text}", EngineError.exit_code
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"internal error: {what} (set {DEBUG_VARIABLE}=1 to see where)", 1


def _is_name(filename: object) -> bool:
    return isinstance(filename, (str, bytes))


def for_each(names: Iterable[str], console: Console, work: Callable[[str], int]) -> int:
    """Do `work` for every file, also after one has failed.

    Returns:
        The exit code of the first file that failed, or 0.
    """
    code = 0
    for name in names:
        try:
            found = work(name)
        except BrokenPipeError:
            # The reader of stdout has gone; there is nobody left to work for.
            raise
        except Exception as error:
            found = console.fail(name, error)
        code = code or found
    return code


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody sits in front of `stream`."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _is_file(stream: TextIO | None) -> bool:
    """Whether `stream` is a file, or something that has no descriptor."""
    try:
        mode = os.fstat(stream.fileno()).st_mode if stream is not None else 0
    except (OSError, ValueError):
        return True
    return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode))


def write_line(stream: TextIO | None, text: str) -> None:
    """Write a line to stdout or stderr; one that was closed takes nothing.

    Raises:
        OSError: stdout cannot be written. Messages on stderr are never worth failing for.
    """
    if stream is None:
        return
    with _writing:
        _write_line(stream, text)


_writing = threading.RLock()


def _write_line(stream: TextIO, text: str) -> None:
    if stream is sys.stderr:
        with contextlib.suppress(OSError, ValueError):
            stream.write(text + "\n")
            stream.flush()
        return
    streams.flush(stream)
    if not hasattr(stream, "buffer"):
        stream.write(text + "\n")
        return
    # Past the text layer, which would lose the rest of what a non-blocking pipe takes in part.
    line = (text + "\n").encode(stream.encoding, stream.errors or "strict")
    streams.write_all(stream.buffer, line)
    streams.flush(stream.buffer)
