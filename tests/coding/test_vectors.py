"""Known answers: any drift of the integer pipeline shows here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def payloads(**environment: str) -> str:
    """Run vectors.py in a process of its own."""
    return subprocess.run(
        [sys.executable, str(HERE / "vectors.py")],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.parametrize("disable_jit", ["0", "1"])
def test_payloads_are_the_committed_ones(disable_jit: str) -> None:
    """The same bytes from the compiled kernels and from the same code on NumPy scalars.

    The second run would differ if Numba took a sum of uint64 and int64 for a float64.
    """
    expected = (HERE / "vectors.txt").read_text("ascii")
    assert payloads(NUMBA_DISABLE_JIT=disable_jit) == expected
