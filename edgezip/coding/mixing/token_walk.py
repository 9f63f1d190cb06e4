"""Tokens as walks through the byte trie, coded decision by decision: the kernel of both sides."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit
from edgezip.coding.prefetch import prefetch
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit

from .history import end_byte, end_token
from .layout import (
    MATCHES,
    R_BITS,
    R_C0,
    R_DEPTH,
    R_EXPECT,
    R_NODE,
    R_STREAM,
    R_WRONG,
    SURE,
    WRONG_BITS,
    WRONG_LIMIT,
    WRONG_RATE,
)
from .match import set_expected
from .paths import split_logit, sum_before
from .predictor import announce_nibble, begin_nibble, predict, update
from .profiles import set_contexts
from .runs import find_runs, learn_runs
from .trie import BYTE, DEPTH, LEFT, LOW, MIDDLE, PHASE, RIGHT


@njit(inline="always", _nrt=False)
def _contradicted(r, phase, c, bit):  # type: ignore[no-untyped-def]
    """Whether a match model expects the other bit in a decision of `phase`; the bits of byte `c` in
    front of the one decided are known."""
    for e in range(R_EXPECT, R_EXPECT + 4 * MATCHES, 4):
        if phase == 0:
            if r[e + 3] == 1 - bit:
                return True
        elif r[e] >= 0:
            expected = r[e] | 256
            fits = expected >> (9 - phase) == (c | 256) >> (9 - phase)
            if fits and (expected >> (8 - phase)) & 1 != bit:
                return True
    return False


@njit(inline="always", _nrt=False)
def _pass(m, s, c, found):  # type: ignore[no-untyped-def]
    """Append byte `c` to stream `s`; `found`: its contexts were set, so runs learn it."""
    if found:
        learn_runs(m, c)
    end_byte(m, s, c, 0)


@njit(_nrt=False, nogil=True)
def run(m, trie, stretch, coder, data, decode, tokens, streams, logits, weights, sums):  # type: ignore[no-untyped-def]
    """Code `tokens` (n,) of `streams` (n,), or with `decode` fill them in.

    The encoder's decisions take their model logits one after the other from `logits`; the decoder
    computes them from `weights` (n, .) and `sums` (n, .), which `fill_weights` has filled. Decoding
    ends behind the payload's end, or where it cannot go on: `coder` then has an error. Returns how
    many decisions there were.
    """
    r = m.scratch
    used = 0
    for i in range(tokens.size):
        s = streams[i]
        leaf = -1
        low_sum = high_sum = middle_sum = np.int64(0)
        if decode:
            high_sum = sum_before(weights[i], sums[i], trie.tokens.size)
        else:
            leaf = trie.leaf_of[tokens[i]]
        if i + 1 < tokens.size and streams[i + 1] != s:
            # What the next token will look up first, in another stream; a hint, undone by the
            # `set_contexts` of this one.
            set_contexts(m, streams[i + 1])
            announce_nibble(m, 1)
        r[R_STREAM] = s
        node = 0
        depth = 0
        ready = -1  # depth that the contexts are set for
        told = -1  # depth that the match models' expectations are set for
        nibble = -1
        while node >= 0:
            at = trie.nodes[uintp(node)]
            middle = int(at[MIDDLE])
            phase = int(at[PHASE])
            if decode:
                prefetch(trie.nodes, int(at[LEFT]) * 8)
                prefetch(trie.nodes, int(at[RIGHT]) * 8)
            while depth < at[DEPTH]:
                _pass(m, s, int(trie.flat[trie.offsets[at[LOW]] + depth]), ready == depth)
                depth += 1
            if decode:
                middle_sum = sum_before(weights[i], sums[i], middle)
                logit = int(split_logit(stretch, low_sum, middle_sum, high_sum))
            else:
                logit = int(logits[used])
            used += 1
            alone = phase == 9  # the language model
            sure = abs(logit) >= SURE and not alone
            if sure:
                if told != depth:
                    set_expected(m, s)
                    told = depth
                sure = not _contradicted(r, phase, int(at[BYTE]), 1 if logit > 0 else 0)
                alone = sure and r[R_WRONG] < WRONG_LIMIT
            if alone:
                p = min(max(m.squash[logit + 3072], 1), 65535)
            else:
                bits = phase - 1 if phase else 8
                c = int(at[BYTE]) | 256 if phase else 0
                r[R_C0] = c >> (8 - bits)
                r[R_BITS] = bits
                r[R_DEPTH] = depth
                if ready != depth:
                    set_contexts(m, s)
                    find_runs(m)
                    ready = told = depth
                if nibble != depth * 4 + (bits >> 2):
                    begin_nibble(m)
                    nibble = depth * 4 + (bits >> 2)
                    # What comes behind: the first nibble, unless the token ends; the encoder
                    # knows the second one, too.
                    if bits == 8:
                        announce_nibble(m, 1)
                    elif bits < 4 and not decode:
                        announce_nibble(m, int(trie.flat[trie.offsets[leaf] + depth]) >> 4 | 16)
                known = bits & 3
                r[R_NODE] = 1 << known | (r[R_C0] & ((1 << known) - 1))
                p = predict(m, logit)
            if decode:
                bit = decode_bit(coder, data, p, 16)
            else:
                bit = 1 if leaf >= middle else 0
                encode_bit(coder, data, p, 16, bit)
            if sure:
                wrong = np.int64((logit > 0) != (bit == 1))
                r[R_WRONG] += ((wrong << WRONG_BITS) - r[R_WRONG]) >> WRONG_RATE
            if not alone:
                update(m, bit)
            if bit:
                low_sum = middle_sum
                node = at[RIGHT]
            else:
                high_sum = middle_sum
                node = at[LEFT]
        if decode and coder[ERROR] != 0:
            break
        leaf = ~node
        text = trie.offsets[leaf]
        length = trie.offsets[leaf + 1] - text
        while depth < length:
            _pass(m, s, int(trie.flat[text + depth]), ready == depth)
            depth += 1
        end_token(m, s, leaf)
        tokens[i] = trie.tokens[leaf]
    return used
