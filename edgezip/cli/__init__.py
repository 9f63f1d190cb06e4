"""The command line. Only `main` is public; everything else is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: arguments without the program's name; None for those of the process.
    """
    try:
        from edgezip.cli.run import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        # Only before `run` has installed its own handlers, when there is nothing to clean up.
        return 130
