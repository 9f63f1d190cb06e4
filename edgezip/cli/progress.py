"""The progress of files on stderr, for who looks at a terminal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence

from edgezip.cli import signals
from edgezip.cli.bar import Bar
from edgezip.cli.console import Console, label
from edgezip.cli.inputs import STDIN
from edgezip.coding.watch import watching

FIRST_USE = (
    "edgezip: compiling machine code, which is kept for the next time"
    " (edgezip warm does it beforehand)"
)


@contextlib.contextmanager
def progress_bar(
    console: Console, action: str, name: str, total: int | None
) -> Iterator[Callable[[int], None]]:
    """A callable that takes the number of bytes done so far, and draws it on a terminal.

    It raises `signals.Interrupted` when the user has asked to stop.

    Args:
        console: tells whether to draw.
        action: a word such as "pack".
        name: the file.
        total: bytes to do, or None if unknown.
    """
    if not console.shows_progress:
        with watching(_Compiling(None, console)):
            yield _only_check
        return
    if console.overall is not None:
        yield console.overall.file(action, name, total)
        return
    with (
        Bar(f"{action} {os.path.basename(name) if name != STDIN else label(name)}", total) as bar,
        watching(_Compiling(bar, console)),
    ):

        def advance(done: int) -> None:
            signals.check()
            bar.show(done, "")

        yield advance


class Overall:
    """A bar for all files of a batch: bytes of input, of files that are done and in work."""

    def __init__(self, bar: Bar, action: str, sizes: dict[str, int]) -> None:
        self._bar = bar
        self._action = action
        self._sizes = sizes
        self._ended = 0
        self._done = 0
        self._parts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._draw()

    def file(self, action: str, name: str, total: int | None) -> Callable[[int], None]:
        """What takes the progress of one file, as `progress_bar`."""

        def advance(done: int) -> None:
            signals.check()
            if total and action == self._action:
                with self._lock:
                    share = min(done / total, 1.0)
                    self._parts[name] = int(share * self._sizes.get(name, 0))
                    self._draw()

        return advance

    def ended(self, name: str) -> None:
        """A file is done, or has failed."""
        with self._lock:
            self._ended += 1
            self._parts.pop(name, None)
            self._done += self._sizes.get(name, 0)
            self._draw()

    def _draw(self) -> None:
        number = min(self._ended + 1, len(self._sizes))
        text = f"{self._action} {number} of {len(self._sizes)}"
        self._bar.show(self._done + sum(self._parts.values()), text)


@contextlib.contextmanager
def overall_bar(console: Console, action: str, names: Sequence[str]) -> Iterator[Overall | None]:
    """A bar for all of `names`; None where none is drawn."""
    if not console.shows_progress:
        yield None
        return
    sizes = {name: _size(name) for name in names}
    with (
        Bar(action, sum(sizes.values()) or None) as bar,
        watching(_Compiling(bar, console)),
    ):
        yield Overall(bar, action, sizes)


def _size(name: str) -> int:
    try:
        return os.stat(name).st_size
    except OSError:
        return 0


class _Compiling:
    """Says once that something is compiled, and on a bar what."""

    def __init__(self, bar: Bar | None, console: Console) -> None:
        self._bar = bar
        self._console = console
        self._count = 0

    def __call__(self, name: str, kept: bool) -> None:
        if kept:
            return
        self._count += 1
        if self._count == 1 and self._bar is None:
            self._console.note(FIRST_USE)
        elif self._count == 1 and self._bar is not None:
            self._bar.say(FIRST_USE)
        if self._bar is not None:
            kernel = name.rpartition("/")[2].partition("-")[0]
            self._bar.show(note=f"compile {self._count}: {kernel}", waiting=True)


def _only_check(_done: int) -> None:
    signals.check()
