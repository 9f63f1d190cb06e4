"""Files with deflate streams inside: gzip, zip, docx, PNG, PDF. Sizes, and back byte for byte.

    python -m bench.deflated                  # Kodak's PNGs, and what programs here make
    python -m bench.deflated --no-kodak       # without the PNGs, which take most of the time
    python -m bench.deflated FILE...          # also these: PDFs, office files
    python -m bench.deflated --show           # the stored results, nothing is measured

Programs, those that are there: gzip, Info-ZIP's zip, pandoc (docx, odt, epub), Ghostscript and
img2pdf (PDF). No language model. Columns: streams that were undone, bytes of the file with what
they hold, edgezip's file, xz's, and, for PNGs, the pixels as lossless WebP (-m 6) where Pillow is
there; whether it came back here and in a process with another zlib (`bench.other_zlib`: zlib-ng, if
that package is there). Times are CPU seconds of one process. 1 if a file did not come back.
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import edgezip
from bench.common import (
    EVAL,
    RESULTS,
    ROOT,
    Row,
    files_of,
    integer,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    write_csv,
)
from edgezip.pipeline import deflated
from edgezip.pipeline.options import PackOptions

OPTIONS = PackOptions(model="none")
PICTURES = EVAL / "images" / "kodak"
OUTPUTS = ("out", "out.zip", "text.mdt")
DOCUMENT = b'<?xml version="1.0"?><w:document><w:body>%s</w:body></w:document>'


def main() -> int:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(
        prog="bench.deflated", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="more files")
    parser.add_argument("--csv", type=Path, default=RESULTS / "deflated.csv", help="where rows go")
    parser.add_argument("--no-kodak", action="store_true", help="no PNGs of Kodak")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    arguments = parser.parse_args()
    rows = read_csv(arguments.csv) if arguments.show else []
    if not arguments.show:
        for name, data in _files(arguments.paths, not arguments.no_kodak):
            log(name)
            rows.append(_measured(name, data))
            write_csv(arguments.csv, rows)
    _show(rows)
    return int(any("no" in (row["verified"], row["other_verified"]) for row in rows))


def _files(paths: list[Path], kodak: bool) -> Iterator[tuple[str, bytes]]:
    for name, command in _commands().items():
        if shutil.which(command[0][0]):
            yield name, _made(command)
        else:
            log(f"{name} left out: {command[0][0]} is not installed")
    for file in files_of([*paths, *([PICTURES] if kodak else [])]):
        yield file.name, file.read_bytes()


def _commands() -> dict[str, tuple[list[str], ...]]:
    """Commands that write `out` in a folder with the texts and pages of `_made`."""
    pdf = ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-sOutputFile=out", "text.ps"]
    office = {
        f"alice29.{kind}, pandoc": (["pandoc", "text.md", "-t", kind, "-o", "out"],)
        for kind in ("docx", "odt", "epub")
    }
    return {
        **{
            f"alice29.txt.gz, gzip -{level}": (["gzip", f"-{level}", "-n", "-S", "t", "text.md"],)
            for level in (1, 6, 9)
        },
        "alice29.docx, zip -6": (["zip", "-q", "-X", "-6", "out", "document.xml", "types.xml"],),
        **office,
        "alice29.pdf, Ghostscript": (pdf,),
        "01.pdf, img2pdf": (["img2pdf", str(PICTURES / "01.png"), "-o", "out"],),
    }


def _made(commands: Sequence[Sequence[str]]) -> bytes:
    """The file that the commands write."""
    text = (EVAL / "text" / "alice29.txt").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text.md").write_bytes(text)
        Path(folder, "document.xml").write_bytes(DOCUMENT % text)
        Path(folder, "types.xml").write_bytes(DOCUMENT % b"")
        Path(folder, "text.ps").write_bytes(_pages(text.decode("latin-1").splitlines()))
        for command in commands:
            subprocess.run(command, check=True, cwd=folder, capture_output=True)
        (out,) = (path for name in OUTPUTS if (path := Path(folder, name)).exists())
        return out.read_bytes()


def _pages(lines: Sequence[str]) -> bytes:
    """A program in PostScript that prints the lines."""
    out = ["%!PS", "/Helvetica findfont 10 scalefont setfont"]
    for number, line in enumerate(lines):
        escaped = re.sub(r"([\\\\()])", r"\\\1", line)
        out.append(f"50 {780 - 12 * (number % 60)} moveto ({escaped}) show")
        if number % 60 == 59:
            out.append("showpage")
    return "\n".join([*out, "showpage", ""]).encode("latin-1")


def _measured(name: str, data: bytes) -> Row:
    seen: list[deflated.Opened | None] = []
    real = deflated.undo

    def remembered(
        data: bytes, regions: Sequence[tuple[int, int]] | None = None
    ) -> deflated.Opened | None:
        seen.append(real(data, regions))
        return seen[-1]

    deflated.undo = remembered
    started = time.process_time()
    try:
        packed = edgezip.compress(data, options=OPTIONS)
    finally:
        deflated.undo = real
    middle = time.process_time()
    verified = edgezip.decompress(packed) == data
    done = time.process_time()
    opened = seen[0] if seen else None
    return {
        "file": name,
        "raw": str(len(data)),
        "undone": str(len(opened.pictures) + len(opened.contents) if opened else 0),
        "inside": str(len(opened.data) if opened else len(data)),
        "bytes": str(len(packed)),
        "xz": str(len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))),
        "webp": _webp(data),
        "pack_s": f"{middle - started:.2f}",
        "unpack_s": f"{done - middle:.2f}",
        "verified": "yes" if verified else "no",
        **_beside_another(data, packed),
        **provenance(),
        "load": load_average(),
    }


def _beside_another(data: bytes, packed: bytes) -> Row:
    """Unpacked in a process with another zlib: which, and whether it is the same."""
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder, "packed.ez"), Path(folder, "back")
        source.write_bytes(packed)
        command = [sys.executable, "-m", "bench.other_zlib", str(source), str(back)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        same = done.returncode == 0 and back.read_bytes() == data
    return {"other_zlib": done.stdout.strip(), "other_verified": "yes" if same else "no"}


def _webp(data: bytes) -> str:
    """Bytes of a PNG's pixels as lossless WebP; empty for anything else."""
    if data[:4] != b"\x89PNG" or find_spec("PIL") is None:
        return ""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, "WEBP", lossless=True, method=6, quality=100)
    return str(len(out.getvalue()))


def _show(rows: list[Row]) -> None:
    columns = ("raw", "undone", "inside", "bytes", "xz", "webp")
    headings = ("file", "raw", "streams", "inside", "edgezip", "xz -9e", "webp", "back", "beside")
    print_table(
        headings,
        [
            (r["file"], *(integer(r[column]) for column in columns), r["verified"],
             f"{r['other_zlib']}: {r['other_verified']}")
            for r in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
