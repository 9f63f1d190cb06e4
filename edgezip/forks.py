"""fork() while other threads work: in the child nobody is left who would release their locks.

Locks of ours are made anew in the child (`Lock`). Those of libraries that we share are held while
the process forks (`hold_while_forking`), so that nothing of theirs is half done. A module that
another thread is importing is waited for, as its lock would never be released either.
"""

from __future__ import annotations

# These two hold locks of theirs while a process forks. Handlers that are registered later run
# earlier: ours waits for imports, and those may need these locks.
import concurrent.futures.thread  # noqa: F401
import importlib._bootstrap
import logging  # noqa: F401
import os
import threading
import time
import weakref
from types import TracebackType
from typing import Any, Protocol

_IMPORTED_LAZILY = ("edgezip", "llama_cpp", "llvmlite", "numba", "numpy", "sentencepiece")
_PATIENCE = 600.0
"""Seconds for an import at most."""
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
    """A re-entrant lock."""

    def acquire(self) -> object:
        """Take it."""

    def release(self) -> object:
        """Give it back."""


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()
_held: list[Holdable] = []


def hold_while_forking(lock: Holdable) -> None:
    """Have `lock`, a re-entrant one, taken before every fork and given back behind it. Locks that
    are taken inside of others must be named after those."""
    if lock not in _held:
        _held.append(lock)


def _before() -> None:
    _wait_for_imports()
    for lock in _held:
        lock.acquire()


def _wait_for_imports() -> None:
    end = time.monotonic() + _PATIENCE
    while any(map(_imported_elsewhere, list(_module_locks))) and time.monotonic() < end:
        time.sleep(0.01)


def _imported_elsewhere(name: str) -> bool:
    """Whether another thread is at a module that is imported when it is first needed."""
    if not name.startswith(_IMPORTED_LAZILY):
        return False
    lock = _module_locks.get(name, lambda: None)()
    return getattr(lock, "owner", None) not in (None, threading.get_ident())


def _after() -> None:
    for lock in reversed(_held):
        lock.release()


def _in_child() -> None:
    _after()
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
