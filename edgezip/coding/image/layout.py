"""The model's shape: neighbours, predictors, contexts and sizes. docs/media.md describes it.

Everything here is a constant of the format.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAD: Final = 8
"""Samples in front of and behind every row in memory."""
RING: Final = 4
"""Rows of a plane in memory: the present one and three above."""

_OWN = (
    ("W", -1, 0), ("N", 0, -1), ("NW", -1, -1), ("NE", 1, -1), ("WW", -2, 0), ("NN", 0, -2),
    ("NNE", 1, -2), ("NNW", -1, -2), ("NWW", -2, -1), ("NEE", 2, -1), ("WWW", -3, 0),
    ("NNN", 0, -3), ("NNEE", 2, -2), ("NNWW", -2, -2), ("NNNE", 1, -3), ("NNNEE", 2, -3),
    ("NNNW", -1, -3), ("NEEE", 3, -1), ("NWWW", -3, -1), ("WWWW", -4, 0),
)  # fmt: skip
_OTHER = (*_OWN, ("C", 0, 0), ("E", 1, 0))
"""In a plane that was coded before, the present sample and the next one are known, too."""

OWN: Final = len(_OWN)
OTHER: Final = len(_OTHER)
NEAR: Final = OWN + 2 * OTHER
"""Neighbours of a sample: own ones, then those in the plane before (1), then in the one before that
(2)."""
_COLUMNS = {name: i for i, (name, _, _) in enumerate(_OTHER)}
C1: Final = OWN + _COLUMNS["C"]
C2: Final = OWN + OTHER + _COLUMNS["C"]
"""The present sample in plane 1 and plane 2."""
W, N, NW, NE, WW, NN, NNE, NNN = (
    _COLUMNS[name] for name in ("W", "N", "NW", "NE", "WW", "NN", "NNE", "NNN")
)
NEE: Final = _COLUMNS["NEE"]
WWW: Final = _COLUMNS["WWW"]


def offsets() -> NDArray[np.int64]:
    """Return (NEAR, 2) int64: x and y of every neighbour, relative to the sample."""
    return np.array([(x, y) for _, x, y in (*_OWN, *_OTHER, *_OTHER)], np.int64)


GRAY_FORMS = (
    "W", "N", "W+N-NW", "W+NE-N", "N+NW-NNW", "N+NE-NNE", "2N-NN", "2W-WW", "(W+N)/2",
    "3W-3WW+WWW", "W+NW-NWW", "(W+2NE-NNE)/2", "(8W-3WW+3NEE-3NNEE+NNNEE)/6",
    "(8W+8N+2NE-6NW-2NN-2WW)/8", "(2W+NE-NW)/2", "(W+N+NE+NW)/4",
)  # fmt: skip
"""Linear predictions from a plane's own neighbours."""
CROSS_FORMS = ("W", "N", "W+N-NW", "NE")
"""The same from the differences to plane 1, to which the present sample of plane 1 is added."""
OWN_FORMS_OF_LATER_PLANES: Final = 14
FORM_BITS: Final = 6
"""Fraction bits of a form's factors."""


def factors(form: str) -> NDArray[np.int32]:
    """Return (OWN,) int32: what the neighbours are multiplied by, rounded, of a form like
    "(2W+NE-NW)/2"."""
    parts = re.fullmatch(r"\((?P<sum>.*)\)/(?P<by>\d+)|(?P<plain>.*)", form)
    assert parts is not None
    by = int(parts["by"] or 1)
    made = np.zeros(OWN, np.int32)
    for sign, times, name in re.findall(r"([+-]?)(\d*)([NWE]+)", parts["sum"] or parts["plain"]):
        scaled = int(times or 1) << FORM_BITS
        made[_COLUMNS[name]] += (scaled + by // 2) // by * (-1 if sign == "-" else 1)
    return made


FORMS: Final = 20
"""Most forms of a plane."""
CURVES: Final = 3
"""Predictions that are not linear: clamped, median, gradient-adjusted."""
FITS: Final = 3
"""Least-squares predictions."""
BLENDS: Final = 2
PREDICTIONS: Final = FORMS + CURVES + FITS + BLENDS

TAPS: Final = 18
"""Unknowns of a least-squares prediction."""
TRIANGLE: Final = TAPS * (TAPS + 1) // 2
SYSTEM: Final = TRIANGLE + TAPS
"""Numbers of a system of normal equations: the lower triangle row by row, the right side."""
_TAP_NAMES = (
    ("W N NW NE WW NN NNE NNW NWW NEE WWW NNN NNEE NNWW NNNE NEEE NNNW NWWW", "", ""),
    ("W N NW NE WW NN NNE NNW NWW NEE", "C W N E NW NE WW NN", ""),
    ("W N NW NE WW NN NNE NNW NWW", "C W N E NE", "C W N E"),
)
"""Neighbours in the own plane, in plane 1 and in plane 2, by the number of planes before."""


def taps() -> NDArray[np.int64]:
    """Return (3, TAPS) int64: numbers of the neighbours a least-squares prediction sees, by the
    number of planes before."""
    rows = []
    for groups in _TAP_NAMES:
        row: list[int] = []
        for start, names in zip((0, OWN, OWN + OTHER), groups, strict=True):
            row += [start + _COLUMNS[name] for name in names.split()]
        rows.append(row)
    return np.array(rows, np.int64)


CONTEXTS: Final = 22
"""Most contexts of exact values."""
HISTOGRAMS: Final = 2 * PREDICTIONS
INPUTS: Final = -(-(HISTOGRAMS + 2 * CONTEXTS + 1) // 16) * 16
"""Inputs of the mixer in memory; 127 at most, or sums could leave 32 bits."""
assert INPUTS <= 127

STEPS: Final = 16
"""Steps of error size."""
HISTOGRAM_ROWS: Final = 64
"""Histograms of a prediction and selector."""
HISTOGRAM: Final = 520
"""Entries of a histogram: number i counts differences below i - 256."""

SETS: Final = 4
SET_ROWS = (256, 128, 31 * 8, 32 * 8)
"""Rows of weights in each set."""
FIRST_ROWS = tuple(sum(SET_ROWS[:k]) for k in range(SETS + 1))
FINAL_ROWS: Final = 31 * 8
NEAR_STEPS: Final = 15
"""Steps of the distance between a prediction and the middle of what is left, on each side."""


class Level(NamedTuple):
    """How much of the model is used.

    forms: linear predictions from own neighbours and across planes. fits: least-squares
    predictions. contexts: of exact values. sets: of weights.
    """

    forms: int
    cross_forms: int
    fits: int
    contexts: int
    sets: int
