"""llama.cpp's log, kept off the terminal.

The callback stores the last warnings and errors; they become part of the EngineError that follows.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from edgezip import forks

_LEVEL_WARNING = 3
_LEVEL_ERROR = 4
_LEVEL_CONTINUED = 5
_LINES_KEPT = 8
_EXPECTED = "LLAMA_ATTN_ROT_DISABLE"
"""Of the warning that every strict session causes (native/src/environment.c)."""

_lines: deque[str] = deque(maxlen=_LINES_KEPT)
_lock = forks.Lock()
# llama.cpp holds a bare pointer to the callback: the object must live as long as the process.
_callback: Any = None
_last_level = 0


def _receive(level: int, text: bytes | None, _user_data: object) -> None:
    global _last_level
    with _lock:
        if level != _LEVEL_CONTINUED:
            _last_level = level
        if text and _last_level in (_LEVEL_WARNING, _LEVEL_ERROR):
            line = " ".join(text.decode("utf-8", "replace").split())
            if line and _EXPECTED not in line:
                _lines.append(line)


def silence(api: Any) -> None:
    """Send llama.cpp's and ggml's log to this module. `api` is the low-level bindings module."""
    global _callback
    if _callback is None:
        _callback = api.llama_log_callback(_receive)
    api.llama_log_set(_callback, None)


def forget() -> None:
    """Drop the lines kept so far; called before an operation that may fail."""
    if _lines:  # mostly there are none, and the lock costs more than the question
        with _lock:
            _lines.clear()


def last_lines() -> str:
    """Return the lines kept since `forget`, joined into one line, "" if there are none."""
    with _lock:
        return "; ".join(_lines)


def explain(message: str) -> str:
    """Return `message` with what llama.cpp had to say about it, as one line."""
    said = last_lines()
    return f"{message} (llama.cpp: {said})" if said else message
