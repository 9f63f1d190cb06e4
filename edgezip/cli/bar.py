"""One line on a terminal's stderr that says how far something is.

The line is drawn over itself and hides no cursor, so there is nothing to restore when the program
is stopped (Ctrl-Z); it fits the width that the terminal has at that moment. A terminal that cannot
move the cursor (TERM=dumb, or none) gets a line every ten seconds.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

from edgezip.cli.console import printable, write_line

_REDRAW = 0.1
_DUMB = 10.0
_LEAST_BAR, _MOST_BAR, _LEAST_TITLE = 8, 40, 16
_UNITS = ("B", "KB", "MB", "GB", "TB")


def amount(number: float) -> str:
    """A number of bytes in units of 1000, three digits or so."""
    for unit in _UNITS[:-1]:
        if number < 999.5:
            return (
                f"{number:.0f} {unit}" if unit == "B" or number >= 99.95 else f"{number:.1f} {unit}"
            )
        number /= 1000
    return f"{number:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as on a clock, while that is short."""
    whole = max(int(seconds + 0.5), 0)
    hours, minutes = divmod(whole // 60, 60)
    if hours > 99:
        return f"{min(hours // 24, 999)} d"
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class Bar:
    """A context manager; `show` what is done, from any thread.

    Args:
        title: what is being done: the first thing to be cut where there is no room.
        total: units to do, or None if that is not known.
        bytes_: whether units are bytes, which have a speed.
    """

    def __init__(self, title: str, total: int | None, *, bytes_: bool = True) -> None:
        self._title = printable(title)
        self._total = total
        self._bytes = bytes_
        self._note = ""
        self._waiting = False
        self._done = 0
        self._start = self._drawn = time.monotonic()
        self._dumb = os.environ.get("TERM", "dumb") in ("", "dumb", "unknown")
        self._lock = threading.RLock()
        self._there = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def show(
        self, done: int | None = None, note: str | None = None, *, waiting: bool = False
    ) -> None:
        """Draw, unless that was done a moment ago. `note` stands in front until it is replaced;
        with `waiting` nothing but the time stands behind it."""
        with self._lock:
            self._waiting = waiting
            self._done = self._done if done is None else done
            changed = note is not None and note != self._note
            self._note = self._note if note is None else note
            now = time.monotonic()
            if now - self._drawn < (_DUMB if self._dumb else 0 if changed else _REDRAW):
                return
            self._drawn = now
            width = shutil.get_terminal_size().columns
            text = self._text(now - self._start, width - 3)  # and "^C" behind it
            if self._dumb:
                write_line(sys.stderr, text)
            elif sys.stderr is not None:
                self._write(f"\r{text}\033[K")
                self._there = True

    def say(self, text: str) -> None:
        """Print a line that stays, above the bar."""
        with self._lock:
            self.clear()
            write_line(sys.stderr, printable(text))
            self._drawn = 0.0

    def clear(self) -> None:
        """Remove the line."""
        with self._lock:
            if self._there:
                self._write("\r\033[K")
                self._there = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            pass

    def _text(self, seconds: float, width: int) -> str:
        """The line, of at most `width` characters: details go first, then the bar, then names."""
        title = self._note or self._title
        share = self._done / self._total if self._total and not self._waiting else None
        details = [] if share is None else [f"{min(share, 1):4.0%}"]
        if self._bytes and not self._waiting:
            rate = self._done / seconds if seconds > 0.5 else 0
            if share and rate and self._total:
                details.append(duration((self._total - self._done) / rate))
            if rate:
                details.append(f"{amount(rate)}/s")
            details.append(
                amount(self._done) + (f" of {amount(self._total)}" if self._total else "")
            )
        else:
            details.append(duration(seconds))
        spared = 4 + _LEAST_BAR + min(len(title), _LEAST_TITLE)
        while len(details) > 1 and len("  ".join(details)) > width - spared:
            details.pop()
        rest = "  ".join(details)
        room = width - len(rest) - 2
        least = 0 if share is None or room < 2 * _LEAST_BAR else _LEAST_BAR + 2
        title = _short(title, room - least)
        if share is None or not least:
            return f"{title}  {rest}"[:width]
        size = min(room - len(title) - 2, _MOST_BAR)
        full = int(size * min(share, 1))
        done, left = ("\u2501", "\u2500") if _speaks_unicode() else ("#", "-")
        return f"{title}  {done * full}{left * (size - full)}  {rest}"


def _speaks_unicode() -> bool:
    return (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "") == "utf8"


def _short(text: str, width: int) -> str:
    """The start and the end of a text that is too long: the action, and the file's extension."""
    if len(text) <= width:
        return text
    if width < 12:
        return text[: max(width, 0)]
    kept = (width - 3) // 3
    return f"{text[:kept]}...{text[len(text) - (width - 3 - kept) :]}"
