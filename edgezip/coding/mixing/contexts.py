"""Byte-level work: history, word, line and record state of a stream, context hashes, match pointers."""

from __future__ import annotations

from edgezip.coding.jit import njit

from .layout import (
    DIRECT,
    MATCHES,
    N_CONTEXTS,
    R_BITS,
    R_C0,
    R_CHAR,
    R_EXPECT,
    R_RECORD,
    R_STREAM,
    R_TOKENS,
    S_C4,
    S_C8,
    S_FIELD,
    S_KEY,
    S_LINE,
    S_LINE1,
    S_MATCH,
    S_POS,
    S_PREFIX,
    S_TOKEN0,
    S_TOKEN1,
    S_RECORD,
    S_SHAPE,
    S_WORD0,
    S_WORD1,
    S_WORD2,
)
_M32 = 0xFFFFFFFF


@njit()
def _hash(h, v):
    z = ((h ^ v) & 0xFFFFFFFF) * 0x6C8E9CF5
    return (z >> 16 ^ z) & 0xFFFFFFFF


@njit()
def _two(h, a, b):
    return _hash(_hash(h * 0x1F123BB5 & 0xFFFFFFFF, a), b)


@njit()
def _byte(m, s, pos):
    """Byte `pos` of stream `s`, 0 before its start."""
    if pos < 0:
        return 0
    return int(m.history[pos * m.streams.shape[0] + s])


@njit(inline="always")
def set_contexts(m, s):
    """Set the hashes of every context of the next byte of stream `s`, and what the match models expect."""
    r = m.scratch
    st = m.streams[s]
    h = m.hashes
    c4 = st[S_C4]
    c8 = st[S_C8]
    pos = st[S_POS]
    b1 = c4 & 255
    b2 = (c4 >> 8) & 255
    b3 = (c4 >> 16) & 255
    b4 = (c4 >> 24) & 255
    w0 = st[S_WORD0]
    w1 = st[S_WORD1]
    col = pos - st[S_LINE]
    above = 0
    if st[S_LINE1] + col < st[S_LINE]:
        above = _byte(m, s, st[S_LINE1] + col)
    above1 = _byte(m, s, st[S_LINE1] + col - 1) if st[S_LINE1] + col - 1 < st[S_LINE] else 0
    rec = st[S_RECORD]
    r1 = _byte(m, s, pos - rec)
    r2 = _byte(m, s, pos - 2 * rec)
    r1b = _byte(m, s, pos - rec + 1)
    phase = pos % rec if rec > 1 else 0
    h[0] = 0
    h[1] = _two(1, b1, 0)
    h[2] = _two(2, c4 & 0xFFFF, 0)
    h[3] = _two(3, c4 & 0xFFFFFF, 0)
    h[4] = _two(4, c4, 0)
    h[5] = _two(5, c4, c8 & 0xFF)
    h[6] = _two(6, c4, c8 & 0xFFFF)
    h[7] = _two(7, c4, c8)
    h[8] = _two(8, w0, b1)
    h[9] = _two(9, w0, w1)
    h[10] = _two(10, w0, st[S_WORD2] + b1 * 0x1000193)
    h[11] = _two(11, c4 & 0xFFFF00, 0)
    h[12] = _two(12, c4 & 0xFF00FF00, 0)
    h[13] = _two(13, c4 & 0xFFFF0000, 0)
    h[14] = _two(14, r1 | b1 << 8, rec)
    h[15] = _two(15, r1 | r2 << 8, phase)
    h[16] = _two(16, phase | rec << 16, b1)
    h[17] = _two(17, above | b1 << 8 | above1 << 16, 0)
    h[18] = _two(18, col, above)
    h[19] = _two(19, st[S_SHAPE] & _M32, b1)
    h[20] = _two(20, st[S_FIELD], w0)
    h[21] = _two(21, m.heads[b1] & 0xFFFF, b1)
    h[22] = _two(22, m.heads[256 + (c4 & 0xFFFF)] & 0xFFFF, b1)
    e0 = r[R_EXPECT]
    # match models
    for k in range(MATCHES):
        f = S_MATCH + 3 * k
        e = R_EXPECT + 4 * k
        r[e] = -1
        if st[f] > 0:
            r[e] = int(m.history[st[f]]) & 255
            r[e + 3] = -1
            if st[f] >= m.streams.shape[0]:
                ended = m.bounds[st[f] - m.streams.shape[0]]
                r[e + 3] = 1 - ended if ended < 2 else -1
            length = st[f + 1]
            bucket = min(length, 15) if length < 16 else min(16 + (length - 16 >> 3), 31)
            r[e + 1] = 256 * k + bucket * 8 + min(st[f + 2] & 7, 7)
    if r[R_TOKENS]:
        h[24] = _two(24, st[S_PREFIX], st[S_TOKEN0])
        h[25] = _two(25, st[S_PREFIX], (st[S_TOKEN0] * 0x2F0B4C47 + st[S_TOKEN1]) & _M32)
    else:
        h[24] = _two(24, w0, (w1 * 0x2F0B4C47 + st[S_WORD2]) & _M32)
        h[25] = _two(25, c4 & 0xF0F0F0FF, c8 & 0xF0F0)
    h[23] = _two(23, r[R_EXPECT] + 1 | min(st[S_MATCH + 1], 15) << 9, b1)
    d = N_CONTEXTS
    h[d] = 0x51ED270
    h[d + 1] = _two(31, b1, 0)
    h[d + 2] = _two(32, c4 & 0xFFFF, 0)
    h[d + 3] = _two(33, c4 & 0xFFFFFF, 0)
    h[d + 4] = _two(34, w0, b1)
    h[d + 5] = _two(35, r1 | b1 << 8, phase)
    r[R_CHAR] = st[S_SHAPE] & 255


