"""`python -m edgezip` is the command line."""

import sys

from edgezip.cli import main

if __name__ == "__main__":
    sys.exit(main())
