"""The progress bar on stderr. Rich is imported only when there is one to draw."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from edgezip.cli import signals
from edgezip.cli.console import Console, label, printable

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
    with Progress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{action} {_short(printable(label(name)))}", total=total)

        def advance(done: int) -> None:
            signals.check()
            bar.update(task, completed=done)

        yield advance


def _only_check(_done: int) -> None:
    signals.check()


def _short(name: str) -> str:
    """The end of a long name, where the extension is."""
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]
