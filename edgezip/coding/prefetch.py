"""A hint to the processor that memory will be needed soon. It has no effect on any result.

The context mixer reads dozens of unrelated cache lines per decision. Asked for one after the other,
each behind a comparison with the one before, they cost a trip to memory apiece; asked for together
they cost one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from edgezip.coding.jit import PLAIN

_INT32 = ir.IntType(32)
# To be read, though much of it is written afterwards; to the second level of the cache, for which
# more lines can be on their way at a time than for the first.
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1


def _prefetch() -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(view.data, [arguments[1]])
        pointer = builder.bitcast(address, ir.IntType(8).as_pointer())
        hints = [ir.Constant(_INT32, value) for value in (_READ, _SECOND_LEVEL, _DATA)]
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, _INT32, _INT32, _INT32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(function, [pointer, *hints])
        return context.get_dummy_value()

    def typed(_context: Any, array: Any, _index: Any) -> Any:
        return types.void(array, types.intp), generate

    return intrinsic(typed)


def _nothing(_array: Any, _index: Any) -> None:
    """What a hint does where kernels are Python."""


if PLAIN:
    prefetch: Any = _nothing
else:
    prefetch = _prefetch()
    """`prefetch(array, index)` in a kernel asks for the cache line of element `index` of an array
    in C order; any index is allowed."""
