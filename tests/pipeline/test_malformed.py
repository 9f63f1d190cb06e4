"""Malformed headers of every container, as `bench.malformed` makes them: a few of its many."""

from __future__ import annotations

import pytest

from bench import malformed
from edgezip.pipeline import jpegs

CASES = {name: (seed, data) for name, seed, data in malformed.cases(14, 14)}


@pytest.mark.parametrize("name", malformed.containers())
def test_headers_that_lie(name: str) -> None:
    """Whole files are found; a malformed one comes back and costs next to nothing."""
    seed, data = CASES[name]
    if name != "JPEG" or jpegs.installed():
        whole = (malformed.tried(data) for data in malformed.containers()[name])
        assert any(one.found and one.cost < -malformed.MOST_COST for one in whole)
    result = malformed.tried(data)
    assert not result.failure
    assert result.cost <= malformed.MOST_COST, seed


def test_the_same_headers_every_time() -> None:
    first, again = (list(malformed.cases(0, 60)) for _ in range(2))
    assert first == again
    assert len({data for _, _, data in first}) == 60
