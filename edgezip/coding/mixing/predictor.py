"""Bit prediction: bit histories, direct maps, match models, mixer and probability maps, one bit at a time."""

from __future__ import annotations

import numpy as np
from edgezip.coding.jit import njit

from .layout import (
    APM_BINS,
    APM_SIZE,
    BIAS_INPUT,
    DIRECT,
    DIRECT_INPUT,
    INPUTS,
    MATCH_INPUT,
    MATCHES,
    MODEL_INPUT,
    N_CONTEXTS,
    R_APM,
    R_BITS,
    R_C0,
    R_CHAR,
    R_EXPECT,
    R_FINAL,
    R_HITS,
    R_DEPTH,
    R_MASK,
    R_MIX,
    R_TOKENS,
    R_NODE,
    R_P,
    R_RATE,
    R_STREAM,
    R_TUNE,
    S_C4,
    S_FIELD,
    S_LINE,
    S_MATCH,
    S_POS,
    SET_SIZE,
    SETS,
)
from .model import Model

_M32 = 0xFFFFFFFF


@njit()
def find_slot(slots, z, mask):
    """Return the offset of the slot of hash `z` (63 bits), replacing the least used of its line if new."""
    base = ((z >> 20) & mask) << 6
    check = (z >> 44) & 255
    worst = base
    lowest = 256
    for k in range(4):
        b = base + 16 * k
        if slots[b] == check:
            return b
        if slots[b + 1] < lowest:
            lowest = slots[b + 1]
            worst = b
    for k in range(16):
        slots[worst + k] = 0
    slots[worst] = check
    return worst


@njit(inline="always")
def begin_nibble(m):
    """Look up the slots of all contexts for the nibble, or end-of-token decision, of the present partial byte."""
    r = m.scratch
    known = r[R_BITS] & 3
    mask = r[R_MASK]
    salt = ((r[R_C0] >> known) * 0x9E3779B1) & _M32
    dmask = (m.direct.shape[0] >> 4) - 1
    if r[R_BITS] == 8:
        tail = (mask + 1) << 6
        for i in range(N_CONTEXTS):
            z = (m.hashes[i] ^ 0x2545F491) * 0x5851F42D
            m.bases[i] = tail + ((z >> 24) & ((mask << 3) | 7))
    else:
        for i in range(N_CONTEXTS):
            m.bases[i] = find_slot(m.slots, (m.hashes[i] ^ salt) * 0x5851F42D, mask)
    for i in range(DIRECT):
        z = (m.hashes[N_CONTEXTS + i] ^ salt) * 0x5851F42D
        m.dbases[i] = ((z >> 24) & dmask) << 4


@njit()
def _mix(weights, x, row):
    w = weights[row * INPUTS : row * INPUTS + INPUTS]
    acc = 0
    for j in range(INPUTS):
        acc += x[j] * w[j]
    return acc


@njit()
def _train(weights, x, row, step):
    w = weights[row * INPUTS : row * INPUTS + INPUTS]
    rate = np.int32(step)
    for j in range(INPUTS):
        w[j] += np.int32(np.int32(x[j] * rate) + np.int32(131072)) >> np.int32(18)


@njit()
def _clip(v, limit):
    return min(max(v, -limit), limit)


@njit(inline="always")
def _select(m, logit):
    """Choose the weight row of each set and of the final mixer."""
    r = m.scratch
    c0 = r[R_C0]
    bits = r[R_BITS]
    st = m.streams[r[R_STREAM]]
    c4 = st[S_C4]
    group = bits >> 1
    length = 0
    agree = 0
    if r[R_EXPECT + 2] >= 0:
        length = 1 + ((r[R_EXPECT + 1] & 255) >> 3)
        agree = 1 if (logit > 0) == (r[R_EXPECT + 2] > 0) else 2
    long = 0
    if r[R_EXPECT + 6] >= 0:
        long = min(1 + ((r[R_EXPECT + 5] & 255) >> 5), 3)
    m.selected[0] = length * 9 + bits + 300 * long
    m.selected[1] = c0
    m.selected[2] = (c4 & 255) + 256 * group
    m.selected[3] = r[R_HITS] * 9 + bits + 64 * min(length >> 2, 7)
    m.selected[4] = r[R_CHAR] * 9 + bits
    if r[R_TOKENS]:
        strength = min((logit if logit > 0 else -logit) >> 7, 15)
        m.selected[5] = strength * 9 + bits + 144 * agree + 432 * min(r[R_DEPTH], 3)
    else:
        m.selected[5] = min(st[S_POS] - st[S_LINE], 255) + 256 * group
    m.selected[6] = ((c4 >> 8) & 255) + 256 * group
    r[R_FINAL] = c0 + 256 * min(length >> 2, 7)


