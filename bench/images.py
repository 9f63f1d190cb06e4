"""Pictures: edgezip's levels beside PNG, WebP and JPEG XL in the same run, as CSV, table and plot.

    python -m bench.images                       # every picture of ../shared/eval/images, in colour
    python -m bench.images FILE... --gray        # gray as well, of files that have colours
    python -m bench.images --show                # the stored results, nothing is measured

Needs the `bench` extra: Pillow opens the files, imagecodecs has JPEG XL. Every row is decoded and
compared; times are CPU seconds of one process. edgezip's bytes are payload and params of the image
coder, the peers' are whole files.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import (
    EVAL,
    RESULTS,
    Row,
    code_version,
    files_of,
    group_and_name,
    hash_of,
    integer,
    load_average,
    log,
    print_table,
    read_csv,
    today,
    write_csv,
)
from edgezip.coding.image import codec
from edgezip.coding.image.geometry import ImageGeometry

Pixels = NDArray[np.uint8]
"""(height, width) or (height, width, 3)."""

LEVELS = ("fast", "default", "strong")
PEERS = ("png", "webp -m 6", "jxl -e 7", "jxl -e 9")
CODERS = (*PEERS, *(f"edgezip {level}" for level in LEVELS))


@dataclass(frozen=True)
class Codec:
    """Both directions; `decode` gets the payload and the picture it must give."""

    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes, Pixels], Any]


def main() -> int:
    """Measure what is missing, print the table, draw the plot; 1 if a row was not decoded right."""
    arguments = _parser().parse_args()
    if not arguments.show:
        _require_extra()
    files = files_of(arguments.paths or [EVAL / "images"])
    rows = {_key(row): row for row in read_csv(arguments.csv)}
    if not arguments.show:
        _measure_all(files, arguments, rows)
    wanted = {group_and_name(file) for file in files}
    shown = [
        row
        for row in rows.values()
        if (row["group"], row["file"]) in wanted and row["coder"] in arguments.coders
    ]
    _show(shown)
    if arguments.plot and shown:
        _plot(shown, arguments.plot)
    return 1 if any(row["verified"] == "no" for row in shown) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.images", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--csv", type=Path, default=RESULTS / "images.csv", help="where rows go")
    parser.add_argument("--gray", action="store_true", help="pictures in colour also in gray")
    parser.add_argument("--coders", nargs="+", choices=CODERS, default=list(CODERS), help="which")
    parser.add_argument("--again", action="store_true", help="measure rows that are there as well")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    parser.add_argument("--plot", type=Path, help="a PNG of size against speed")
    return parser


def _require_extra() -> None:
    missing = [name for name in ("PIL", "imagecodecs") if find_spec(name) is None]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not found; run: pip install '.[bench]'")


def _key(row: Row) -> tuple[str, ...]:
    return row["group"], row["file"], row["kind"], row["coder"]


def _measure_all(
    files: list[Path], arguments: argparse.Namespace, rows: dict[tuple[str, ...], Row]
) -> None:
    code = code_version()
    for number, file in enumerate(files, 1):
        group, name = group_and_name(file)
        for kind, pixels in _pictures(file, arguments.gray):
            for coder in arguments.coders:
                version = hash_of([file]) + (f" {code}" if coder not in PEERS else "")
                old = rows.get((group, name, kind, coder))
                if old is not None and old["version"] == version and not arguments.again:
                    continue
                log(f"[{number}/{len(files)}] {name} {kind}: {coder}")
                row = {"group": group, "file": name, "kind": kind, "coder": coder}
                rows[group, name, kind, coder] = {
                    **row, **_measured(coder, pixels), "version": version, "date": today(),
                    "load": load_average(),
                }  # fmt: skip
                write_csv(arguments.csv, list(rows.values()))


def _pictures(file: Path, gray: bool) -> Iterator[tuple[str, Pixels]]:
    """The picture of a file: as it is, or in colour and gray."""
    from PIL import Image

    with Image.open(file) as image:
        kind = "gray" if image.mode in ("1", "L", "I;16") else "colour"
        yield kind, np.asarray(image.convert("L" if kind == "gray" else "RGB"))
        if gray and kind == "colour":
            yield "gray", np.asarray(image.convert("L"))


def _measured(coder: str, pixels: Pixels) -> Row:
    chosen = _codec(coder)
    if coder not in PEERS:
        chosen.encode(pixels[:8])  # compiles or loads the kernels
    started = time.process_time()
    payload = chosen.encode(pixels)
    packed = time.process_time()
    verified = np.array_equal(chosen.decode(payload, pixels), pixels)
    unpacked = time.process_time()
    return {
        "raw": str(pixels.nbytes),
        "bytes": str(len(payload)),
        "pack_s": f"{packed - started:.2f}",
        "unpack_s": f"{unpacked - packed:.2f}",
        "verified": "yes" if verified else "no",
    }


def _codec(coder: str) -> Codec:
    if coder.startswith("edgezip"):
        return _edgezip(LEVELS.index(coder.split()[1]))
    if coder.startswith("jxl"):
        return _jpeg_xl(int(coder.split()[-1]))
    options = {"png": {"optimize": True}}.get(
        coder, {"lossless": True, "method": 6, "quality": 100}
    )
    return _pillow("PNG" if coder == "png" else "WEBP", options)


def _edgezip(level: int) -> Codec:
    def geometry(pixels: Pixels) -> ImageGeometry:
        return ImageGeometry(pixels.shape[1], 1 if pixels.ndim == 2 else pixels.shape[2])

    def encode(pixels: Pixels) -> bytes:
        params = bytes([level]) + geometry(pixels).to_bytes()
        return params + codec.encode(pixels.tobytes(), geometry(pixels), level)

    def decode(payload: bytes, pixels: Pixels) -> Any:
        made = codec.decode(payload[6:], pixels.nbytes, geometry(pixels), level)
        return np.frombuffer(made, np.uint8).reshape(pixels.shape)

    return Codec(encode, decode)


def _jpeg_xl(effort: int) -> Codec:
    import imagecodecs

    def encode(pixels: Pixels) -> bytes:
        made = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort, numthreads=1)
        return bytes(made)

    return Codec(encode, lambda payload, _: imagecodecs.jpegxl_decode(payload))


def _pillow(kind: str, options: dict[str, Any]) -> Codec:
    from PIL import Image

    def encode(pixels: Pixels) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return file.getvalue()

    def decode(payload: bytes, pixels: Pixels) -> Any:
        image = Image.open(io.BytesIO(payload))
        return np.asarray(image.convert("L" if pixels.ndim == 2 else "RGB"))

    return Codec(encode, decode)


def _totals(rows: list[Row], kind: str) -> Iterator[tuple[str, int, int, float, float, int, int]]:
    """Of every coder: raw bytes, bytes, KB/s packed and unpacked, files, files larger than both
    JPEG XL -e 9 and WebP allow; over the files that every coder shown has."""
    rows = [row for row in rows if row["kind"] == kind]
    coders = [coder for coder in CODERS if any(row["coder"] == coder for row in rows)]
    by_file: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        by_file.setdefault((row["group"], row["file"]), {})[row["coder"]] = row
    whole = [found for found in by_file.values() if len(found) == len(coders)]
    for coder in coders:
        mine = [found[coder] for found in whole]
        raw, size = (sum(int(row[key]) for row in mine) for key in ("raw", "bytes"))
        pack, unpack = (sum(float(row[key]) for row in mine) for key in ("pack_s", "unpack_s"))
        above = sum(
            any(int(found[coder]["bytes"]) >= int(found[peer]["bytes"])
                for peer in ("jxl -e 9", "webp -m 6") if peer in found and peer != coder)
            for found in whole
        )  # fmt: skip
        yield (
            coder,
            raw,
            size,
            raw / 1000 / max(pack, 0.01),
            raw / 1000 / max(unpack, 0.01),
            len(mine),
            above,
        )


def _show(rows: list[Row]) -> None:
    for kind in ("gray", "colour"):
        totals = list(_totals(rows, kind))
        if not totals or not totals[0][1]:
            continue
        best = next((size for coder, _, size, *_ in totals if coder == "jxl -e 9"), 0)
        print_table(
            (f"{kind}, {totals[0][5]} files", "raw", "bytes", "of jxl -e 9", "pack KB/s",
             "unpack KB/s", "files above jxl -e 9 or webp"),
            [
                (coder, integer(raw), integer(size), f"{size / best:.3f}" if best else "",
                 f"{pack:,.0f}", f"{unpack:,.0f}", above if coder.startswith("edgezip") else "")
                for coder, raw, size, pack, unpack, _, above in totals
            ],
        )  # fmt: skip


def _plot(rows: list[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for kind, part in zip(("gray", "colour"), axes, strict=True):
        for coder, raw, size, pack, *_ in _totals(rows, kind):
            if not raw:
                continue
            own = coder.startswith("edgezip")
            part.plot(
                pack, 100 * size / raw, "o" if own else "s", color="#b2182b" if own else "0.3"
            )
            part.annotate(coder, (pack, 100 * size / raw), (5, 4), textcoords="offset points")
        part.set(xscale="log", xlabel="KB/s packed, one core", ylabel="% of raw", title=kind)
        part.margins(x=0.25, y=0.15)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    raise SystemExit(main())
