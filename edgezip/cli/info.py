"""`edgezip info`: what a file is, without decoding it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from edgezip import api
from edgezip.cli import report
from edgezip.cli.console import Console, for_each, label, printable, write_line
from edgezip.cli.inputs import InputRules, open_source
from edgezip.errors import ModelError
from edgezip.pipeline.options import ChannelReport, MemberInfo


def describe_files(names: Sequence[str], console: Console) -> int:
    """Print a description of every file; returns the exit code."""

    def describe(name: str) -> int:
        with open_source(name, InputRules(special=True), packed=True) as source:
            members = api.inspect_stream(source.file)
        if console.json:
            value = [{**asdict(member), "model": model_name(member.model_id)} for member in members]
            console.result({"file": name, "members": value})
        else:
            for line in _lines(name, members, console.verbose):
                write_line(sys.stdout, printable(line))
        return 0

    return for_each(names, console, describe)


def model_name(model_id: str | None) -> str | None:
    """Name of the model with that id on this machine, None if there is none."""
    if model_id is None:
        return None
    from edgezip import models

    try:
        return models.find_by_hash(bytes.fromhex(model_id)).name
    except ModelError:
        return None


def _where(model_id: str, called: str | None) -> str:
    """Whether a model is here, and what is known of one that is not."""
    from edgezip import models

    found = model_name(model_id)
    if found:
        return f"{found}, present"
    name, command = models.known_as(bytes.fromhex(model_id), called)
    here = f"not found here ({command or 'edgezip models list'})"
    return f"{name}, {here}" if name else here


def _lines(name: str, members: Sequence[MemberInfo], verbose: bool) -> list[str]:
    raw = sum(member.raw_size for member in members if member.auxiliary is None)
    size = sum(member.packed_size for member in members)
    ratio = report.ratio_text(raw, size)
    lines = [f"{label(name)}: {size:,} bytes packed, {raw:,} raw ({ratio})"]
    for number, member in enumerate(members, 1):
        if len(members) > 1:
            sizes = f"{member.packed_size:,} bytes packed, {member.raw_size:,} raw"
            lines.append(f"  member {number} at byte {member.offset:,}: {sizes}")
        lines += _member_lines(member, verbose)
    return lines


def _member_lines(member: MemberInfo, verbose: bool) -> list[str]:
    rows = [("format", f"version {member.version}")]
    if member.auxiliary is not None:
        rows.append(("auxiliary", f"of kind {member.auxiliary}, not known here"))
    if member.model_id is None:
        rows.append(("model", "none needed"))
    else:
        here = _where(member.model_id, member.model_name)
        rows += [("engine", member.engine or "?"), ("model", f"{member.model_id} ({here})")]
    if member.settings:
        settings = ", ".join(f"{key} {value}" for key, value in sorted(member.settings.items()))
        rows.append(("settings", settings))
    rows.append(("frames", f"{len(member.frames):,}"))
    rows += [("coder", report.channel_text(channel)) for channel in _by_coder(member)]
    if verbose:
        rows += [("frame", text) for text in _frame_texts(member)]
    return [f"  {title:<9} {text}" for title, text in rows]


def _by_coder(member: MemberInfo) -> list[ChannelReport]:
    """The channels of all frames, added up per coder."""
    sizes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for frame in member.frames:
        for channel in frame.channels:
            sizes[channel.coder][0] += channel.raw_size
            sizes[channel.coder][1] += channel.coded_size
    return [ChannelReport(coder, raw, coded) for coder, (raw, coded) in sorted(sizes.items())]


def _frame_texts(member: MemberInfo) -> list[str]:
    return [
        f"at byte {frame.offset:,}: {frame.packed_size:,} packed, {frame.raw_size:,} raw"
        f" ({', '.join(channel.coder for channel in frame.channels)})"
        for frame in member.frames
    ]
