"""Whether an archive still holds what a folder holds, by the heads of its frames."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable

from edgezip.archive.attributes import nanoseconds
from edgezip.archive.collect import Report, Rules, from_path, in_order
from edgezip.archive.names import member_name
from edgezip.archive.tars import as_format_error, open_tar
from edgezip.errors import FormatError
from edgezip.file import EdgezipFile
from edgezip.pipeline.content import is_archive

_Look = tuple[bytes, str, int, int, int]


def is_current(folder: str, archive: str, rules: Rules, report: Report) -> bool:
    """Whether the files below `folder` have the names, sizes, times, modes and links of the members
    of `archive`; nothing is decoded.

    Args:
        folder: what would be packed.
        archive: what an earlier call has made of it.
        rules: as the archive was made with.
        report: is told of what cannot be read, so that no archive has it, if the rest is the same.
    """
    left_out: list[tuple[str, str]] = []

    def leave_out(path: str, message: str) -> None:
        left_out.append((path, message))

    found = from_path(os.path.join(folder, ""), member_name(folder), rules, leave_out)
    now = _looks(entry.info for entry in in_order(found, rules.order, leave_out))
    try:
        with open(archive, "rb") as file:
            if not is_archive(file, 0):
                return False
            with EdgezipFile(file) as content, open_tar(content) as tar, as_format_error():
                if _looks(tar) != now:
                    return False
    except (FormatError, OSError):
        return False
    for path, message in left_out:
        report(path, message)
    return True


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
