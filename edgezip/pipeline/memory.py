"""How much memory the machine has."""

from __future__ import annotations

import os

ASSUMED = 4 << 30
"""Bytes assumed where the system does not tell."""


def memory_size() -> int:
    """Physical memory in bytes."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return ASSUMED
