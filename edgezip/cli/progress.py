"""The progress bar on stderr. Rich is imported only when there is one to draw."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgezip.cli import signals
from edgezip.cli.console import Console, label, printable

if TYPE_CHECKING:
    from rich.progress import Progress

_NAME_WIDTH = 30


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
        yield _only_check
        return
    if console.overall is not None:
        with console.overall.file(action, name, total) as advance:
            yield advance
        return
    with _bar() as bar:
        task = bar.add_task(f"{action} {_short(printable(label(name)))}", total=total)

        def advance(done: int) -> None:
            signals.check()
            bar.update(task, completed=done)

        yield advance


def _bar() -> Progress:
    """A bar that is not drawn yet."""
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=RichConsole(stderr=True), transient=True)


class Overall:
    """A bar for all files of a batch, and one for each that is worked on.

    The first counts bytes of input: what is done of a file is taken from its own bar.
    """

    def __init__(self, bar: Progress, action: str, names: Sequence[str]) -> None:
        self._bar = bar
        self._action = action
        self._sizes = {name: _size(name) for name in names}
        self._total = len(names)
        self._ended = 0
        self._done = 0.0
        self._parts: dict[str, float] = {}
        self._lock = threading.Lock()
        self._task = bar.add_task("", total=sum(self._sizes.values()) or None)
        self._draw()

    @contextlib.contextmanager
    def file(self, action: str, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """The bar of one file, as `progress_bar`."""
        task = self._bar.add_task(f"{action} {_short(printable(label(name)))}", total=total)

        def advance(done: int) -> None:
            signals.check()
            self._bar.update(task, completed=done)
            if total and action == self._action:
                with self._lock:
                    self._parts[name] = min(done / total, 1.0) * self._sizes.get(name, 0)
                    self._draw()

        try:
            yield advance
        finally:
            self._bar.remove_task(task)

    def ended(self, name: str) -> None:
        """A file is done, or has failed."""
        with self._lock:
            self._ended += 1
            self._parts.pop(name, None)
            self._done += self._sizes.get(name, 0)
            self._draw()

    def _draw(self) -> None:
        number = min(self._ended + 1, self._total)
        done = self._done + sum(self._parts.values())
        text = f"{self._action} {number} of {self._total}"
        self._bar.update(self._task, description=text, completed=done)


@contextlib.contextmanager
def overall_bar(console: Console, action: str, names: Sequence[str]) -> Iterator[Overall | None]:
    """A bar for all of `names`; None where none is drawn."""
    if not console.shows_progress:
        yield None
        return
    with _bar() as bar:
        yield Overall(bar, action, names)


def _size(name: str) -> int:
    try:
        return os.stat(name).st_size
    except OSError:
        return 0


def _only_check(_done: int) -> None:
    signals.check()


def _short(name: str) -> str:
    """The end of a long name, where the extension is."""
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]
