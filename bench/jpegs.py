"""JPEG files: what edgezip makes of them, one by one and all in a tar, and whether they come back.

    python -m bench.jpegs                        # ../shared/eval/images/imagenet
    python -m bench.jpegs FILE... --csv FILE

Needs the extra `jpeg`. No language model; sizes are whole files, times are CPU seconds of one
process. The exit code is 1 if anything did not come back byte for byte.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import time
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
    write_csv,
)
from edgezip.pipeline import jpegs
from edgezip.pipeline.options import PackOptions

OPTIONS = PackOptions(model="none")
TAR = "all in a tar"


def main() -> int:
    """Measure, store, print totals."""
    parser = argparse.ArgumentParser(
        prog="bench.jpegs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--csv", type=Path, default=RESULTS / "jpegs.csv", help="where rows go")
    arguments = parser.parse_args()
    if not jpegs.installed():
        raise SystemExit(f"{jpegs.PACKAGE} not found; run: pip install '.[jpeg]'")
    files = files_of(arguments.paths or [EVAL / "images" / "imagenet"])
    edgezip.compress(files[0].read_bytes()[:5000], options=OPTIONS)  # loads the kernels
    rows = []
    for number, file in enumerate(files, 1):
        log(f"[{number}/{len(files)}] {file.name}")
        rows.append(_measured(file.name, file.read_bytes()))
    jpegs.forget()
    rows.append(_measured(TAR, _tar(files)))
    write_csv(arguments.csv, rows)
    _show(rows)
    return 1 if any(row["verified"] == "no" for row in rows) else 0


def _tar(files: list[Path]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in files:
            info = tarfile.TarInfo(file.name)
            info.size = file.stat().st_size
            with file.open("rb") as stream:
                tar.addfile(info, stream)
    return out.getvalue()


def _measured(name: str, data: bytes) -> Row:
    started = time.process_time()
    packed = edgezip.compress(data, options=OPTIONS)
    middle = time.process_time()
    verified = edgezip.decompress(packed) == data
    return {
        "file": name,
        "raw": str(len(data)),
        "bytes": str(len(packed)),
        "pack_s": f"{middle - started:.2f}",
        "unpack_s": f"{time.process_time() - middle:.2f}",
        "verified": "yes" if verified else "no",
        "package": f"{jpegs.PACKAGE} {jpegs.version()}",
        **provenance(),
        "load": load_average(),
    }


def _show(rows: list[Row]) -> None:
    alone = [row for row in rows if row["file"] != TAR]
    groups = ((f"{len(alone)} files, one by one", alone), (TAR, rows[len(alone) :]))
    table = []
    for name, group in groups:
        raw, size = (sum(int(row[key]) for row in group) for key in ("raw", "bytes"))
        pack, unpack = (sum(float(row[key]) for row in group) for key in ("pack_s", "unpack_s"))
        wrong = sum(row["verified"] != "yes" for row in group)
        speeds = (f"{raw / 1000 / max(seconds, 0.01):,.0f}" for seconds in (pack, unpack))
        saved = f"{100 * (1 - size / raw):.2f}"
        table.append((name, integer(raw), integer(size), saved, *speeds, wrong))
    print_table(
        ("JPEG", "raw", "bytes", "% smaller", "pack KB/s", "unpack KB/s", "not back"), table
    )


if __name__ == "__main__":
    raise SystemExit(main())
