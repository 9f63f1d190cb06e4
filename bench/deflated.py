"""Files with deflate streams inside: gzip, zip, docx, PNG, PDF. Sizes, and back byte for byte.

    python -m bench.deflated                  # Kodak's PNGs, and what gzip and zip make here
    python -m bench.deflated FILE...          # also these: PDFs, office files
    python -m bench.deflated --show           # the stored results, nothing is measured

No language model. Columns: streams that were undone, bytes of the file with what they hold,
edgezip's file, and, for PNGs, the pixels as lossless WebP (-m 6) where Pillow is there. Times are
CPU seconds of one process. 1 if a file did not come back.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import edgezip
from bench.common import (
    EVAL,
    RESULTS,
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
DOCUMENT = b'<?xml version="1.0"?><w:document><w:body>%s</w:body></w:document>'


def main() -> int:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(
        prog="bench.deflated", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="more files")
    parser.add_argument("--csv", type=Path, default=RESULTS / "deflated.csv", help="where rows go")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    arguments = parser.parse_args()
    rows = read_csv(arguments.csv) if arguments.show else []
    if not arguments.show:
        for name, data in _files(arguments.paths):
            log(name)
            rows.append(_measured(name, data))
            write_csv(arguments.csv, rows)
    _show(rows)
    return 1 if any(row["verified"] == "no" for row in rows) else 0


def _files(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    text = EVAL / "text" / "alice29.txt"
    if shutil.which("gzip"):
        for level in (1, 6, 9):
            command = ["gzip", f"-{level}", "-n", "-c", str(text)]
            made = subprocess.run(command, check=True, capture_output=True).stdout
            yield f"alice29.txt.gz, gzip -{level}", made
    if shutil.which("zip"):
        yield "alice29.docx, zip -6", _docx(text.read_bytes())
    for file in files_of([*paths, EVAL / "images" / "kodak"]):
        yield file.name, file.read_bytes()


def _docx(text: bytes) -> bytes:
    """A text in the parts that a docx has, by Info-ZIP."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {"word/document.xml": DOCUMENT % text, "[Content_Types].xml": DOCUMENT % b""}
        for name, content in parts.items():
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_bytes(content)
        command = ["zip", "-q", "-X", "-6", "out.docx", *parts]
        subprocess.run(command, check=True, cwd=folder)
        return Path(folder, "out.docx").read_bytes()


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
        "webp": _webp(data),
        "pack_s": f"{middle - started:.2f}",
        "unpack_s": f"{done - middle:.2f}",
        "verified": "yes" if verified else "no",
        **provenance(),
        "load": load_average(),
    }


def _webp(data: bytes) -> str:
    """Bytes of a PNG's pixels as lossless WebP; empty for anything else."""
    if data[:4] != b"\x89PNG" or find_spec("PIL") is None:
        return ""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, "WEBP", lossless=True, method=6, quality=100)
    return str(len(out.getvalue()))


def _show(rows: list[Row]) -> None:
    columns = ("raw", "undone", "inside", "bytes", "webp")
    headings = ("file", "raw", "streams", "inside", "edgezip", "webp", "back")
    print_table(
        headings,
        [(r["file"], *(integer(r[column]) for column in columns), r["verified"]) for r in rows],
    )


if __name__ == "__main__":
    raise SystemExit(main())
