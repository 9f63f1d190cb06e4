"""Workers that do something one after another, round after round, from machine code.

A worker whose turn comes soon waits awake and without the interpreter's lock: to sleep and to be
woken, or to wait for the lock that the one before still holds, can take as long as a turn. Only who
waits longer sleeps in between.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from operator import getitem, setitem
from time import sleep
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from edgezip.coding.jit import PLAIN, njit

_WHOSE, _BROKEN = 0, 8  # a cache line each
_PATIENCE = 2000
"""Looks at the state before giving up; some 50 us."""
_NAP = 0.0001
"""Seconds, doubled after each nap in vain, `_DOUBLED` times."""
_DOUBLED = 5

COMES, NOT_YET, BROKEN = 0, -1, -2
"""What `wait_briefly` says; decoding kernels give the last two on."""


class Turn(NamedTuple):
    """The turn of worker `number`, before `following`; state int64 (16,) is shared by all."""

    state: NDArray[np.int64]
    number: int
    following: int


class Turns:
    """The turns of `count` workers, from number 0 on.

    A worker may end early if all behind it have ended.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._state = np.zeros(16, np.int64)

    def of(self, number: int) -> Turn:
        """The turn of one worker."""
        return Turn(self._state, number, (number + 1) % self.count)

    def break_off(self) -> None:
        """Make all workers give up when they wait for a turn."""
        self._state[_BROKEN] = 1


class BrokenOff(Exception):
    """Another worker has failed."""


def alone() -> Turn:
    """The turn of a single worker: always."""
    return Turns(1).of(0)


def nap(what: int, times: int) -> None:
    """After `wait_briefly` gave `what`: sleep before it is called again, the longer the more
    `times` it gave that before; at most 3 ms.

    Raises:
        BrokenOff: there will be no turn.
    """
    if what == BROKEN:
        raise BrokenOff
    sleep(_NAP * 2 ** min(times, _DOUBLED))


@contextmanager
def taken(turn: Turn) -> Iterator[None]:
    """Wait for a turn, and pass it on at the end, unless that is an error.

    Raises:
        BrokenOff: another worker has failed.
    """
    for times in count():
        what = wait_briefly(turn)
        if what == COMES:
            break
        nap(what, times)
    yield
    pass_on(turn)


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    view = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(view.data, [arguments[1]])


def _make_load(_context: Any, array: Any, _index: Any) -> Any:
    """array[index] as it is now, and with it all that was stored before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments)
        return builder.load_atomic(address, "acquire", 8)

    return types.int64(array, types.intp), generate


def _make_store(_context: Any, array: Any, _index: Any, _value: Any) -> Any:
    """array[index] = value, after all that was stored before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], address, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


def _make_pause(_context: Any) -> Any:
    """Leave the core to its other thread for a moment."""

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if platform.machine().lower() in ("x86_64", "amd64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), kind), [])
        return context.get_dummy_value()

    return types.void(), generate


if PLAIN:
    _load: Any = getitem
    _store: Any = setitem
    _pause: Any = int
else:
    _load = intrinsic(_make_load)
    _store = intrinsic(_make_store)
    _pause = intrinsic(_make_pause)


@njit(_nrt=False, nogil=True)
def wait_briefly(turn):  # type: ignore[no-untyped-def]
    """Wait for a turn for a while: COMES, NOT_YET or BROKEN."""
    for _ in range(_PATIENCE):
        if _load(turn.state, _BROKEN):
            return BROKEN
        if _load(turn.state, _WHOSE) == turn.number:
            return COMES
        _pause()
    return NOT_YET


@njit(_nrt=False, nogil=True)
def pass_on(turn):  # type: ignore[no-untyped-def]
    """End a turn."""
    _store(turn.state, _WHOSE, turn.following)
