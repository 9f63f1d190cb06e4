"""An archive is no member of itself: what is written to is left out, as tar does it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

from edgezip.archive.collect import Rules, place


def leaving_out(rules: Rules, output: str | os.PathLike[str] | int | BinaryIO) -> Rules:
    """`rules` by which also `output` is left out, by its device and inode.

    Args:
        rules: what is left out besides.
        output: a name, whose old file is left out (other hard links to that are members); a
            descriptor or a file that is open, which is left out under all of its names.
    """
    if isinstance(output, (str, os.PathLike)):
        rules = replace(rules, own=place(os.fspath(output)))
    try:
        found = _status(output)
    except (OSError, ValueError, AttributeError):  # not there yet; no file of the system
        return rules
    return replace(rules, skipped=rules.skipped | {(found.st_dev, found.st_ino)})


def _status(output: str | os.PathLike[str] | int | BinaryIO) -> os.stat_result:
    if isinstance(output, (str, os.PathLike)):
        return os.lstat(output)
    return os.fstat(output if isinstance(output, int) else output.fileno())
