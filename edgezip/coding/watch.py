"""Who wants to know which kernels are loaded and compiled. Imports nothing that takes time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watcher = Callable[[str, bool], None]
_watchers: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` the name of each kernel, behind that of its store and "/", and whether it was
    kept: False means that it is about to be compiled. It is called in whichever thread needs the
    kernel."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(name: str, kept: bool) -> None:
    """Tell all watchers of a kernel."""
    for watcher in _watchers:
        watcher(name, kept)
