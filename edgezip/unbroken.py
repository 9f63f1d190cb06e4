"""Objects that keep a state from call to call, and calls that do not come to their end."""

from __future__ import annotations

from edgezip.errors import EdgezipError, SettingsError


class Unbroken:
    """Base of objects that refuse to go on after a call that was interrupted.

    A method calls `_begin` before it touches the state and sets `_unfinished` to False as the very
    last thing before it returns: no context manager, because an interrupt between the end of its
    block and the return would lose the result unnoticed. `_error` may hold what a call failed with.
    """

    _unfinished = False
    _error: EdgezipError | None = None

    def _begin(self) -> None:
        """Start a call.

        Raises:
            EdgezipError: what an earlier call failed with.
            SettingsError: (a `ValueError`) an earlier call did not come to its end.
        """
        if self._error is not None:
            raise self._error
        if self._unfinished:
            raise SettingsError(
                "an earlier call was interrupted and the data is incomplete: start again"
            )
        self._unfinished = True
