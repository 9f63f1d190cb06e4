"""Names of members: how they are made of paths, and which of them are meant."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Sequence

_WILD = frozenset("*?[")

NO_MEMBER = "is neither a file nor a folder nor a link; it is left out"
"""What is told of sockets, FIFOs and devices in folders."""


def member_name(path: str) -> str:
    """The name of a member for a path: relative, without `.` and `..`; empty for those alone."""
    parts = os.path.normpath(path).replace(os.sep, "/").split("/")
    while parts and parts[0] in {"", ".", ".."}:
        parts.pop(0)
    return "/".join(parts)


def is_excluded(name: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern, as of tar's --exclude, matches `name` or what follows one of its slashes.

    `*` also matches slashes. What lies in an excluded folder is never asked for.
    """
    tails = [name]
    while "/" in tails[-1]:
        tails.append(tails[-1].split("/", 1)[1])
    return any(fnmatch.fnmatchcase(tail, p.rstrip("/")) for p in patterns for tail in tails)


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
        parents = name.split("/")
        if self._excluded and any(
            is_excluded("/".join(parents[: i + 1]), self._excluded) for i in range(len(parents))
        ):
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
