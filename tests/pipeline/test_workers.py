"""Threads that evaluate side by side, code behind, and take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from edgezip.coding.turns import BROKEN, NOT_YET, BrokenOff, Turns, nap, taken
from edgezip.errors import LimitError
from edgezip.pipeline.workers import Behind, map_in_order, run_in_turn


def test_results_come_in_order_and_each_tool_is_used_by_one_call_at_a_time() -> None:
    busy: dict[str, threading.Lock] = {name: threading.Lock() for name in "abc"}

    def work(tool: str, item: int) -> Iterator[int]:
        assert busy[tool].acquire(blocking=False)
        time.sleep(0.001 * (item % 3))
        yield item
        yield item * item
        busy[tool].release()

    for tools, count in (("abc", 40), ("a", 5)):
        found = [(item, list(results)) for item, results in map_in_order(work, tools, range(count))]
        assert found == [(i, [i, i * i]) for i in range(count)]


def test_a_single_tool_gives_results_as_they_come() -> None:
    begun: list[int] = []

    def work(tool: str, item: int) -> Iterator[int]:
        for part in range(3):
            begun.append(part)
            yield part

    with closing(map_in_order(work, "a", range(2))) as items:
        _, results = next(items)
        assert next(iter(results)) == 0
        assert begun == [0]


def test_a_failure_is_raised_in_its_turn() -> None:
    seen: list[int] = []

    def work(tool: int, item: int) -> Iterator[float]:
        yield tool / item

    for tools in ((1, 2), (1,)):
        seen.clear()
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 (a loop)
            for item, results in map_in_order(work, tools, (1, 2, 0, 3)):
                seen.extend([item] * len(list(results)))
        assert seen == [1, 2]


def test_no_call_is_left_running_when_the_results_are_closed() -> None:
    running: list[int] = []
    begun: list[int] = []

    def work(tool: str, item: int) -> Iterator[None]:
        begun.append(item)
        running.append(item)
        time.sleep(0.02)
        running.remove(item)
        yield

    with closing(map_in_order(work, "abc", range(100))) as results:
        next(results)
    assert not running
    count = len(begun)
    assert 1 <= count < 20
    time.sleep(0.05)
    assert len(begun) == count


@pytest.mark.parametrize("threaded", [True, False])
def test_jobs_run_behind_in_their_order(threaded: bool) -> None:
    done: list[int] = []
    with Behind(threaded) as behind:
        for number in range(10):
            behind.run(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == list(range(10))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_job_that_fails_is_not_forgotten(jobs: int) -> None:
    with pytest.raises(ZeroDivisionError), Behind(True) as behind:  # noqa: PT012 (a loop)
        for _ in range(jobs):
            behind.run(lambda: 1 // 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_turns_go_round(count: int) -> None:
    order: list[tuple[int, int]] = []
    turns = Turns(count)

    def work(number: int) -> str:
        for step in range(20 if number < 2 else 19):
            with taken(turns.of(number)):
                order.append((step, number))
        return f"worker {number}"

    assert run_in_turn(work, turns) == "worker 0"
    assert order == sorted(order)
    assert len(order) == 20 * min(count, 2) + 19 * max(count - 2, 0)


def test_a_turn_that_takes_long_is_waited_for() -> None:
    turns = Turns(2)
    order: list[int] = []

    def work(number: int) -> bool:
        with taken(turns.of(number)):
            time.sleep(0.05 * (1 - number))
            order.append(number)
        return True

    assert run_in_turn(work, turns)
    assert order == [0, 1]


def test_naps_stay_short_however_many_there_were() -> None:
    start = time.perf_counter()
    nap(NOT_YET, 10_000)
    assert time.perf_counter() - start < 1
    with pytest.raises(BrokenOff):
        nap(BROKEN, 0)


def test_a_worker_that_cannot_be_started_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(3)
    submit = ThreadPoolExecutor.submit
    started: list[int] = []

    def limited(pool: Any, *arguments: Any) -> Any:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(1)
        return submit(pool, *arguments)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", limited)

    def work(number: int) -> None:
        with taken(turns.of(number)):
            pass

    with pytest.raises(LimitError, match=r"can't start new thread.*-T 1"):
        run_in_turn(work, turns)


def test_a_failure_during_anothers_turn_is_the_one_that_is_raised() -> None:
    turns = Turns(2)
    in_turn = threading.Event()

    def work(number: int) -> None:
        if number == 1:
            assert in_turn.wait(10)
            raise ZeroDivisionError
        with taken(turns.of(0)):
            in_turn.set()
        with taken(turns.of(0)):
            raise AssertionError("worker 1 never passes its turn on")

    with pytest.raises(ZeroDivisionError):
        run_in_turn(work, turns)


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("inside", [True, False])
def test_one_failure_ends_all(failing: int, inside: bool) -> None:
    turns = Turns(3)

    def work(number: int) -> None:
        for step in range(1000):
            if not inside and number == failing and step == 7:
                raise ZeroDivisionError
            with taken(turns.of(number)):
                if inside and number == failing and step == 7:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_turn(work, turns)
