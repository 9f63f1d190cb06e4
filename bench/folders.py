"""Archives of folders: sizes beside peers, what one member costs, and what smaller frames cost.

    python -m bench.folders sizes FOLDER...      # edgezip, tar | edgezip, xz, 7z, zpaq
    python -m bench.folders frames FOLDER...     # sizes by frame size, kind order and name order
    python -m bench.folders member               # one member out of 200, 10 MB in all
    python -m bench.folders pipes FILE...        # sizes and first bytes by frame size
    python -m bench.folders twins                # what equal files cost
    python -m bench.folders --show               # what is stored

Every row goes to bench/results/folders.csv as it comes. Archives of `sizes` are extracted again and
compared with the folder: contents, modes, links, times.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edgezip
from bench.common import RESULTS, load_average, log, print_table, read_csv, today, write_csv
from edgezip.archive import collect
from edgezip.pipeline import content
from edgezip.pipeline.options import PackOptions

CSV = RESULTS / "folders.csv"
COLUMNS = ("what", "input", "way", "model", "raw", "packed", "seconds", "note", "load", "date")
FRAME_SIZES = (256 << 10, 512 << 10, 768 << 10, 1 << 20, 2 << 20, 8 << 20)
PIPE_SIZES = (256 << 10, 1 << 20, 8 << 20)
MEMBERS, MEMBERS_SIZE = 200, 10_000_000
TARS: dict[str, list[str]] = {
    "tar | edgezip": [],
    # With times to the nanosecond, as edgezip's archives have them; tar's own format has seconds.
    "tar --format=posix | edgezip": ["--format=posix", "--pax-option=delete=atime,delete=ctime"],
}


def main() -> int:
    """Measure what is asked for and print all rows; 1 if something did not come back."""
    parser = argparse.ArgumentParser(
        prog="bench.folders", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["sizes", "frames", "member", "pipes", "twins"])
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--model", default=None, help="as of pack (default: the bundled one)")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    arguments = parser.parse_args()
    failed = 0
    if arguments.what and not arguments.show:
        measure: Callable[[Path | None, str | None], int] = {
            "sizes": _sizes,
            "frames": _frames,
            "member": _member,
            "pipes": _pipes,
            "twins": _twins,
        }[arguments.what]
        for path in arguments.paths or [None]:
            failed += measure(path, arguments.model)
    rows = read_csv(CSV)
    print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    return 1 if failed else 0


def _note(what: str, name: str, way: str, model: str | None, raw: int, packed: int, seconds: float,
          note: str = "") -> None:  # fmt: skip
    row: dict[str, Any] = dict(zip(COLUMNS, (
        what, name, way, model or "bundled", raw, packed, f"{seconds:.2f}", note, load_average(),
        today(),
    ), strict=True))  # fmt: skip
    key = ("what", "input", "way", "model")
    rows = [old for old in read_csv(CSV) if any(old[k] != row[k] for k in key)]
    write_csv(CSV, [*rows, row])
    log(f"{what} {name} {way}: {raw:,} -> {packed:,}, {seconds:.1f} s {note}")


def _is_known(what: str, name: str, way: str, raw: int) -> bool:
    """Whether a peer has packed this folder before."""
    wanted = {"what": what, "input": name, "way": way, "raw": str(raw)}
    return any(wanted.items() <= row.items() for row in read_csv(CSV))


def _sizes(folder: Path | None, model: str | None) -> int:
    assert folder is not None
    folder = folder.resolve()
    name = folder.name
    raw = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        tar = root / "x.tar"
        subprocess.run(["tar", "cf", tar, "--sort=name", name], cwd=folder.parent, check=True)
        packed = root / "x.tar.ez"
        started = time.perf_counter()
        with edgezip.Archive(packed, "w", model=model) as archive:
            archive.add(folder, name)
        _note("sizes", name, "edgezip pack", model, raw, packed.stat().st_size,
              time.perf_counter() - started)  # fmt: skip
        for way, options in TARS.items():
            single = root / "single.tar"
            call = ["tar", "cf", str(single), "--sort=name", *options, name]
            subprocess.run(call, cwd=folder.parent, check=True)
            started = time.perf_counter()
            with single.open("rb") as source, (root / "p").open("wb") as target:
                edgezip.pack_stream(source, target, PackOptions(model=model))
            _note("sizes", name, way, model, raw, (root / "p").stat().st_size,
                  time.perf_counter() - started)  # fmt: skip
        started = time.perf_counter()
        with edgezip.Archive(packed) as archive:
            archive.extract(root / "back")
        same = _same(folder, root / "back" / name)
        _note("sizes", name, "edgezip unpack", model, raw, packed.stat().st_size,
              time.perf_counter() - started, "equal" if same else "NOT EQUAL")  # fmt: skip
        failed += not same
        for way, command, output in (
            ("tar | xz -9e", ["xz", "-9ekf", "-T1", str(tar)], root / "x.tar.xz"),
            ("7z -mx9", ["7z", "a", "-mx9", "-bd", str(root / "x.7z"), name], root / "x.7z"),
            ("zpaq -m5", ["zpaq", "a", str(root / "x.zpaq"), name, "-m5"], root / "x.zpaq"),
        ):
            if _is_known("sizes", name, way, raw):
                continue
            if shutil.which(command[0]) is None:
                log(f"{command[0]} is not here")
                continue
            started = time.perf_counter()
            subprocess.run(command, cwd=folder.parent, check=True, capture_output=True)
            seconds = time.perf_counter() - started
            _note("sizes", name, way, "none", raw, output.stat().st_size, seconds)
    return failed


def _same(first: Path, second: Path) -> bool:
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", first, second], capture_output=True, check=False
    )
    return done.returncode == 0 and _look(first) == _look(second)


def _look(root: Path) -> dict[str, tuple[object, ...]]:
    """Modes, times, targets and numbers of links of what is below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        target = os.readlink(path) if path.is_symlink() else ""
        links = 0 if path.is_dir() else status.st_nlink
        mode = status.st_mode & ~0o7000
        found[str(path.relative_to(root))] = (mode, status.st_mtime_ns, target, links)
    return found


