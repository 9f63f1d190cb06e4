"""Measurements. Each module is a command: `python -m bench.NAME --help`, from the repository."""

import sys
from pathlib import Path

# The edgezip that is installed is measured: the folder of the checkout has no engine in it.
_ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [name for name in sys.path if Path(name).resolve() != _ROOT] + [str(_ROOT)]
