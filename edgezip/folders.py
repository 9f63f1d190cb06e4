"""The user's folders, for accounts that have none, too.

A service or a container may run under a number without a passwd entry and without HOME. Then there
is no folder of the user, and nothing else fails for it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs

_NAME = "edgezip"


def user_data_folder() -> Path | None:
    """Return the user's folder for what must be kept (models); None for who has no home."""
    return _known(lambda: platformdirs.user_data_dir(_NAME))


def user_cache_folder() -> Path | None:
    """Return the user's folder for what can be made again; None for who has no home."""
    return _known(lambda: platformdirs.user_cache_dir(_NAME))


def open_regular(path: Path) -> BinaryIO:
    """Open a file of edgezip's own for reading; OSError for what is none: a FIFO would be waited
    for, and a device may never end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(descriptor, "rb")


def _known(find: Callable[[], str]) -> Path | None:
    """The folder that `find` names. What it raises for want of a home differs by version."""
    try:
        path = Path(find())
    except (RuntimeError, KeyError, OSError, ValueError):
        return None
    # A "~" that nothing was found for, or a relative XDG path, would mean the working directory.
    return path if path.is_absolute() else None
