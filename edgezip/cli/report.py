"""Lines and JSON objects about files that were packed or unpacked."""

from __future__ import annotations

import sys
from dataclasses import asdict

from edgezip.cli.console import Console, Tally, label
from edgezip.pipeline.options import ChannelReport, PackReport, UnpackReport


def ratio_text(raw: int, packed: int) -> str:
    """Packed size in percent of the raw size, and bits per byte."""
    if not raw:
        return "empty"
    return f"{100 * packed / raw:.1f} %, {8 * packed / raw:.3f} bpb"


def seconds_text(seconds: float) -> str:
    """Time as people read it: 0.42 s, 12.3 s, 3 min 05 s."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def total(console: Console, tally: Tally, seconds: float) -> None:
    """Tell what all files of a batch came to."""
    raw, size = tally.raw_size, tally.packed_size
    parts = [f"{ratio_text(raw, size)}", seconds_text(seconds)]
    if tally.skipped:
        parts.append(f"{tally.skipped:,} done before")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    sizes = f"{raw:,} bytes raw, {size:,} packed"
    console.note(f"{counted(tally.files, 'file')}: {sizes} ({', '.join(parts)})")
    console.result(
        {
            "file": None,
            "files": tally.files,
            "failed": tally.failed,
            "skipped": tally.skipped,
            "raw_size": raw,
            "packed_size": size,
            "seconds": seconds,
        }
    )


def skipped(console: Console, name: str, output: str) -> None:
    """Tell that a file was done before."""
    if console.tally is not None:
        console.tally.skip()
    console.note(f"{label(name)}: done before")
    console.result({"file": name, "output": output, "skipped": True})


def peak_memory() -> int | None:
    """Largest resident size of this process so far in bytes, None where it is not told."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def packed(
    console: Console,
    name: str,
    output: str,
    report: PackReport,
    verified: bool,
    members: int | None = None,
) -> None:
    """Tell about a packed file, or an archive of so many `members`."""
    raw, size = report.raw_size, report.packed_size
    if console.tally is not None:
        console.tally.add(raw, size)
    done = f"{ratio_text(raw, size)}, {seconds_text(report.seconds)}"
    checked = ", verified" if verified else ""
    count = "" if members is None else f"{counted(members, 'member')}, "
    console.note(f"{label(name)}: {count}{raw:,} -> {size:,} bytes ({done}{checked})")
    for hint in report.hints:
        console.note(f"  {hint}")
    if console.verbose:
        _details(console, report)
    console.result(
        {
            "file": name,
            "output": output,
            **asdict(report),
            "ratio": size / raw if raw else None,
            "bits_per_byte": 8 * size / raw if raw else None,
            "verified": verified,
            **({} if members is None else {"members": members}),
            "peak_memory": peak_memory(),
        }
    )


def _details(console: Console, report: PackReport) -> None:
    for channel in report.channels:
        console.note(f"  {channel_text(channel)}")
    if report.model is not None:
        console.note(f"  model {report.model}, engine {report.engine}, {report.tokens:,} tokens")
    speed = report.raw_size / 1000 / report.seconds if report.seconds else 0.0
    console.note(f"  {counted(report.frames, 'frame')}, {speed:,.1f} KB/s{_memory_text()}")


def channel_text(channel: ChannelReport) -> str:
    """One coder's part in a file."""
    sizes = f"{channel.raw_size:,} -> {channel.coded_size:,} bytes"
    return f"{channel.coder}: {sizes} ({ratio_text(channel.raw_size, channel.coded_size)})"


def unpacked(console: Console, name: str, output: str | None, report: UnpackReport) -> None:
    """Tell about an unpacked file, or one that was tested (`output` is None)."""
    raw, size = report.raw_size, report.packed_size
    if console.tally is not None:
        console.tally.add(raw, size)
    verb = "is sound, " if output is None and not report.lost else ""
    console.note(f"{label(name)}: {verb}{size:,} -> {raw:,} bytes ({seconds_text(report.seconds)})")
    if console.verbose:
        speed = raw / 1000 / report.seconds if report.seconds else 0.0
        counts = f"{counted(report.members, 'member')}, {counted(report.frames, 'frame')}"
        console.note(f"  {counts}, {speed:,.1f} KB/s{_memory_text()}")
    for first, end in report.lost:
        there = f"bytes {first:,} to {end:,}" if end is not None else f"from byte {first:,} on"
        console.warn(name, f"lost: {there} of the content")
    console.result({"file": name, "output": output, **asdict(report), "peak_memory": peak_memory()})


def extracted(
    console: Console,
    name: str,
    folder: str,
    members: int,
    seconds: float,
    problems: list[tuple[str, str]],
) -> None:
    """Tell about an archive of which `members` were extracted."""
    console.note(f"{label(name)}: {counted(members, 'member')} ({seconds_text(seconds)})")
    console.result(
        {
            "file": name,
            "output": folder,
            "members": members,
            "seconds": seconds,
            "problems": [{"member": member, "message": text} for member, text in problems],
            "peak_memory": peak_memory(),
        }
    )


def _memory_text() -> str:
    peak = peak_memory()
    return f", peak memory {peak / 1e6:,.0f} MB" if peak is not None else ""


def counted(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
