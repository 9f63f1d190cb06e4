"""What each level computes: orders, windows and rates of its predictors; part of the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edgezip.errors import SettingsError

from .filters import MAX_TAPS
from .leastsquares import MAX_ORDER

MAX_SQUARES, MAX_FILTERS, MAX_COMBINERS = 6, 4, 2


class Squares(NamedTuple):
    """A least-squares predictor: `own` past samples, `other` ones of the channel beside it, and
    `lagged` ones around the place that the block repeats; `decay` / 4096 of its sums fade every
    `every` samples, when it is solved. One with lagged samples rests where nothing is repeated."""

    own: int
    other: int
    decay: int
    every: int
    lagged: int = 0

    @property
    def order(self) -> int:
        """Features."""
        return self.own + self.other + self.lagged


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
            if squares.order > MAX_ORDER or squares.decay < 2 * squares.every:
                raise AssertionError(f"{squares}: the bounds of leastsquares.py do not hold")
        for combiner in self.combiners:
            if combiner.decay < 2 * combiner.every:
                raise AssertionError(f"{combiner}: the bounds of leastsquares.py do not hold")
        if any(taps > MAX_TAPS for taps, _ in self.filters) or len(self.mono) != len(self.stereo):
            raise AssertionError("a level with other predictors than it can have")


_COMBINERS = (Combiner(16, 4), Combiner(80, 4))

LEVELS = (
    Level(
        mono=(Squares(16, 0, 48, 8), Squares(8, 0, 240, 4), Squares(16, 0, 64, 16, 16)),
        stereo=(Squares(12, 8, 48, 8), Squares(8, 4, 240, 4), Squares(12, 4, 64, 16, 16)),
        filters=(Filter(32, 16), Filter(16, 32)),
        combiners=(Combiner(16, 4),),
    ),
    Level(
        mono=(
            Squares(32, 0, 48, 8),
            Squares(16, 0, 64, 16, 24),
            Squares(8, 0, 480, 4),
            Squares(16, 0, 160, 4),
        ),
        stereo=(
            Squares(24, 12, 48, 8),
            Squares(16, 8, 64, 16, 24),
            Squares(8, 4, 480, 4),
            Squares(16, 8, 160, 4),
        ),
        filters=(Filter(256, 8), Filter(32, 16), Filter(16, 32)),
        combiners=_COMBINERS,
    ),
    Level(
        mono=(
            Squares(32, 0, 24, 4),
            Squares(128, 0, 64, 16),
            Squares(64, 0, 64, 32),
            Squares(24, 0, 32, 8, 40),
            Squares(8, 0, 240, 2),
            Squares(16, 0, 80, 2),
        ),
        stereo=(
            Squares(24, 12, 24, 4),
            Squares(96, 32, 64, 16),
            Squares(32, 32, 64, 32),
            Squares(24, 8, 32, 8, 40),
            Squares(8, 4, 240, 2),
            Squares(16, 8, 80, 2),
        ),
        filters=(Filter(1024, 8), Filter(256, 8), Filter(32, 16), Filter(16, 32)),
        combiners=_COMBINERS,
    ),
)
FAST, DEFAULT, STRONG = 0, 1, 2


def level_of(number: int) -> Level:
    """Return the level with this number. Raises SettingsError when there is none."""
    if not 0 <= number < len(LEVELS):
        raise SettingsError(f"audio level is {number}; choose 0 to {len(LEVELS) - 1}")
    return LEVELS[number]
