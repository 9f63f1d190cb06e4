"""Logits from a C function, for kernels that decode many steps without the interpreter."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from edgezip.coding.jit import PLAIN, njit

_INT64 = ir.IntType(64)


class Source(NamedTuple):
    """The C function at address `function`, called with the addresses `context`, `batch` and that
    of `code` (int32, 1): evaluates `tokens` (int32, n) and returns the address of their logits,
    float32 (n, n_vocab), or 0 where that fails. `like` (uint32) has their shape; nobody looks into
    it."""

    function: int
    context: int
    batch: int
    code: NDArray[np.int32]
    tokens: NDArray[np.int32]
    like: NDArray[np.uint32]


def _make_call(_context: Any, _function: Any, _first: Any, _second: Any, code: Any) -> Any:
    """Call function(first, second, the address of array `code`), addresses in and out."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_INT64, [_INT64, _INT64, code_pointer])
        view = context.make_array(signature.args[3])(context, builder, arguments[3])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(function, [arguments[1], arguments[2], view.data])

    code_pointer = ir.IntType(32).as_pointer()
    return types.int64(types.int64, types.int64, types.int64, code), generate


def _make_rows(_context: Any, array: Any, _address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from numba.np.arrayobj import populate_array  # takes 30 ms, and only compiling needs it

        like = context.make_array(signature.args[0])(context, builder, arguments[0])
        moved = context.make_array(signature.return_type)(context, builder)
        populate_array(  # type: ignore[no-untyped-call]
            moved,
            data=builder.inttoptr(arguments[1], like.data.type),
            shape=like.shape,
            strides=like.strides,
            itemsize=like.itemsize,
            meminfo=None,
        )
        return moved._getvalue()  # noqa: SLF001 (Numba's)

    return array(array, types.int64), generate


def _plain_call(function: int, first: int, second: int, code: NDArray[np.int32]) -> int:
    prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, *[ctypes.c_void_p] * 3)
    return prototype(function)(first, second, code.ctypes.data) or 0


def _plain_rows(like: NDArray[np.uint32], address: int) -> NDArray[np.uint32]:
    values: NDArray[np.uint32] = np.ctypeslib.as_array(
        (ctypes.c_uint32 * like.size).from_address(address)
    )
    return values.reshape(like.shape)


_call: Any = _plain_call if PLAIN else intrinsic(_make_call)
rows_at: Any = _plain_rows if PLAIN else intrinsic(_make_rows)
"""`rows_at(like, address)` in a kernel: an array like `like` with its elements at an address."""


@njit(_nrt=False, nogil=True)
def next_logits(source):  # type: ignore[no-untyped-def]
    """Evaluate the tokens; the address of the logits, or 0."""
    return _call(source.function, source.context, source.batch, source.code)
