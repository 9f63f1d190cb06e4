"""Where deflate streams may start: a search that needs nothing of what undoes them."""

from __future__ import annotations

import re

START = re.compile(
    rb"\x1f\x8b\x08|PK\x03\x04|\x89PNG\r\n\x1a\n|\x78[\x01\x5e\x9c\xda]|stream\r?\n", re.DOTALL
)
"""gzip, a member of a zip, PNG, zlib, a stream of a PDF."""
