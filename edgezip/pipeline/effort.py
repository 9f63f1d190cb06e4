"""Levels of effort, from 1 (fast) to 9 (small), as other compressors have them.

A level is nothing but other defaults of `PackOptions`; what was asked for is kept. All levels use
what every edgezip has: a larger model has to be named. `python -m bench.levels` measures them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from edgezip.errors import SettingsError
from edgezip.pipeline.options import PackOptions

LEVELS: Mapping[int, Mapping[str, Any]] = {
    1: {"model": "none", "media_level": 0},
    2: {"model": "none", "all_contexts": True},
    3: {"streams": 64},
    4: {"streams": 32},
    5: {"streams": 16},
    6: {},
    7: {"most_streams": 8},
    8: {"most_streams": 4, "media_level": 2},
    9: {"most_streams": 1, "media_level": 2},
}
"""What each level changes. 6 is what is done without one."""

_DEFAULTS = {item.name: item.default for item in fields(PackOptions)}


def at_level(level: int, options: PackOptions) -> PackOptions:
    """Return `options` with the level's values where they have their defaults.

    Raises:
        SettingsError: there is no such level.
    """
    if level not in LEVELS:
        raise SettingsError(f"levels are from 1 to 9, not {level}")
    changes = {
        name: value
        for name, value in LEVELS[level].items()
        if getattr(options, name) == _DEFAULTS[name]
    }
    return replace(options, **changes)
