"""Packs a file with the edgezip command, unpacks it, compares and prints the figures.

`scripts/demo.sh` installs edgezip and runs this. The other compressors are those of Python's
standard library at their strongest setting.
"""

from __future__ import annotations

import argparse
import bz2
import filecmp
import gzip
import lzma
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "tests" / "data" / "roughing_it.txt"


class DemoError(Exception):
    """A failure to report as one line."""


def edgezip(*arguments: str | Path) -> float:
    """Runs the command line and returns the seconds it took; raises DemoError when it fails."""
    start = time.perf_counter()
    code = subprocess.run(
        [Path(sys.executable).parent / "edgezip", *arguments], check=False
    ).returncode
    if code:
        raise DemoError(f"edgezip {' '.join(map(str, arguments))} failed with exit code {code}")
    return time.perf_counter() - start


def table(data: bytes, packed_size: int) -> str:
    """Sizes of `data` under each compressor, as text."""
    sizes = {
        "gzip -9": len(gzip.compress(data, 9)),
        "bzip2 -9": len(bz2.compress(data, 9)),
        "xz -9e": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "edgezip": packed_size,
    }
    rows = [f"{'':10}{'bytes':>12}{'of original':>14}{'bits/byte':>12}"]
    rows += [
        f"{name:10}{size:>12,}{size / len(data):>14.1%}{8 * size / len(data):>12.3f}"
        for name, size in {"original": len(data), **sizes}.items()
    ]
    return "\n".join(rows)


def demo(path: Path) -> None:
    """Runs the whole demonstration on `path`.

    :raises DemoError: a step failed, or the file that came back differs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DemoError(f"cannot read {path}: {error.strerror}") from error
    if not data:
        raise DemoError(f"{path} is empty: name a file with something in it")
    with tempfile.TemporaryDirectory(prefix="edgezip-demo-") as name:
        folder = Path(name)
        packed, unpacked = folder / "packed.ez", folder / "unpacked"
        print(f"edgezip pack {path}", flush=True)
        pack_time = edgezip("pack", "-q", "-o", packed, path)
        print("edgezip unpack", flush=True)
        unpack_time = edgezip("unpack", "-q", "-o", unpacked, packed)
        if not filecmp.cmp(path, unpacked, shallow=False):
            raise DemoError(f"{path} came back different: please report this")
        print("The unpacked file is the original, byte for byte.\n")
        print(table(data, packed.stat().st_size))
    print(
        f"\npack {pack_time:.2f} s ({len(data) / 1000 / pack_time:.1f} KB/s), "
        f"unpack {unpack_time:.2f} s ({len(data) / 1000 / unpack_time:.1f} KB/s), "
        f"start of the program included, {os.cpu_count()} CPUs."
    )
    print("The model is part of edgezip, not of the packed file: see README, Limits.")


def main() -> int:
    """Pack, unpack and compare; returns the exit code."""
    parser = argparse.ArgumentParser(description="Pack, unpack and compare a file.")
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    try:
        demo(parser.parse_args().file)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
