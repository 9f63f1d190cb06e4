"""What happens when a C library ends the process with abort(): a line, and nothing left behind.

llama.cpp answers what it did not expect with abort(), from any of its threads. Nothing can bring
that call back, but its message can be shown in our words, and temporary files can go.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_STDERR = 2
_actions: list[Callable[[], None]] = []


def before_abort(action: Callable[[], None]) -> None:
    """Have `action` done before the process ends; it may end it itself. Once for each action."""
    if action not in _actions:
        _actions.append(action)


def about_to_abort(message: str) -> None:
    """Say why, and do the actions. The caller ends the process."""
    said = " ".join(message.split())
    line = f"edgezip: the model library gave up: {said}; run edgezip doctor\n"
    os.write(_STDERR, line.encode("utf-8", "backslashreplace"))
    for action in _actions:
        action()