@njit()
def _class(c):
    """0 other, 1 letter, 2 digit, 3 space and control."""
    if (c >= 97 and c <= 122) or (c >= 65 and c <= 90) or c >= 128:
        return 1
    if c >= 48 and c <= 57:
        return 2
    if c <= 32:
        return 3
    return 0


@njit(inline="always")
def _follow_match(m, s, k, c):
    """Advance match model `k` past byte `c` and look for a new match where there is none."""
    st = m.streams[s]
    n = m.streams.shape[0]
    f = S_MATCH + 3 * k
    pos = st[S_POS]
    want = 6 if k == 0 else 20
    if st[f] > 0:
        if m.history[st[f]] == c:
            st[f + 1] += 1
            st[f] += n
            if st[f + 1] == 16:
                st[f + 2] = st[f + 2] >> 1
        else:
            st[f + 1] = 0
            st[f] += n
            st[f + 2] += 1
            if st[f + 2] >= 8:
                st[f] = 0
                st[f + 2] = 0
        if st[f] >= m.streams[st[f] % n, S_POS] * n + st[f] % n:
            st[f] = 0
    if pos < want:
        return
    h = 0
    base = (pos - 1) * n + s
    for j in range(want):
        h = (h ^ int(m.history[base - j * n])) * 0x2C1B3C6D & 0xFFFFFFFF
        h ^= h >> 13
    size = m.seen.shape[0] >> 1
    slot = k * size + ((h * 0x5851F42D >> 20) & (size - 1))
    if st[f] == 0 or st[f + 1] < want:
        q = m.seen[slot]
        if q > 0:
            length = 0
            a = q - n
            b = base
            while length < 400 and a >= 0 and b >= 0 and m.history[a] == m.history[b]:
                length += 1
                a -= n
                b -= n
            if length >= want and length > st[f + 1]:
                st[f] = q
                st[f + 1] = length
                st[f + 2] = 0
    m.seen[slot] = base + n


@njit(inline="always")
def _vote_record(m, st, c, pos):
    """Find the record length: the distance at which the last byte pairs repeat most often."""
    key = 65536 + (st[S_C4] & 0xFFFF)
    d = pos - m.heads[key + 1024]
    m.heads[key + 1024] = pos
    if d < 2048 and d > 1:
        v = m.votes
        v[d] += 16
        if v[d] > v[st[S_RECORD]]:
            st[S_RECORD] = d
    if pos & 255 == 0:
        for j in range(2048):
            m.votes[j] -= m.votes[j] >> 2


@njit(inline="always")
def end_token(m, s, leaf):
    """Note that a token, leaf number `leaf`, ended in stream `s`."""
    st = m.streams[s]
    n = m.streams.shape[0]
    m.bounds[(st[S_POS] - 1) * n + s] = 1
    st[S_TOKEN1] = st[S_TOKEN0]
    st[S_TOKEN0] = leaf + 1
    st[S_PREFIX] = 0


@njit(inline="always")
def end_byte(m, s, c, bound):
    """Append byte `c` to stream `s` and bring its state up to date."""
    st = m.streams[s]
    n = m.streams.shape[0]
    pos = st[S_POS]
    m.history[pos * n + s] = c
    m.bounds[pos * n + s] = bound
    st[S_PREFIX] = _hash(st[S_PREFIX], c + 1)
    c4 = st[S_C4]
    b1 = c4 & 255
    m.heads[b1] = m.heads[b1] << 8 & 0xFFFFFF | c
    j = 256 + (c4 & 0xFFFF)
    m.heads[j] = m.heads[j] << 8 & 0xFFFFFF | c
    st[S_C8] = (st[S_C8] << 8 | c4 >> 24) & _M32
    st[S_C4] = (c4 << 8 | c) & _M32
    pos += 1
    st[S_POS] = pos
    kind = _class(c)
    if kind == 1:
        low = c + 32 if c >= 65 and c <= 90 else c
        st[S_WORD0] = _hash(st[S_WORD0], low + 1)
    elif st[S_WORD0]:
        st[S_WORD2] = st[S_WORD1]
        st[S_WORD1] = st[S_WORD0]
        st[S_WORD0] = 0
    before = st[S_SHAPE]
    shape = c if kind == 0 else kind
    st[S_SHAPE] = _hash(before, shape) if False else (before << 2 | kind) & 0xFFFF
    if c == 10:
        st[S_LINE1] = st[S_LINE]
        st[S_LINE] = pos
        st[S_FIELD] = 0
    elif kind == 0 or c == 32:
        st[S_FIELD] = _hash(st[S_FIELD], c)
    _vote_record(m, st, c, pos)
    for k in range(MATCHES):
        _follow_match(m, s, k, c)