def _frames(folder: Path | None, model: str | None) -> int:
    assert folder is not None
    folder = folder.resolve()
    for order in ("kind", "name"):
        for size in FRAME_SIZES:
            started = time.perf_counter()
            with tempfile.TemporaryFile() as target:
                rules = collect.Rules(order=order)
                archive = edgezip.Archive(target, "w", model=model, frame_size=size, rules=rules)
                archive.add(folder, folder.name)
                archive.close()
                packed, report = target.tell(), archive.report
            assert report is not None
            _note("frames", folder.name, f"{order} {size >> 10} KiB", model, report.raw_size,
                  packed, time.perf_counter() - started, f"{report.frames} frames")  # fmt: skip
    return 0


def _member(folder: Path | None, model: str | None) -> int:
    """One member out of 200, in CPU seconds; the text is the repository's own, cut to pieces."""
    source = folder or Path(__file__).resolve().parent.parent
    names = subprocess.run(["git", "ls-files", "-z", "*.py", "*.md", "*.c", "*.txt", "*.csv"],
                           cwd=source, capture_output=True, check=True).stdout  # fmt: skip
    data = b"".join((source / os.fsdecode(n)).read_bytes() for n in names.split(b"\0") if n)
    while len(data) < MEMBERS_SIZE:
        words = data.split(b" ")
        random.Random(len(data)).shuffle(words)
        data += b" ".join(words)
    size = MEMBERS_SIZE // MEMBERS
    pieces = [data[i * size : (i + 1) * size] for i in range(MEMBERS)]
    with tempfile.TemporaryDirectory() as temporary:
        packed = Path(temporary) / "x.tar.ez"
        with edgezip.Archive(packed, "w", model=model) as archive:
            for number, piece in enumerate(pieces):
                archive.add_bytes(f"texts/{number:03}.txt", piece, mtime=0)
        bytes_ = packed.stat().st_size
        edgezip.decompress(edgezip.compress(b"words to load everything " * 9, model=model))
        started = time.process_time()
        with packed.open("rb") as file, open(os.devnull, "wb") as target:
            edgezip.unpack_stream(file, target, edgezip.UnpackOptions())
        whole = time.process_time() - started
        _note("member", "200 texts", "all", model, MEMBERS_SIZE, bytes_, whole)
        started = time.process_time()
        with edgezip.Archive(packed) as archive:
            count = len(archive.names())
        listed = time.process_time() - started
        _note("member", "200 texts", "list", model, 0, bytes_, listed, f"{count} members")
        failed = 0
        for number in (0, 99, 199):
            decoded = _counting()
            started = time.process_time()
            with edgezip.Archive(packed) as archive:
                good = archive.read(f"texts/{number:03}.txt") == pieces[number]
            seconds = time.process_time() - started
            note = f"{100 * seconds / whole:.1f} % of the time" if good else "WRONG"
            _note("member", "200 texts", f"member {number}", model, sum(decoded), bytes_,
                  seconds, note)  # fmt: skip
            failed += not good
    return failed


def _counting() -> list[int]:
    """Bytes of the frames that are decoded from now on."""
    decoded: list[int] = []
    real = getattr(content.decode_frame, "real", content.decode_frame)

    def count(frame: Any, context: Any) -> bytes:
        decoded.append(frame.raw_size)
        return real(frame, context)

    count.real = real  # type: ignore[attr-defined]
    content.decode_frame = count
    return decoded


def _pipes(path: Path | None, model: str | None) -> int:
    """What smaller frames cost, and after how long the first bytes of `unpack -c` come."""
    assert path is not None
    for size in PIPE_SIZES:
        packed = edgezip.compress(
            path.read_bytes(), options=PackOptions(model=model, frame_size=size)
        )
        started = time.perf_counter()
        decompressor = edgezip.Decompressor()
        seconds = None
        for start in range(0, len(packed), 1 << 12):
            if decompressor.decompress(packed[start : start + (1 << 12)], 1):
                seconds = time.perf_counter() - started
                break
        _note("pipes", path.name, f"{size >> 10} KiB", model, path.stat().st_size, len(packed),
              seconds or 0.0, "seconds to the first byte")  # fmt: skip
    return 0


def _twins(_path: Path | None, model: str | None) -> int:
    """Bytes that each of ten further copies of a file costs, under other names and times."""
    noise = random.Random(3).randbytes(3_000_000)
    text = (Path(__file__).resolve().parent.parent / "docs" / "format.md").read_bytes()
    for name, data in (
        ("noise 3 MB", noise), ("noise 200 KB", noise[:200_000]), ("noise 5 KB", noise[:5000]),
        ("noise 300 B", noise[:300]), ("docs/format.md", text), ("text 1.5 KB", text[:1500]),
    ):  # fmt: skip
        started = time.perf_counter()
        sizes = []
        for copies in (1, 11):
            with tempfile.TemporaryFile() as target:
                archive = edgezip.Archive(target, "w", model=model)
                for number in range(copies):
                    path = f"folder{number % 4}/name{number}.txt"
                    archive.add_bytes(path, data, mtime=1_700_000_000 + 1000 * number**2)
                archive.close()
                sizes.append(target.tell())
        each = (sizes[1] - sizes[0]) / 10
        _note("twins", name, "10 copies", model, len(data), sizes[1],
              time.perf_counter() - started, f"{each:.1f} bytes each")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
