"""The seams between the shared kernels and those of the profiles: one line a profile each.

`set_contexts` and `select` are asked before a byte and before a decision.
"""

from __future__ import annotations

from edgezip.coding.jit import njit

from .binary import binary_contexts
from .code import code_contexts, code_rows
from .guesses import set_guesses
from .history import set_direct
from .layout import R_C0, R_FINAL_ROWS, R_PROFILE, R_RESIDUALS, R_STREAM
from .lines import line_contexts, line_rows
from .match import expect, match_length
from .profile import BINARY, CODE, LINES, RECORDS, TOKENS
from .records import record_contexts, record_rows
from .text import byte_rows, text_contexts
from .tokens import token_contexts, token_rows


@njit(_nrt=False)
def _set_contexts(r, hashes, direct_hashes, streams, history, bounds, heads, fields, s):  # type: ignore[no-untyped-def]
    st = streams[s]
    n = streams.shape[0]
    expect(r, streams, history, bounds, s)
    profile = r[R_PROFILE]
    if profile == BINARY:
        binary_contexts(r, hashes, history, heads, n, s, st)
    elif profile == LINES:
        line_contexts(r, hashes, history, heads, fields[s], n, s, st)
    elif profile == RECORDS:
        record_contexts(r, hashes, history, heads, n, s, st)
    elif profile == CODE:
        code_contexts(hashes, heads, st)
    elif profile == TOKENS:
        token_contexts(r, hashes, history, heads, fields[s], n, s, st)
    else:
        text_contexts(r, hashes, history, heads, fields[s], n, s, st)
    set_direct(direct_hashes, history, n, s, st)


@njit(inline="always", _nrt=False)
def set_contexts(m, s):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`, what the match models expect,
    and what the residual models guess."""
    _set_contexts(
        m.scratch, m.hashes, m.direct_hashes, m.streams, m.history, m.bounds, m.heads, m.fields, s
    )  # fmt: skip
    if m.scratch[R_RESIDUALS] > 0:
        set_guesses(m, s)


@njit(_nrt=False, forceinline=True)
def select(r, streams, history, fields, selected, logit):  # type: ignore[no-untyped-def]
    """Choose the weight row of each set and of the final mixer, and the rows of those probability
    maps that are the profile's. Set HITS_SET lacks the hits of the contexts yet."""
    s = r[R_STREAM]
    st = streams[s]
    n = streams.shape[0]
    r[R_FINAL_ROWS] = r[R_C0] + 256 * min(match_length(r) >> 2, 7)
    profile = r[R_PROFILE]
    if profile == TOKENS:
        token_rows(r, history, n, s, st, selected, logit)
    elif profile == LINES:
        line_rows(r, history, n, s, st, selected)
    elif profile == RECORDS:
        record_rows(r, history, n, s, st, selected)
    elif profile == CODE:
        code_rows(r, history, n, s, st, selected)
    else:
        byte_rows(r, st, selected)
