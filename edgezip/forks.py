"""fork() while other threads work: in the child nobody is left who would release their locks.

Locks of ours are made anew in the child (`Lock`). Those of libraries that we share are held while
the process forks (`hold_while_forking`), so that nothing of theirs is half done. A module that
another thread is importing is waited for, as its lock would never be released either; Python's lock
of imports is held from there on, so that no other one begins.
"""

from __future__ import annotations

import _imp

# These two hold locks of theirs while a process forks. Handlers that are registered later run
# earlier: ours waits for imports, and those may need these locks.
import concurrent.futures.thread  # noqa: F401
import importlib._bootstrap
import logging
import os
import sys
import threading
import time
import weakref
from types import TracebackType
from typing import Any, Protocol

_IMPORTED_LAZILY = {"edgezip", "llama_cpp", "llvmlite", "numba", "numpy", "sentencepiece"}
"""Packages, besides the standard library, that are waited for. A program's own are not: one of them
may be all that the program does."""
_PATIENCE = 600.0
"""Seconds for an import at most."""
_LINGERING = 1.0
"""Seconds for a lock that has no owner, about to be taken or just given back, to get one or go."""
_module_locks: Any = importlib._bootstrap._module_locks  # type: ignore[attr-defined]  # noqa: SLF001
"""Python's locks of modules that are being imported, as weak references by name."""


class Lock:
    """A lock that is free in a forked child, whoever held it in the parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Be free, in a child that knows nothing of who holds it."""
        self._lock = threading.Lock()


class Holdable(Protocol):
    """A lock that the thread which forks never has already, or a re-entrant one."""

    def acquire(self) -> object:
        """Take it."""

    def release(self) -> object:
        """Give it back."""


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()
_held: list[Holdable] = []


def hold_while_forking(lock: Holdable) -> None:
    """Have `lock` taken before every fork and given back behind it. Locks that are taken inside of
    others must be named after those."""
    if lock not in _held:
        _held.append(lock)


class _ImportLock:
    """Python's own, which is held while a module's lock is looked up: nobody begins an import."""

    def acquire(self) -> None:
        _imp.acquire_lock()

    def release(self) -> None:
        _imp.release_lock()


_logging_lock: Any = getattr(logging, "_lock", None) or threading.RLock()
"""`logging` takes it behind us, and who has it may be importing. In the child it is made anew
before our turn comes."""
_held_last: list[Holdable] = [_logging_lock, _ImportLock()]
_taken: list[Holdable] = []
"""What this fork holds: `_held` may have grown since."""


def _before() -> None:
    """Hold everything at a moment at which nobody is at an import."""
    global _taken
    start = time.monotonic()
    while True:
        locks = [*_held, *_held_last]
        for lock in locks:
            lock.acquire()
        waited = time.monotonic() - start
        busy = len(locks) < len(_held) + len(_held_last) or _imported_elsewhere(waited < _LINGERING)
        if waited > _PATIENCE or not busy:
            _taken = locks
            return
        _release(locks)
        time.sleep(0.01)


def _imported_elsewhere(lingering: bool) -> bool:
    """Whether another thread is at a module that is imported when it is first needed; `lingering`
    counts the locks without an owner, too."""
    nobody = (threading.get_ident(),) if lingering else (threading.get_ident(), None)
    for name in list(_module_locks):
        package = name.partition(".")[0]
        if package in _IMPORTED_LAZILY or package in sys.stdlib_module_names:
            lock = _module_locks.get(name, lambda: None)()
            if lock is not None and lock.owner not in nobody:
                return True
    return False


def _release(locks: list[Holdable]) -> None:
    for lock in reversed(locks):
        lock.release()


def _after() -> None:
    _release(_taken)


def _in_child() -> None:
    _release([lock for lock in _taken if lock is not _logging_lock])
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