@njit(inline="always")
def predict(m, logit):
    """Predict the next bit; returns P(1) in 1..65535. `logit` is the language model's stretch(P(1)), 0 without."""
    r = m.scratch
    x = m.inputs
    node = r[R_NODE]
    c0 = r[R_C0]
    hits = 0
    for i in range(N_CONTEXTS):
        s = m.slots[m.bases[i] + node]
        p = int(m.maps[(i << 8) + s] >> 20)
        x[2 * i] = m.stretch[p]
        x[2 * i + 1] = p - 2048
        if i >= 1 and i < 7:
            hits += s != 0
    r[R_HITS] = hits
    for i in range(DIRECT):
        x[DIRECT_INPUT + i] = m.stretch[int(m.direct[m.dbases[i] + node] >> 20)]
    bits = r[R_BITS]
    for k in range(MATCHES):
        e = R_EXPECT + 4 * k
        x[MATCH_INPUT + 2 * k] = 0
        x[MATCH_INPUT + 2 * k + 1] = 0
        bit = -1
        j = r[e + 1]
        if r[e] >= 0:
            if bits == 8:
                bit = r[e + 3]
                j |= 512
            elif ((r[e] | 256) >> (8 - bits)) == c0:
                bit = (r[e] >> (7 - bits)) & 1
            else:
                r[e] = -1
        r[e + 2] = bit
        if bit >= 0:
            p = int(m.matchmaps[j] >> 20)
            a = m.stretch[p]
            b = p - 2048
            x[MATCH_INPUT + 2 * k] = a if bit else -a
            x[MATCH_INPUT + 2 * k + 1] = b if bit else -b
    _select(m, logit)
    x[MODEL_INPUT] = logit
    x[MODEL_INPUT + 1] = (m.squash[logit + 3072] - 32768) >> 4
    x[BIAS_INPUT] = 256
    acc = 0
    frow = r[R_FINAL] * 8
    for k in range(SETS):
        row = k * SET_SIZE + m.selected[k]
        d = _clip(_mix(m.weights, x, row) >> 16, 2047)
        m.outputs[k] = d
        acc += d * m.final[frow + k]
    mixed = _clip(acc >> 16, 2047)
    r[R_MIX] = mixed
    p = m.squash[mixed + 3072]
    # adaptive probability maps
    c4 = m.streams[r[R_STREAM], S_C4]
    t = (mixed + 2048) * (APM_BINS - 1)
    lo = t >> 12
    w = t & 4095
    i0 = c0 | (c4 & 255) << 8
    i1 = ((c4 & 0xFFFF) * 0x3D4D51CB + c0 * 0x2F0B4C47 >> 13) & 65535
    e = r[R_EXPECT]
    i2 = c0 | (e + 1 if e >= 0 else 0) * 256 if e < 255 else c0
    i2 = i2 & 65535
    base0 = i0 * APM_BINS + lo
    base1 = (APM_SIZE + i1) * APM_BINS + lo
    base2 = (2 * APM_SIZE + i2) * APM_BINS + lo
    q0 = (m.apms[base0] * (4096 - w) + m.apms[base0 + 1] * w) >> 12
    q1 = (m.apms[base1] * (4096 - w) + m.apms[base1 + 1] * w) >> 12
    q2 = (m.apms[base2] * (4096 - w) + m.apms[base2 + 1] * w) >> 12
    up = w >> 11
    r[R_APM] = base0 + up
    r[R_APM + 1] = base1 + up
    r[R_APM + 2] = base2 + up
    p = (2 * p + q0 + q1 + 2) >> 2
    p = min(max(p, 1), 65535)
    r[R_P] = p
    return p


@njit(inline="always")
def update(m, bit):
    """Adapt everything that took part in the last prediction to `bit` and move on to the next one."""
    r = m.scratch
    node = r[R_NODE]
    x = m.inputs
    full = bit << 16
    # mixers
    err = full - m.squash[r[R_MIX] + 3072]
    frow = r[R_FINAL] * 8
    step = err * r[R_TUNE] >> 8
    rate = r[R_RATE]
    for k in range(SETS):
        d = m.outputs[k]
        e = (full - m.squash[d + 3072]) * rate >> 12
        m.final[frow + k] += (d * step + 32768) >> 16
        _train(m.weights, x, k * SET_SIZE + m.selected[k], e)
    # bit histories
    target = 4194303 * bit
    for i in range(N_CONTEXTS):
        a = m.bases[i] + node
        s = m.slots[a]
        if s:
            j = (i << 8) + s
            v = int(m.maps[j])
            n = v & 1023
            p = v >> 10
            p += ((target - p) >> 3) * m.reciprocal[n] >> 13
            m.maps[j] = p << 10 | min(n + 1, r[R_TUNE + 1])
        m.slots[a] = m.follow[2 * s + bit]
    for i in range(DIRECT):
        a = m.dbases[i] + node
        v = int(m.direct[a])
        n = v & 1023
        p = v >> 10
        p += ((target - p) >> 3) * m.reciprocal[n] >> 13
        m.direct[a] = p << 10 | min(n + 1, r[R_TUNE + 2])
    for k in range(MATCHES):
        e = R_EXPECT + 4 * k
        if r[e + 2] >= 0:
            j = r[e + 1] | (512 if r[R_BITS] == 8 else 0)
            v = int(m.matchmaps[j])
            n = v & 1023
            p = v >> 10
            p += (((4194303 if r[e + 2] == bit else 0) - p) >> 3) * m.reciprocal[n] >> 13
            m.matchmaps[j] = p << 10 | min(n + 1, 1023)
    for k in range(3):
        a = r[R_APM + k]
        m.apms[a] += ((full - bit) - m.apms[a]) >> r[R_TUNE + 3]
    r[R_C0] = r[R_C0] << 1 | bit
    r[R_NODE] = node << 1 | bit
    r[R_BITS] += 1
