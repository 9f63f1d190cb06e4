"""The command line. Only `main` is public; everything else is imported when it runs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: arguments without the program's name; None for those of the process.
    """
    # Imports make hundreds of thousands of objects that live to the end; looking through them again
    # and again for cycles takes a tenth of the time of a small file.
    gc.set_threshold(100_000, 50, 50)
    # numpy's BLAS, which nothing here uses, would start threads: where that is not allowed it sends
    # the process a SIGINT.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from edgezip.cli.run import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        # Only before `run` has installed its own handlers, when there is nothing to clean up.
        return 130
