"""Rows of 16-bit weights over 16-bit inputs: the arithmetic of the context mixer.

As `gated`, in half of the memory and a quarter of the time: processors add up 16-bit products two
at a time (`pmaddwd`, `smlal`), and a step along the inputs is a high half of a product. Weights
have WEIGHT_BITS fraction bits, so they end at +-4; with finer ones nothing became smaller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy import uintp

from edgezip.coding.jit import PLAIN, njit
from edgezip.coding.logistic import CLIP

WEIGHT_BITS = 13
"""Fraction bits of a weight."""

_INT16, _INT32 = ir.IntType(16), ir.IntType(32)


def _moved() -> Any:
    # The rounded product as two halves: LLVM knows instructions for each, and none for 32-bit
    # products that it then has to narrow.
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        weight, x, step = arguments
        product = builder.mul(builder.sext(x, _INT32), builder.sext(step, _INT32))
        high = builder.trunc(builder.lshr(product, ir.Constant(_INT32, 16)), _INT16)
        half_up = builder.lshr(builder.mul(x, step), ir.Constant(_INT16, 15))
        kind = ir.FunctionType(_INT16, [_INT16, _INT16])
        saturating = builder.module.declare_intrinsic("llvm.sadd.sat", [_INT16], kind)
        return builder.call(saturating, [weight, builder.add(high, half_up)])

    def typed(_context: Any, _weight: Any, _x: Any, _step: Any) -> Any:
        return types.int16(types.int16, types.int16, types.int16), generate

    return intrinsic(typed)


def _moved_plainly(weight: Any, x: Any, step: Any) -> Any:
    """What `moved` does where kernels are Python."""
    return np.int16(min(max(int(weight) + (int(x) * int(step) + 32768 >> 16), -32768), 32767))


if PLAIN:
    moved: Any = _moved_plainly
else:
    moved = _moved()
    """`moved(weight, x, step)`, int16 all, in a kernel: weight + x * step / 65536, rounded and kept
    within 16 bits."""


@njit(_nrt=False, forceinline=True)
def dot(weights, base, x, used):  # type: ignore[no-untyped-def]
    """Weighted sum of the first `used` inputs of the row at `base`, as a logit in stretch units.
    The sum is kept modulo 2**32; rows as they are learned come nowhere near."""
    acc = np.int32(0)
    for j in range(used):
        product = np.int32(x[uintp(j)]) * np.int32(weights[uintp(base + j)])
        acc = np.int32(acc + np.int32(product))
    return min(max(int(acc) >> WEIGHT_BITS, -CLIP), CLIP)


@njit(_nrt=False, forceinline=True)
def train(weights, base, x, step, used):  # type: ignore[no-untyped-def]
    """Move the row at `base` along the inputs by `step`, the scaled error, in 16 bits."""
    rate = np.int16(step)
    for j in range(used):
        weights[uintp(base + j)] = moved(weights[uintp(base + j)], x[uintp(j)], rate)
