"""Whether an archive still holds what a folder holds, by its table of contents."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable

from edgezip.archive.archive import open_tar
from edgezip.archive.collect import Rules, from_path, in_order
from edgezip.archive.extraction import nanoseconds
from edgezip.archive.names import member_name
from edgezip.errors import FormatError
from edgezip.file import EdgezipFile
from edgezip.pipeline.content import has_contents

_Look = tuple[bytes, str, int, int, int]


def is_current(folder: str, archive: str, rules: Rules) -> bool:
    """Whether the files below `folder` have the names, sizes, times, modes and links of the members
    of `archive`. What cannot be read now is not asked for; nothing is decoded.

    Args:
        folder: what would be packed.
        archive: what an earlier call has made of it.
        rules: as the archive was made with.
    """
    found = from_path(os.path.join(folder, ""), member_name(folder), rules, _ignore)
    now = _looks(entry.info for entry in in_order(found, rules.order, _ignore))
    try:
        with open(archive, "rb") as file:
            if not has_contents(file, 0):
                return False
            with EdgezipFile(file) as content, open_tar(content) as tar:
                return _looks(tar) == now
    except (FormatError, OSError):
        return False


def _looks(infos: Iterable[tarfile.TarInfo]) -> dict[str, _Look]:
    return {
        info.name: (
            tarfile.REGTYPE if info.isreg() else info.type,
            info.linkname,
            info.size,
            info.mode,
            nanoseconds(info),
        )
        for info in infos
    }


def _ignore(path: str, message: str) -> None:
    """What is left out is told when it is packed."""
