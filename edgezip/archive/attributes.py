"""What a member says of a file besides its content: permissions, times, extended attributes."""

from __future__ import annotations

import os
import tarfile

from edgezip.archive.collect import attribute_name


def status(own: os.stat_result, member: tarfile.TarInfo) -> os.stat_result:
    """A status with the permissions and times of a member for a file of one's own."""
    time = nanoseconds(member)
    seconds = time // 10**9
    values = (member.mode & 0o777, 0, 0, 1, own.st_uid, own.st_gid, 0, seconds, seconds, seconds)
    return os.stat_result(values, {"st_atime_ns": time, "st_mtime_ns": time})


def nanoseconds(member: tarfile.TarInfo) -> int:
    """The time of a member; the pax record has more digits than a float keeps."""
    text = member.pax_headers.get("mtime", "")
    whole, _, fraction = text.partition(".")
    try:
        sign = -1 if whole.startswith("-") else 1
        return sign * (abs(int(whole)) * 10**9 + int((fraction + "0" * 9)[:9]))
    except ValueError:
        return int(member.mtime) * 10**9


def set_attributes(descriptor: int, member: tarfile.TarInfo) -> list[str]:
    """Set the user's extended attributes; what the system refused."""
    problems = []
    for key, value in member.pax_headers.items():
        name = attribute_name(key)
        if name is None or not name.startswith("user.") or not hasattr(os, "setxattr"):
            continue
        try:
            os.setxattr(descriptor, name, value.encode("utf-8", "surrogateescape"))
        except OSError as error:
            problems.append(f"its attribute {name} could not be set: {error.strerror}")
    return problems
