"""The training commands are not part of the installed package: they are imported from the tree."""

from __future__ import annotations

import sys
from pathlib import Path

# Behind everything else, so that `edgezip` stays the installed one.
sys.path.append(str(Path(__file__).resolve().parents[2]))
