"""Threads for the work that releases the interpreter lock: evaluations side by side, coding behind.

A model small enough that its weights stay in the processor's cache is evaluated fastest by several
sessions of one thread each, on different windows or streams: nothing then waits for another thread
within a layer, and the coder may take a core without holding all of them up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Self, TypeVar

from edgezip.coding.turns import BrokenOff, Turns
from edgezip.errors import LimitError

Item = TypeVar("Item")
Tool = TypeVar("Tool")
Result = TypeVar("Result")


def _submit(pool: ThreadPoolExecutor, job: Callable[[], Result]) -> Future[Result]:
    """`pool.submit(job)`. LimitError if no thread can be started: somebody else has started some
    since the engine has counted them."""
    try:
        return pool.submit(job)
    except RuntimeError as error:
        raise LimitError(f"{error}: too many processes or threads; use -T 1") from error


def map_in_order(
    work: Callable[[Tool, Item], Iterator[Result]], tools: Sequence[Tool], items: Iterable[Item]
) -> Generator[tuple[Item, Iterable[Result]]]:
    """Yield (item, results of work(tool, item)) in the order of `items`, to be used up before the
    next; as many calls run at once as there are tools, each with one of its own: then results come
    when their call is done, with one tool each by itself. What a call raises is raised in its turn.
    Whoever may stop early closes the generator: that waits for the calls that have begun.
    """
    if len(tools) == 1:
        for item in items:
            yield item, work(tools[0], item)
        return
    free: SimpleQueue[Tool] = SimpleQueue()
    for tool in tools:
        free.put(tool)

    def call(item: Item) -> list[Result]:
        tool = free.get()
        try:
            return list(work(tool, item))
        finally:
            free.put(tool)

    pending: deque[tuple[Item, Future[list[Result]]]] = deque()
    pool = ThreadPoolExecutor(len(tools), "edgezip-model")
    try:
        for item in items:
            pending.append((item, _submit(pool, partial(call, item))))
            if len(pending) > 2 * len(tools):
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


class Behind:
    """Runs jobs one after another in a thread of its own, at most one at a time; or, with
    `threaded` false, at once."""

    def __init__(self, threaded: bool) -> None:
        self._threaded = threaded
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def run(self, job: Callable[[], None]) -> None:
        """Start `job` once the one before it has ended; raises what that one raised."""
        if not self._threaded:
            job()
            return
        self._pool = self._pool or ThreadPoolExecutor(1, "edgezip-coder")
        if self._last is not None:
            self._last.result()
        self._last = _submit(self._pool, job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if kind is None and self._last is not None:
            self._last.result()


def run_in_turn(work: Callable[[int], Result], turns: Turns) -> Result:
    """Run work(0) in this thread and work(1), work(2), ... in others; returns the first's result.

    Raises what a worker raised; the others then end at their next turn.
    """

    def guarded(number: int) -> Result | None:
        try:
            return work(number)
        except BrokenOff:
            return None
        except BaseException:
            turns.break_off()
            raise

    if turns.count == 1:
        return work(0)
    with ThreadPoolExecutor(turns.count - 1, "edgezip-model") as pool:
        try:
            others = [_submit(pool, partial(guarded, n)) for n in range(1, turns.count)]
            result = guarded(0)
        except BaseException:  # perhaps before any worker could see it: nobody may wait for ever
            turns.break_off()
            raise
    for other in others:
        other.result()
    assert result is not None, "only another worker's failure breaks this one off"
    return result
