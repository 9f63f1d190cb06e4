"""Rows of 16-bit weights over 16-bit inputs: the arithmetic of the context mixer.

As `gated`, in half of the memory and a quarter of the time: processors add up 16-bit products two
at a time (`pmaddwd`, `smlal`), and a step along the inputs is a high half of a product. Weights
have WEIGHT_BITS fraction bits, so they end at +-4; with finer ones nothing became smaller.

Rows are whole blocks of BLOCK places. Their loops are written in LLVM's vectors, which fit every
processor: of plain loops LLVM made half as wide ones for sums, and narrow ones for what is left
over behind them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils as _cgutils
from numba.core import types
from numba.extending import intrinsic

from edgezip.coding.jit import PLAIN, njit
from edgezip.coding.logistic import CLIP

WEIGHT_BITS = 13
"""Fraction bits of a weight."""
BLOCK = 32
"""Places of a block: 64 bytes, a line of the processor's cache."""

_CODE: Any = _cgutils
_INT16, _INT32 = ir.IntType(16), ir.IntType(32)
_BLOCK_16, _BLOCK_32 = ir.VectorType(_INT16, BLOCK), ir.VectorType(_INT32, BLOCK)


def _same(value: int, kind: Any) -> Any:
    """A vector of BLOCK times `value`."""
    return ir.Constant(kind, [value] * BLOCK)


def _filled(builder: Any, value: Any, kind: Any) -> Any:
    """A vector of BLOCK times a value that is known when the code runs."""
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _INT32(0))
    return builder.shuffle_vector(first, first, _same(0, _BLOCK_32))


class _Rows:
    """The two arrays of a call, read and written in blocks."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._builder = builder
        arrays = (context.make_array(signature.args[i]) for i in (0, 2))
        weights, inputs = (
            make(context, builder, arguments[i]).data
            for make, i in zip(arrays, (0, 2), strict=True)
        )
        self._weights = builder.gep(weights, [arguments[1]])
        self._inputs = inputs

    def _place(self, begin: Any, index: Any) -> Any:
        place = self._builder.gep(begin, [self._builder.mul(index, index.type(BLOCK))])
        return self._builder.bitcast(place, _BLOCK_16.as_pointer())

    def weights(self, index: Any) -> Any:
        """Block `index` of the row."""
        return self._builder.load(self._place(self._weights, index), align=2)

    def inputs(self, index: Any) -> Any:
        """Block `index` of the inputs."""
        return self._builder.load(self._place(self._inputs, index), align=2)

    def store(self, index: Any, weights: Any) -> None:
        """Set block `index` of the row."""
        self._builder.store(weights, self._place(self._weights, index), align=2)


def _products(builder: Any, a: Any, b: Any) -> Any:
    return builder.mul(builder.sext(a, _BLOCK_32), builder.sext(b, _BLOCK_32))


def _sum_of_products(pairs_first: bool | None = None) -> Any:
    # On x86 neighbours are added first, which is one instruction with the product.
    pairs = ir.VectorType(_INT32, BLOCK // 2)
    even, odd = (ir.Constant(pairs, list(range(first, BLOCK, 2))) for first in (0, 1))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = _Rows(context, builder, signature, arguments)
        in_pairs = "x86" in builder.module.triple if pairs_first is None else pairs_first
        kind = pairs if in_pairs else _BLOCK_32
        total = _CODE.alloca_once_value(builder, ir.Constant(kind, [0] * kind.count))
        with _CODE.for_range(builder, arguments[3]) as loop:
            products = _products(builder, rows.weights(loop.index), rows.inputs(loop.index))
            if in_pairs:
                products = builder.add(
                    builder.shuffle_vector(products, products, even),
                    builder.shuffle_vector(products, products, odd),
                )
            builder.store(builder.add(builder.load(total), products), total)
        vector, size = builder.load(total), kind.count
        while size > 1:
            size //= 2
            halves = [
                builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(_INT32, size), list(part))
                )
                for part in (range(size), range(size, 2 * size))
            ]
            vector = builder.add(*halves)
        return builder.extract_element(vector, _INT32(0))

    def typed(_context: Any, weights: Any, base: Any, x: Any, blocks: Any) -> Any:
        return types.int32(weights, base, x, blocks), generate

    return intrinsic(typed)


def _moved() -> Any:
    # The rounded product as two halves: LLVM knows instructions for each, and none for 32-bit
    # products that it then has to narrow.
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = _Rows(context, builder, signature, arguments)
        step = _filled(builder, arguments[4], _BLOCK_16)
        adding = _CODE.get_or_insert_function(
            builder.module,
            ir.FunctionType(_BLOCK_16, [_BLOCK_16, _BLOCK_16]),
            f"llvm.sadd.sat.v{BLOCK}i16",
        )
        with _CODE.for_range(builder, arguments[3]) as loop:
            x = rows.inputs(loop.index)
            product = _products(builder, x, step)
            high = builder.trunc(builder.lshr(product, _same(16, _BLOCK_32)), _BLOCK_16)
            half_up = builder.lshr(builder.mul(x, step), _same(15, _BLOCK_16))
            moved = builder.call(adding, [rows.weights(loop.index), builder.add(high, half_up)])
            rows.store(loop.index, moved)
        return context.get_dummy_value()

    def typed(_context: Any, weights: Any, base: Any, x: Any, blocks: Any, step: Any) -> Any:
        return types.void(weights, base, x, blocks, types.int16), generate

    return intrinsic(typed)


def _sum_plainly(weights: Any, base: int, x: Any, blocks: int) -> int:
    """What `sum_of_products` does where kernels are Python."""
    places = range(blocks * BLOCK)
    total = sum(int(x[j]) * int(weights[base + j]) for j in places)
    return (total + (1 << 31)) % (1 << 32) - (1 << 31)


def _move_plainly(weights: Any, base: int, x: Any, blocks: int, step: int) -> None:
    """What `move` does where kernels are Python."""
    for j in range(blocks * BLOCK):
        moved = int(weights[base + j]) + (int(x[j]) * int(step) + 32768 >> 16)
        weights[base + j] = min(max(moved, -32768), 32767)


if PLAIN:
    sum_of_products: Any = _sum_plainly
    move: Any = _move_plainly
else:
    sum_of_products = _sum_of_products()
    """`sum_of_products(weights, base, x, blocks)`, in a kernel, int16 arrays: of the first blocks
    of `x` with the row at `base`; modulo 2**32, int32."""
    move = _moved()
    """`move(weights, base, x, blocks, step)`: every weight of the row + x * step / 65536, rounded
    and kept within 16 bits."""


@njit(_nrt=False, forceinline=True)
def dot(weights, base, x, blocks):  # type: ignore[no-untyped-def]
    """Weighted sum of the first `blocks` of inputs by the row at `base`, as a logit in stretch
    units. The sum is kept modulo 2**32; rows as they are learned come nowhere near."""
    total = int(sum_of_products(weights, base, x, blocks))
    return min(max(total >> WEIGHT_BITS, -CLIP), CLIP)


@njit(_nrt=False, forceinline=True)
def train(weights, base, x, step, blocks):  # type: ignore[no-untyped-def]
    """Move the first `blocks` of the row at `base` along the inputs by `step`, the scaled error, in
    16 bits."""
    move(weights, base, x, blocks, np.int16(step))
