"""Pictures and sounds as whole files beside what paq8px v216 -8 makes of the same files.

    python -m bench.media_peers                       # the default level
    python -m bench.media_peers --levels default strong
    python -m bench.media_peers --show                # the stored results, nothing is measured

The sizes of paq8px are quoted from `bench/media_quoted.csv`: four pictures (Kodak 01 as PPM and as
PGM, two JPEGs decoded to PPM), ten recordings and six pieces of music as WAV. edgezip packs exactly
these files (`edgezip.compress`, no language model), header and checksums included, and every one is
unpacked and compared. 1 if one did not come back, or if the pictures together are more than 8 %
larger than paq8px's at the default level.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import edgezip
from bench.audio import read_sound
from bench.common import (
    EVAL,
    RESULTS,
    ROOT,
    Row,
    integer,
    load_average,
    log,
    print_table,
    provenance,
    read_csv,
    write_csv,
)
from edgezip.pipeline.options import PackOptions

QUOTED = ROOT / "bench" / "media_quoted.csv"
LEVELS = ("fast", "default", "strong")
FOLDERS = {"images": ("images/kodak", "images/imagenet"), "audio": ("audio",), "music": ("music",)}
MOST = 1.08
"""Of paq8px's bytes, all pictures together, at the default level."""


def main() -> int:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(
        prog="bench.media_peers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=["default"])
    parser.add_argument("--csv", type=Path, default=RESULTS / "media_peers.csv")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    arguments = parser.parse_args()
    rows = read_csv(arguments.csv) if arguments.show else []
    if not arguments.show:
        for quoted in read_csv(QUOTED):
            data = _file(quoted)
            for level in arguments.levels:
                log(f"{quoted['file']} {quoted['kind']} {level}")
                rows.append(_measured(quoted, data, level))
                write_csv(arguments.csv, rows)
    return _show(rows)


def _file(quoted: Row) -> bytes:
    """The file that was measured: the picture or the sound without any compression."""
    folders = (EVAL / folder for folder in FOLDERS[quoted["group"]])
    path = next(path for folder in folders if (path := folder / quoted["file"]).exists())
    data = _pnm(path, quoted["kind"]) if quoted["kind"] else _wav(path)
    if len(data) != int(quoted["raw_bytes"]):
        raise SystemExit(f"{path.name}: {len(data)} bytes, {quoted['raw_bytes']} were measured")
    return data


def _wav(path: Path) -> bytes:
    if path.suffix == ".wav":
        return path.read_bytes()
    sound = read_sound(path)
    if sound is None:
        raise SystemExit(f"{path.name} cannot be read")
    return sound.wav


def _pnm(path: Path, kind: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("L" if kind == "gray" else "RGB").save(out, "PPM")
    return out.getvalue()


def _measured(quoted: Row, data: bytes, level: str) -> Row:
    options = PackOptions(model="none", media_level=LEVELS.index(level))
    started = time.process_time()
    packed = edgezip.compress(data, options=options)
    middle = time.process_time()
    verified = edgezip.decompress(packed) == data
    return {
        **{key: quoted[key] for key in ("group", "file", "kind")},
        "level": level,
        "raw": str(len(data)),
        "bytes": str(len(packed)),
        "quoted": quoted["bytes"],
        "pack_s": f"{middle - started:.2f}",
        "unpack_s": f"{time.process_time() - middle:.2f}",
        "verified": "yes" if verified else "no",
        **provenance(),
        "load": load_average(),
    }


def _show(rows: list[Row]) -> int:
    """Print each file and the totals; the exit code."""
    failed = any(row["verified"] != "yes" for row in rows)
    table: list[tuple[object, ...]] = []
    for group in FOLDERS:
        for level in LEVELS:
            mine = [row for row in rows if (row["group"], row["level"]) == (group, level)]
            if not mine:
                continue
            table += [_line(f"{row['file']} {row['kind']}", level, [row]) for row in mine]
            table.append(_line(f"{group}, all {len(mine)}", level, mine))
            ours, theirs = (sum(int(row[key]) for row in mine) for key in ("bytes", "quoted"))
            failed |= (group, level) == ("images", "default") and ours > MOST * theirs
    print_table(
        ("file", "level", "raw", "edgezip", "paq8px v216 -8", "% more", "pack KB/s", "back"), table
    )
    return int(failed)


def _line(name: str, level: str, rows: list[Row]) -> tuple[object, ...]:
    raw, ours, theirs = (sum(int(row[key]) for row in rows) for key in ("raw", "bytes", "quoted"))
    seconds = max(sum(float(row["pack_s"]) for row in rows), 0.01)
    back = "yes" if all(row["verified"] == "yes" for row in rows) else "no"
    more = f"{100 * (ours / theirs - 1):+.2f}"
    return (name.strip(), level, integer(raw), integer(ours), integer(theirs), more,
            f"{raw / 1000 / seconds:.0f}", back)  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
