"""Levels of processors that kernels are compiled for, and which of them this one has.

Code for a level runs on every processor of the level: it can be made elsewhere and shipped. The
x86-64 levels are those of the psABI (https://gitlab.com/x86-psABIs/x86-64-ABI), which LLVM knows as
processors of these names; `generic` is ARMv8-A with NEON.
"""

from __future__ import annotations

import platform

_V2 = frozenset({"cx16", "sahf", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"})
_V3 = _V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}

LEVELS = {
    "x86-64-v3": ("x86_64", _V3),
    "x86-64-v2": ("x86_64", _V2),
    "generic": ("aarch64", frozenset[str]()),
}
"""LLVM's name of each level, the best first: its machine and the features that it needs."""

_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def levels_of_this_processor() -> tuple[str, ...]:
    """Return the levels whose code runs here, the best first; none on other machines."""
    from llvmlite import binding

    machine = platform.machine().lower()
    try:
        features = {name for name, there in binding.get_host_cpu_features().items() if there}
    except RuntimeError:  # LLVM does not know the processor
        features = set()
    return tuple(
        level
        for level, (kind, needed) in LEVELS.items()
        if kind == _NAMES.get(machine, machine) and needed <= features
    )
