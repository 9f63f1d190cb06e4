"""The command line. Only `main` is public; everything else is imported when it runs."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: arguments without the program's name; None for those of the process.
    """
    try:
        if argv is None:
            _end_quietly()
        _prepare()
        from edgezip.cli.run import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        # Only before `run` has installed its own handlers, when there is nothing to clean up.
        return 130
    finally:
        if argv is None:
            _leave()


def _leave() -> None:
    """The process is about to end: spare Python the last search for cycles, which frees memory that
    the system takes back anyway."""
    import gc

    gc.disable()


def _end_quietly() -> None:
    """Let Ctrl-C end the process without a traceback while `run` does not handle it: before it
    begins and behind it there is nothing to clean up."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _prepare() -> None:
    import gc

    # Imports make some 200,000 objects that live to the end; looking through them again and again
    # for cycles takes a tenth of the time of a small file.
    gc.set_threshold(250_000, 50, 50)
    # numpy's BLAS, which nothing here uses, would start threads: where that is not allowed it sends
    # the process a SIGINT.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
