"""Contexts of exact values, and the lines of adaptive probabilities that they lead to."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.adaptive import HALF
from edgezip.coding.jit import njit
from edgezip.coding.prefetch import prefetch

from .layout import C1, C2, NE, NEE, NN, NW, OTHER, OWN, WW, WWW, N, W
from .state import GUESS, KIND, LINES, PALETTE, STEP, USED_CONTEXTS

_SPREAD = 0x2545F4914F6CDD1D
_SALT = 0x5851F42D
_NIBBLE = 0x3C6EF372
_CHECK = 0x10000
"""Set in the first entry of every line that is in use, with 16 bits of the hash."""


@njit(_nrt=False, forceinline=True)
def _pair(a, b):  # type: ignore[no-untyped-def]
    return a << 8 | b


@njit(_nrt=False)
def _palette(near, h):  # type: ignore[no-untyped-def]
    west, north, north_west, north_east = near[W], near[N], near[NW], near[NE]
    corner = _pair(_pair(west, north), north_west)
    around = _pair(corner, north_east)
    h[0] = around
    h[1] = _pair(west, north)
    h[2] = corner
    h[3] = west
    h[4] = north
    h[5] = _pair(_pair(around, near[WW]), near[NN])
    h[6] = _pair(_pair(west, near[WW]), near[WWW])
    h[7] = _pair(_pair(north, north_east), near[NEE])
    h[8] = _pair(north, near[NN])
    h[9] = _pair(west, near[WW])
    h[10] = _pair(_pair(west, north_east), north)
    h[11] = _pair(north_west, north_east)
    h[12] = north_west
    h[13] = north_east
    h[14] = _pair(_pair(corner, near[WW]), near[NN])
    h[15] = 0
    return 16


@njit(_nrt=False)
def _gray(near, gradient, guess, fit, median, step, h):  # type: ignore[no-untyped-def]
    west, north, north_west, north_east = near[W], near[N], near[NW], near[NE]
    h[0] = guess << 4 | step
    h[1] = _pair(guess, fit)
    h[2] = fit << 4 | step
    h[3] = _pair(fit, median)
    h[4] = _pair(guess, north)
    h[5] = _pair(guess, west)
    h[6] = _pair(west, north)
    h[7] = (gradient >> 1) << 16 | (west >> 2) << 8 | north >> 2
    h[8] = _pair(west, near[WW])
    h[9] = _pair(north, near[NN])
    h[10] = _pair(west, north_east)
    h[11] = _pair(_pair(west, north), north_east)
    h[12] = _pair(_pair(west, north), north_west)
    h[13] = _pair(_pair(_pair(west, north), north_west), north_east)
    h[14] = _pair(_pair(_pair(west, north), near[WW]), near[NN])
    h[15] = 0
    return 16


@njit(_nrt=False)
def _colour(near, gradient, guess, fit, step, h):  # type: ignore[no-untyped-def]
    west, north = near[W], near[N]
    c1, c2 = near[C1], near[C2]
    both = _pair(c1, c2)
    west1, north1 = near[OWN + W], near[OWN + N]
    from_west = (c1 - west1) & 255
    from_north = (c1 - north1) & 255
    from_west2 = (c2 - near[OWN + OTHER + W]) & 255
    from_north2 = (c2 - near[OWN + OTHER + N]) & 255
    h[0] = guess << 4 | step
    h[1] = _pair(guess, c1)
    h[2] = both
    h[3] = fit << 4 | step
    h[4] = _pair(guess, fit)
    h[5] = guess << 16 | both
    h[6] = west << 16 | both
    h[7] = north << 16 | both
    h[8] = _pair(from_west, west)
    h[9] = _pair(from_north, north)
    h[10] = gradient << 16 | both
    h[11] = _pair(_pair(guess, west), north)
    h[12] = _pair(west, north)
    h[13] = _pair(_pair(west, west1), c1)
    h[14] = _pair(_pair(north, north1), c1)
    h[15] = _pair(_pair(west, north), near[NE])
    h[16] = _pair(_pair(from_west, from_west2), west)
    h[17] = _pair(_pair(from_north, from_north2), north)
    h[18] = fit << 16 | both
    h[19] = _pair(_pair(west, north), near[NW])
    h[20] = _pair(west, north) << 16 | both
    h[21] = _pair(_pair(from_west, from_north), gradient)
    return 22


@njit(_nrt=False)
def set_contexts(m, plane, fit):  # type: ignore[no-untyped-def]
    """Hash the contexts of a sample; `fit` is the local least-squares prediction, eighths."""
    near, h = m.near, m.hashes
    gradient = min(max(near[W] + near[N] - near[NW], 0), 255)
    guess = (m.now[GUESS] + 4) >> 3
    if m.now[PALETTE]:
        made = _palette(near, h)
    elif m.now[KIND] == 0:
        low, high = min(near[W], near[N]), max(near[W], near[N])
        median = min(max(near[W] + near[N] - near[NW], low), high)
        made = _gray(near, gradient, guess, (fit + 4) >> 3, median, m.now[STEP], h)
    else:
        made = _colour(near, gradient, guess, (fit + 4) >> 3, m.now[STEP], h)
    for i in range(min(made, m.now[USED_CONTEXTS])):
        z = (h[i] + (plane * 32 + i + 1) * _SALT) * _SPREAD
        h[i] = z ^ (z >> 29)
    for i in range(made, m.now[USED_CONTEXTS]):
        h[i] = i


@njit(_nrt=False)
def find_lines(m, known):  # type: ignore[no-untyped-def]
    """Look up the lines of a nibble; `known` is 1, or 16 to 31 with the bits of the first one."""
    lines = m.lines
    used = m.now[USED_CONTEXTS]
    salt = known * _NIBBLE
    for i in range(used):
        z = (m.hashes[uintp(i)] ^ salt) * _SPREAD
        at = ((z >> 24) & m.now[LINES]) << 4
        m.line_at[uintp(i)] = at
        prefetch(lines, at)
    for i in range(used):
        at = m.line_at[uintp(i)]
        z = (m.hashes[uintp(i)] ^ salt) * _SPREAD
        check = np.uint32(((z >> 47) & 0xFFFF) | _CHECK)
        if lines[uintp(at)] != check:
            lines[uintp(at)] = check
            for k in range(1, 16):
                lines[uintp(at + k)] = HALF
