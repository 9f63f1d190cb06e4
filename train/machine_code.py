"""Machine code for the mixer to learn from: pieces of extension modules in wheels of packages.

    python -m train.machine_code FOLDER

downloads the wheels with pip. The corpus is text. These wheels are BSD and MIT licensed and lie in
the package index for good; they hold code for x86 of 32 and 64 bits, ARM, Power and z/Architecture
in the formats of three systems. Two of numpy's hold OpenBLAS (BSD), too. Which ones, and their
digests, is the table `wheels.csv`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edgezip.pipeline.transforms.table import X86

WHEELS = Path(__file__).with_name("wheels.csv")
_MODULES = (".so", ".pyd")
_SIZES = (24_000, 48_000, 96_000)
_PIECES = 6
"""A module gives so many pieces or up to twice as many, evenly spaced."""
_FROM_A_WHEEL = 600_000
_SMALLEST = 4_000


def known_wheels(folder: Path) -> list[Path]:
    """The wheels of the table, in its order, that lie in `folder`.

    Raises:
        SystemExit: one is not there, or is another file.
    """
    found = []
    with WHEELS.open(newline="") as table:
        for row in csv.DictReader(table):
            path = folder / row["file"]
            if not path.exists():
                raise SystemExit(f"{path} is missing: python -m train.machine_code {folder}")
            if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
                raise SystemExit(f"{path} is not the file that train/wheels.csv means")
            found.append(path)
    return found


def cut_modules(wheels: Iterable[Path], seed: int) -> list[bytes]:
    """Pieces of the extension modules of `wheels`, in random order; x86 code as the mixer sees it
    when packing, with the targets of calls."""
    rng = random.Random(seed)
    chosen = []
    for wheel in wheels:
        pieces = _pieces(wheel, rng)
        rng.shuffle(pieces)
        left = _FROM_A_WHEEL
        for piece in pieces:
            if left > 0:
                chosen.append(piece)
                left -= len(piece)
    rng.shuffle(chosen)
    return [_with_targets(piece) for piece in chosen]


def only_x86(wheels: Iterable[Path]) -> list[Path]:
    """Those of `wheels` that are for x86."""
    return [
        path for path in wheels if any(s in path.name for s in ("x86_64", "i686", "win32", "amd64"))
    ]


def _pieces(wheel: Path, rng: random.Random) -> list[bytes]:
    pieces = []
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(_MODULES):
                data = archive.read(name)
                size = rng.choice(_SIZES)
                step = max(size, len(data) // _PIECES // size * size)
                pieces += [data[at : at + size] for at in range(0, len(data), step)]
    return [piece for piece in pieces if len(piece) >= _SMALLEST]


def _with_targets(piece: bytes) -> bytes:
    changed = X86.change(piece)
    return piece if changed is None else changed.data


def download(wheel: str, folder: Path) -> None:
    """Have pip bring `wheel`, whatever machine this is."""
    name, version, python, _, platforms = wheel.removesuffix(".whl").split("-")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
            "--python-version", f"{python[2]}.{python[3:]}", "--platform", platforms.split(".")[0],
            "--dest", str(folder), f"{name}=={version}",
        ],
        check=True,
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Download what is not there yet, and check all."""
    parser = argparse.ArgumentParser(prog="python -m train.machine_code", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(argv).folder
    with WHEELS.open(newline="") as table:
        for row in csv.DictReader(table):
            if not (folder / row["file"]).exists():
                download(row["file"], folder)
    print(f"{len(known_wheels(folder))} wheels: {folder}")


if __name__ == "__main__":
    main()
