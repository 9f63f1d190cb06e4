"""The fuzz target of `bench.fuzz`, for a moment: an hour of it is a command."""

from __future__ import annotations

from bench.fuzz import SEEDS, Result, fuzz


def test_broken_archives_only_raise_format_errors() -> None:
    total = Result()
    fuzz(total, range(20_000))
    assert total.failures == []
    assert total.runs == 20_000
    assert total.refused > 10_000
    assert len(SEEDS) > 10


def test_it_finds_what_is_wrong() -> None:
    """A reader without its checks is noticed."""
    from bench import fuzz as module

    total, read = Result(), module._content

    def careless(data: bytes, choice: object, verify: bool) -> bytes:
        return read(data, choice, verify=False)  # type: ignore[arg-type]

    module._content = careless
    try:
        fuzz(total, range(3000))
    finally:
        module._content = read
    assert total.losses > 10
