"""Runs out of space everywhere: an error, no target, nothing left behind.

    python -m bench.full_disk              # a limit on file sizes; as root also a disk that is full
    python -m bench.full_disk --steps 50

`pack` and `unpack` write a file of some 300 KB, and room for it ends at each of `--steps` sizes: by
RLIMIT_FSIZE, and, as root on Linux, on a tmpfs of that size (ENOSPC). Where the room suffices, the
output must be right, and have no more rights than its source: the umask is 0.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.common import RESULTS, log, print_table, provenance, safe_environment, write_csv

SIZE = 300_000
PAGE = 4096


def main() -> int:
    """Try all sizes; 1 if something is wrong."""
    parser = argparse.ArgumentParser(
        prog="bench.full_disk", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20, help="sizes (20)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "full_disk.csv")
    arguments = parser.parse_args()
    content = random.Random(2).randbytes(SIZE)
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgezip-full-") as name:
        folder = Path(name)
        (folder / "noise").write_bytes(content)
        _edgezip("pack", folder / "noise", folder / "noise.ez")
        packed = (folder / "noise.ez").read_bytes()
        for command, source, expected in (
            ("pack", folder / "noise", packed),
            ("unpack", folder / "noise.ez", content),
        ):
            rows.append(_limited(command, source, expected, arguments.steps))
            if os.geteuid() == 0 and sys.platform.startswith("linux"):
                rows.append(_full(command, source, expected, arguments.steps, folder / "disk"))
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = provenance()
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])
    return 1 if any(row["wrong"] for row in rows) else 0


def _edgezip(
    command: str, source: Path, target: Path, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "edgezip", command, str(source), "-o", str(target)]
    environment = {**safe_environment(), "EDGEZIP_MODEL": "none"}
    return subprocess.run(
        line, env=environment, capture_output=True, preexec_fn=limit, umask=0, check=False
    )


def _limited(command: str, source: Path, expected: bytes, steps: int) -> dict[str, object]:
    """Sizes up to which a file may grow."""
    problems = []
    with tempfile.TemporaryDirectory(prefix="edgezip-limit-") as name:
        for size in _sizes(len(expected), steps):

            def limit(size: int = size) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

            folder = Path(name)
            done = _edgezip(command, source, folder / "out", limit)
            problems += _problems(done, folder, expected, size >= len(expected), size)
    return _row(command, "RLIMIT_FSIZE", steps, problems)


def _full(command: str, source: Path, expected: bytes, steps: int, disk: Path) -> dict[str, object]:
    """Sizes of a disk."""
    problems = []
    for size in _sizes(len(expected), steps):
        pages = -(-size // PAGE) + 1
        with _mounted(disk, pages * PAGE):
            done = _edgezip(command, source, disk / "out")
            fits = pages * PAGE >= len(expected) + PAGE
            problems += _problems(done, disk, expected, fits, size)
    return _row(command, "full disk", steps, problems)


def _sizes(whole: int, steps: int) -> list[int]:
    """From next to nothing to a little more than enough."""
    return [(whole + PAGE) * step // (steps - 1) for step in range(steps)]


@contextmanager
def _mounted(disk: Path, size: int) -> Iterator[None]:
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _problems(
    done: subprocess.CompletedProcess[bytes], folder: Path, expected: bytes, fits: bool, size: int
) -> list[str]:
    """What is wrong with the end of one run; the folder is empty again afterwards."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    wrong = []
    if done.returncode == 0:
        if found != {"out": expected}:
            wrong.append("exit code 0 without the right output")
        elif stat.S_IMODE((folder / "out").stat().st_mode) & 0o022:
            wrong.append("the output has more rights than its source")
    elif fits:
        wrong.append(f"there was room: {done.stderr!r}")
    if done.returncode and found:
        wrong.append(f"left behind: {sorted(found)}")
    if done.returncode not in (0, 1) or done.stderr.count(b"\n") != (done.returncode != 0):
        wrong.append(f"exit code {done.returncode}, {done.stderr!r}")
    for path in folder.iterdir():
        path.unlink()
    for text in wrong:
        log(f"  room for {size}: {text}")
    return wrong


def _row(command: str, what: str, steps: int, problems: list[str]) -> dict[str, object]:
    return {"command": command, "room ends by": what, "tried": steps, "wrong": len(problems)}


if __name__ == "__main__":
    raise SystemExit(main())
