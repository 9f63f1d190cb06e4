"""What zlib takes next: a literal or a match, from hash chains, greedily or lazily.

A token is an int32: a literal's byte, or a match as distance << 9 | length.
"""

from __future__ import annotations

import numpy as np
from numba import types as nt

from edgezip.coding.deflate.tables import MAX_DISTANCE, MAX_MATCH, MIN_MATCH
from edgezip.coding.jit import lazy_njit, njit

GOOD, LAZY, NICE, CHAIN, GREEDY, FILTERED, WINDOW_BITS, HASH_BITS, RUNS, FAR = range(10)
"""Places of a configuration: the four columns of zlib's table; whether the search is greedy
(levels 1 to 3); the strategy for filtered data; sizes; 1: only runs are looked for, 2: nothing; the
distance from which matches of three bytes are not taken."""
POSITION, INSERTED, PENDING, PENDING_START, COUNT, NEXT, ERROR = range(7)
"""Places of the state: bytes done; bytes whose strings are in the chains; length of the match known
at the position, -1 if it was not searched, and where that begins; tokens so far; corrections so
far; not 0 where a correction was impossible."""

_LOOKAHEAD = MAX_MATCH + MIN_MATCH + 1


@njit(_nrt=False, nogil=True)
def _insert(data, end, config, state, head, prev):  # type: ignore[no-untyped-def]
    """Put the strings before `end` into the chains."""
    mask = (1 << config[WINDOW_BITS]) - 1
    bits = config[HASH_BITS]
    shift = (bits + 2) // 3
    for i in range(state[INSERTED], min(end, data.size - 2)):
        first, second, third = np.int64(data[i]), np.int64(data[i + 1]), np.int64(data[i + 2])
        slot = (first << (2 * shift) ^ second << shift ^ third) & ((1 << bits) - 1)
        prev[i & mask] = head[slot]
        head[slot] = i
    state[INSERTED] = max(state[INSERTED], end)


@njit(_nrt=False, nogil=True)
def _longest(data, at, best, config, state, head, prev):  # type: ignore[no-untyped-def]
    """Length and start of the match at `at` that is longer than `best`, or (2, 0)."""
    ahead = data.size - at
    if ahead < MIN_MATCH or best >= ahead:
        return 2, 0
    _insert(data, at + 1, config, state, head, prev)
    mask = (1 << config[WINDOW_BITS]) - 1
    reach = mask + 1 - _LOOKAHEAD
    source = np.int64(prev[at & mask])
    if source <= 0 or at - source > reach:
        return 2, 0
    chain = config[CHAIN] >> 2 if best >= config[GOOD] else config[CHAIN]
    nice = min(config[NICE], ahead)
    limit = max(at - reach, 0)
    most = min(MAX_MATCH, ahead)
    found, start = best, np.int64(0)
    while True:
        if data[source + found] == data[at + found] and data[source] == data[at]:
            length = 0
            while length < most and data[source + length] == data[at + length]:
                length += 1
            if length > found:
                found, start = length, source
                if length >= nice:
                    break
        source = np.int64(prev[source & mask])
        chain -= 1
        if source <= limit or chain == 0:
            break
    if found <= best:
        return 2, 0
    filtered = config[FILTERED] and found <= 5 and not config[GREEDY]
    if filtered or (found == MIN_MATCH and at - start > config[FAR] and not config[GREEDY]):
        return 2, 0
    return found, start


@njit(_nrt=False, nogil=True)
def _run(data, at):  # type: ignore[no-untyped-def]
    """Length of the run that goes on at `at`, 0 for none."""
    most = min(MAX_MATCH, data.size - at)
    length = 0
    while at and length < most and data[at + length] == data[at - 1]:
        length += 1
    return length


@njit(_nrt=False, nogil=True)
def _expected(data, config, state, head, prev):  # type: ignore[no-untyped-def]
    """The token that zlib takes at the position."""
    at = state[POSITION]
    literal = np.int64(data[at])
    if config[RUNS]:
        length = _run(data, at) if config[RUNS] == 1 else 0
        return 1 << 9 | length if length >= MIN_MATCH else literal
    length, start = state[PENDING], state[PENDING_START]
    if length < 0:
        length, start = _longest(data, at, MIN_MATCH - 1, config, state, head, prev)
    state[PENDING] = -1
    if length < MIN_MATCH:
        return literal
    if not config[GREEDY] and length < config[LAZY]:
        longer, later = _longest(data, at + 1, length, config, state, head, prev)
        if longer > length:
            state[PENDING], state[PENDING_START] = longer, later
            return literal
    return (at - start) << 9 | length


@lazy_njit(
    nt.void(
        nt.Array(nt.uint8, 1, "C", readonly=True), nt.int64[::1], nt.int64[::1], nt.int32[::1],
        nt.int32[::1], nt.int32[::1], nt.int64, nt.int64[:, ::1], nt.boolean,
    ),
    nogil=True,
)  # fmt: skip
def walk(data, config, state, head, prev, tokens, limit, corrections, follow):  # type: ignore[no-untyped-def]
    """Go over at most `limit` tokens of `data`, to its end at most.

    follow: `tokens` are those of a stream, and where they differ from what is expected a row
    (number, token) goes to `corrections` (n, 2), until it is full: then it stops. Else `tokens` are
    written, the ones of `corrections` instead of those expected.
    """
    begin = state[COUNT]
    for i in range(limit):
        at = state[POSITION]
        if at >= data.size:
            break
        token = _expected(data, config, state, head, prev)
        row = state[NEXT]
        if follow:
            actual = np.int64(tokens[i])
            if actual != token:
                if row >= corrections.shape[0]:
                    state[ERROR] = 1
                    break
                corrections[row, 0], corrections[row, 1] = begin + i, actual
                state[NEXT] = row + 1
                state[PENDING] = -1
                token = actual
        elif row < corrections.shape[0] and corrections[row, 0] == begin + i:
            token = corrections[row, 1]
            state[NEXT] = row + 1
            state[PENDING] = -1
        length = token & 511 if token > 255 else 1
        if token > 255 and (
            not MIN_MATCH <= length <= min(MAX_MATCH, data.size - at)
            or not 1 <= token >> 9 <= min(at, MAX_DISTANCE)
        ):
            state[ERROR] = 2
            break
        if not follow:
            tokens[i] = token
        if not config[RUNS]:
            if config[GREEDY] and length > config[LAZY]:
                _insert(data, at + 1, config, state, head, prev)
                state[INSERTED] = at + length
            else:
                _insert(data, at + length, config, state, head, prev)
        state[POSITION] = at + length
        state[COUNT] += 1
