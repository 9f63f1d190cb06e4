"""Names that stand for a descriptor of a process: /dev/stdout, /dev/fd/3, /proc/self/fd/3, links.

Such a name is a stream, whatever lies behind it: what is open there has a position and perhaps
O_APPEND, which opening the name again would lose, and the name itself belongs to the system.
"""

from __future__ import annotations

import os
import re
import sys
from typing import BinaryIO

from edgezip.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such names
    fcntl = None  # type: ignore[assignment]

_FOLDER = re.compile(r"/dev/fd|/proc/(?P<process>[0-9]+)(/task/(?P<thread>[0-9]+))?/fd")
_MOST_LINKS = 40
STDOUT, STDERR = 1, 2


def descriptor_of(name: str) -> int | None:
    """The descriptor of this process that `name` stands for, also through links; else None."""
    entry = _entry(name)
    return int(entry.rpartition("/")[2]) if entry is not None and _is_own(entry) else None


def is_descriptor(name: str) -> bool:
    """Whether `name` stands for a descriptor of any process."""
    return _entry(name) is not None


def open_descriptor(number: int) -> BinaryIO:
    """A descriptor of this process as a file of its own, to be written where it stands.

    Raises:
        InputError: it is not open, or not for writing.
    """
    standard = {STDOUT: sys.__stdout__, STDERR: sys.__stderr__}
    if number in standard and standard[number] is None:
        raise InputError(f"descriptor {number} is closed")
    try:
        flags = fcntl.fcntl(number, fcntl.F_GETFL)
    except OSError as error:
        raise InputError(f"descriptor {number} is not open") from error
    if flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR) == os.O_RDONLY:
        raise InputError(f"descriptor {number} is not open for writing")
    text = standard.get(number)
    if text is not None:
        text.flush()  # what was printed before stands before
    return open(os.dup(number), "wb")


def _entry(name: str) -> str | None:
    """The name in a folder of descriptors that `name` leads to, with that folder's real path."""
    for _ in range(_MOST_LINKS):
        folder, last = os.path.split(name)
        folder = os.path.realpath(folder or ".")
        name = os.path.join(folder, last)
        if last.isascii() and last.isdigit() and _FOLDER.fullmatch(folder):
            return name
        try:
            name = os.path.join(folder, os.readlink(name))
        except (OSError, ValueError):
            return None
    return None


def _is_own(entry: str) -> bool:
    found = _FOLDER.fullmatch(os.path.dirname(entry))
    process = found and found["process"]
    return process is None or int(process) == os.getpid()
