"""Which neighbours share frames, and how large these may be: by what decoding takes.

Frames that end where another kind of file begins lose nothing: what one log has in common with a
text is little. Frames that end within a kind lose what has been learned, of pictures above all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgezip.archive import kinds
from edgezip.archive.collect import Entry

PICTURE_SHARE = 3
"""Times the share of the others that a frame of pictures may take: each frame of them learns anew,
which is some 5 KB, and one photograph alone may be a tenth of the time."""
SMALL = 4
"""A run of less than one in so many of the least bytes of a frame is never worth a frame."""


@dataclass(slots=True)
class _Run:
    """Neighbours of one family, or joined ones.

    size: what they count as. effort: as `kinds.effort`, of all, less for pictures, as far as they
    may take longer.
    """

    entries: list[Entry]
    size: int
    effort: int

    def limit(self, part: int, least: int, most: int) -> int:
        """Bytes, as they count, of a frame that takes a `part` of the effort."""
        wanted = part * self.size // self.effort if self.effort else most
        return min(max(wanted, least), most)


def runs(
    entries: Sequence[Entry],
    cost: Callable[[Entry], int],
    share: tuple[int, int],
    least: int,
    most: int,
) -> Iterator[tuple[list[Entry], int]]:
    """Neighbours that share frames, and how large these may be.

    Args:
        entries: in the order in which they are written.
        cost: bytes that a member counts as.
        share: of the effort that all take, for a frame, as a fraction.
        least: bytes that a frame may have, whatever they take.
        most: bytes that no frame may have more of.
    """
    total = sum(cost(entry) * kinds.effort(entry.kind, entry.info.name) for entry in entries)
    part = total * share[0] // share[1]
    joined: list[_Run] = []
    for run in _families(entries, cost):
        joined.append(run)
        while len(joined) > 1 and _is_joined(joined[-2], joined[-1], part, least, most):
            last = joined.pop()
            joined[-1] = _sum(joined[-1], last)
    for run in joined:
        yield run.entries, run.limit(part, least, most)


def _families(entries: Sequence[Entry], cost: Callable[[Entry], int]) -> Iterator[_Run]:
    """Neighbours of one family; what has no content goes with what follows, or comes before, and
    equal files with the first of them."""
    run: _Run | None = None
    family = None
    twins = None
    for entry in entries:
        its = kinds.family(entry.kind, entry.info.name)
        follows = twins is not None and entry.twins == twins
        if run is None or not (family is None or its is None or its == family or follows):
            if run is not None:
                yield run
            run, family = _Run([], 0, 0), None
        if not follows and its is not None:
            family = its
        size = cost(entry)
        effort = size * kinds.effort(entry.kind, entry.info.name)
        most = size * kinds.EFFORT
        slow = entry.kind == kinds.PICTURES and effort > most
        run.entries.append(entry)
        run.size += size
        run.effort += max(effort // PICTURE_SHARE, most) if slow else effort
        twins = entry.twins
    if run is not None:
        yield run


def _is_joined(first: _Run, second: _Run, part: int, least: int, most: int) -> bool:
    smaller = min(first.size, second.size)
    if SMALL * smaller < least:
        return True
    both = _sum(first, second)
    return smaller < least and both.size <= both.limit(part, least, most)


def _sum(first: _Run, second: _Run) -> _Run:
    size, effort = first.size + second.size, first.effort + second.effort
    return _Run(first.entries + second.entries, size, effort)
