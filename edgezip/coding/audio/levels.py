"""What each level computes: orders, windows and rates of its predictors; part of the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edgezip.errors import SettingsError

from .filters import MAX_TAPS
from .leastsquares import MAX_ORDER

MAX_SQUARES, MAX_FILTERS, MAX_COMBINERS = 4, 5, 2


class Squares(NamedTuple):
    """A least-squares predictor: `own` past samples and `other` ones of the channel beside it;
    `decay` / 4096 of its sums fade every `every` samples, when it is solved."""

    own: int
    other: int
    decay: int
    every: int


class Filter(NamedTuple):
    """A normalised LMS filter: taps, and rate in units of 1/4096."""

    taps: int
    rate: int


class Combiner(NamedTuple):
    """Least squares over the outputs of all other predictors."""

    decay: int
    every: int


@dataclass(frozen=True)
class Level:
    """The predictors of one channel, alone (`mono`) or beside another one (`stereo`)."""

    mono: tuple[Squares, ...]
    stereo: tuple[Squares, ...]
    filters: tuple[Filter, ...]
    combiners: tuple[Combiner, ...]

    def __post_init__(self) -> None:
        for squares in self.mono + self.stereo:
            order = squares.own + squares.other
            if order > MAX_ORDER or squares.decay < 2 * squares.every:
                raise AssertionError(f"{squares}: the bounds of leastsquares.py do not hold")
        for combiner in self.combiners:
            if combiner.decay < 2 * combiner.every:
                raise AssertionError(f"{combiner}: the bounds of leastsquares.py do not hold")
        if any(taps > MAX_TAPS for taps, _ in self.filters) or len(self.mono) != len(self.stereo):
            raise AssertionError("a level with other predictors than it can have")


LEVELS = (
    Level(
        mono=(Squares(16, 0, 24, 4),),
        stereo=(Squares(12, 8, 24, 4),),
        filters=(Filter(32, 16), Filter(16, 16)),
        combiners=(Combiner(8, 4),),
    ),
    Level(
        mono=(Squares(32, 0, 24, 4), Squares(16, 0, 80, 2)),
        stereo=(Squares(24, 12, 24, 4), Squares(16, 8, 80, 2)),
        filters=(Filter(256, 8), Filter(32, 16), Filter(16, 32)),
        combiners=(Combiner(8, 2),),
    ),
)
FAST, DEFAULT, STRONG = 0, 1, 2


def level_of(number: int) -> Level:
    """Return the level with this number. Raises SettingsError when there is none."""
    if not 0 <= number < len(LEVELS):
        raise SettingsError(f"audio level is {number}; choose 0 to {len(LEVELS) - 1}")
    return LEVELS[number]
