"""How far back the bytes lie that look most like the last ones.

Of every distance up to FAR a score is kept: how different bytes of that distance have been of late.
Records whose numbers grow, or change a little, repeat no byte, and are alike all the same. Method:
the similarity model of paq8px v216.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

from .layout import FAR, S_FAST, S_FAST_SCORE, S_POS, S_SLOW, S_SLOW_SCORE

# A score is an average of differences, 0 to 128, with 8 fraction bits: an old one loses its 2^DECAY
# th part, and a difference counts as much.
SLOW_DECAY, FAST_DECAY = 6, 3
_FRACTION = 8
WORST = 128 << _FRACTION
"""The score of a distance at first."""
_BLOCK = 128
"""Distances whose least score is found at once. No other number of them finds another distance."""


@njit(_nrt=False, forceinline=True)
def difference(a, b):  # type: ignore[no-untyped-def]
    """How far bytes are apart, 0 to 128, where 255 and 0 are neighbours."""
    d = (a - b) & 255
    sign = d >> 7
    return (d ^ 255 * sign) + sign


@njit(_nrt=False, forceinline=True)
def _follow(scores, begin, history, first, back, c, decay):  # type: ignore[no-untyped-def]
    """Let the scores from place `begin` on know of byte `c`. The distance FAR - i is number i, the
    byte at it lies at `back` + i, and the first with a byte is number `first`. Returns the least
    score and its distance: the greatest one of several."""
    least = np.uint16(65535)
    found = first
    for block in range(first & -_BLOCK, FAR, _BLOCK):
        low = np.uint16(65535)
        for i in range(max(block, first), block + _BLOCK):
            score = int(scores[uintp(begin + i)])
            moved = difference(int(history[uintp(back + i)]), c) << _FRACTION - decay
            newer = np.uint16(score - (score >> decay) + moved)
            scores[uintp(begin + i)] = newer
            low = min(low, newer)
        if low < least:
            least = low
            found = max(block, first)
    while scores[uintp(begin + found)] != least:
        found += 1
    return int(least), FAR - found


@njit(_nrt=False)
def follow_similarity(scores, history, st, c):  # type: ignore[no-untyped-def]
    """Find the distances at which the last bytes, of late and for longer, were most alike. `c` is
    the last byte of the only stream."""
    pos = st[S_POS]
    if pos < 2:
        return
    first = max(FAR + 1 - pos, 0)
    back = pos - 1 - FAR
    st[S_SLOW_SCORE], st[S_SLOW] = _follow(scores, 0, history, first, back, c, SLOW_DECAY)
    st[S_FAST_SCORE], st[S_FAST] = _follow(scores, FAR, history, first, back, c, FAST_DECAY)
