"""Turns SIGINT, SIGTERM and SIGHUP into an exception, so that `finally` clauses clean up."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from edgezip.atomic import remove_unfinished

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_received: int | None = None


class Interrupted(BaseException):
    """A signal asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + signal number, as a shell reports it."""
        return 128 + self.number

    @property
    def word(self) -> str:
        """What the user reads."""
        return (
            "interrupted" if self.number == signal.SIGINT else signal.strsignal(self.number) or ""
        )


def check() -> None:
    """Raise `Interrupted` if a signal came.

    The handler raises as well, but Python drops exceptions that meet a callback from C or a
    destructor, and a library may make an error of its own of it, as Numba's compiler does. Work
    that takes long calls this now and then, and who reports an error calls it first.
    """
    if _received is not None:
        raise Interrupted(_received)


def _handle(number: int, _frame: FrameType | None) -> None:
    global _received
    if _received is not None:
        # Asked twice: the orderly way takes too long for the user.
        remove_unfinished()
        os._exit(128 + number)
    _received = number
    raise Interrupted(number)


def _quiet(what: sys.UnraisableHookArgs) -> None:
    """Say nothing of an `Interrupted` that Python drops: `check` raises it again."""
    if not isinstance(what.exc_value, Interrupted):
        sys.__unraisablehook__(what)


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Handle the signals inside of the block, except those the caller ignores (nohup)."""
    global _received
    _received = None
    before = {}
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = _quiet
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, _handle)
        yield
    except Exception:
        check()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        sys.unraisablehook = hook
        _received = None
