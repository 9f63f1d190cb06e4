"""Names of members: how they are made of paths, and which of them are meant."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterable, Sequence

_WILD = frozenset("*?[")

MOST_NAME = 1 << 14
"""Characters; the path of a file has at most a quarter of this."""
NO_MEMBER = "is neither a file nor a folder nor a link; it is left out"
"""What is told of sockets, FIFOs and devices in folders."""


def member_name(path: str) -> str:
    """The name of a member for a path: relative, without `.` and `..`; empty for those alone."""
    parts = os.path.normpath(path).replace(os.sep, "/").split("/")
    while parts and parts[0] in {"", ".", ".."}:
        parts.pop(0)
    return "/".join(parts)


def is_excluded(name: str, patterns: Iterable[str], *, below: bool = False) -> bool:
    """Whether a pattern, as of tar's --exclude, matches `name` or what follows one of its slashes;
    below: or that of a folder that it lies in.

    `*` also matches slashes. Names that no file can have are not looked at.
    """
    if len(name) > MOST_NAME:
        return False
    return any(_expression(pattern.rstrip("/"), below).match(name) for pattern in patterns)


@functools.cache
def _expression(pattern: str, below: bool) -> re.Pattern[str]:
    """For a whole name in one go: of a name of many folders there are as many tails."""
    inner = fnmatch.translate(pattern).removesuffix(r"\Z").removesuffix(r"\z")
    # A star takes in what stands in front of a tail.
    front = "" if pattern.startswith("*") else "(?s:.*/)?"
    return re.compile(front + inner + (r"(?:/|\Z)" if below else r"\Z"))


class Selection:
    """Members that are meant by their names, by globs, or by a folder that they lie in.

    Args:
        wanted: names and globs (`*`, `?`, `[...]`; `*` also matches slashes); none for everything.
        excluded: patterns as for `is_excluded`.
    """

    def __init__(self, wanted: Sequence[str] = (), excluded: Sequence[str] = ()) -> None:
        self._wanted = [pattern.rstrip("/") or pattern for pattern in wanted]
        self._excluded = excluded
        self._met: set[str] = set()

    def __call__(self, name: str) -> bool:
        """Whether the member `name` is meant."""
        name = name.rstrip("/")
        if is_excluded(name, self._excluded, below=True):
            return False
        if not self._wanted:
            return True
        found = [pattern for pattern in self._wanted if _matches(name, pattern)]
        self._met.update(found)
        return bool(found)

    @property
    def missing(self) -> list[str]:
        """What is wanted and has met no member."""
        return [pattern for pattern in self._wanted if pattern not in self._met]


def _matches(name: str, pattern: str) -> bool:
    if name == pattern or name.startswith(pattern + "/"):
        return True
    return bool(_WILD & set(pattern)) and (
        fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern + "/*")
    )


def stripped(name: str, count: int) -> str | None:
    """`name` without its first `count` parts; None if nothing is left."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return "/".join(parts[count:]) or None


def clean(name: str) -> str:
    """`name` without empty parts and dots: what is the same place when it is extracted."""
    inner = "/".join(part for part in name.split("/") if part not in {"", "."})
    return "/" + inner if name.startswith("/") else inner


def by_folder(name: str) -> str:
    """A key that sorts names folder by folder. Lists of their parts are compared the same way, but
    would take many times the memory."""
    return name.replace("/", "\0")
