"""Unpacks files in a process that has another zlib, or none that compresses as zlib does.

    python -m bench.other_zlib FILE.ez OUTPUT [FILE.ez OUTPUT ...]
    python -m bench.other_zlib --pack FILE FILE.ez [FILE FILE.ez ...]

`zlib` is replaced before anything of edgezip is imported: by zlib-ng, where the package `zlib-ng`
is installed (`--emulated` if that is not wanted), else by a module that inflates as usual, but
whose streams hold other bytes than those of zlib. Prints which it was.
`tests/deflate/test_other_zlib.py` and `bench.deflated` call this.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PROBE = b"The same bytes, compressed by two libraries, are not the same bytes. " * 40


def install(emulated: bool = False) -> str:
    """Replace `zlib` for everything that imports it from now on; what by.

    Raises:
        RuntimeError: the other one compresses as zlib does, so that nothing would be proved.
    """
    import zlib

    if find_spec("zlib_ng") is not None and not emulated:
        other, name = import_module("zlib_ng.zlib_ng"), "zlib-ng"
    else:
        other, name = _emulated(zlib), "emulated"
    if all(zlib.compress(PROBE, level) == other.compress(PROBE, level) for level in (1, 6, 9)):
        raise RuntimeError(f"{name} compresses as zlib does")
    sys.modules["zlib"] = other
    return name


def _emulated(zlib: ModuleType) -> ModuleType:
    """A module like `zlib` that compresses to Huffman codes alone, without matches."""
    other = ModuleType("zlib")
    other.__dict__.update(vars(zlib))

    def compressobj(
        level: int = -1,
        method: int = zlib.DEFLATED,
        wbits: int = 15,
        memLevel: int = 8,
        strategy: int = 0,
        zdict: bytes | None = None,
    ) -> Any:
        extra = () if zdict is None else (zdict,)
        return zlib.compressobj(level, method, wbits, memLevel, zlib.Z_HUFFMAN_ONLY, *extra)

    def compress(data: bytes, level: int = -1, wbits: int = 15) -> bytes:
        encoder = compressobj(level, wbits=wbits)
        return bytes(encoder.compress(data) + encoder.flush())

    vars(other).update(compressobj=compressobj, compress=compress)
    for name in ("ZLIB_VERSION", "ZLIB_RUNTIME_VERSION"):
        setattr(other, name, "0.0.other")
    return other


def main() -> int:
    """Unpack or pack each pair."""
    parser = argparse.ArgumentParser(
        prog="bench.other_zlib", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="from, to, from, to...")
    parser.add_argument("--pack", action="store_true", help="pack, instead of unpacking")
    parser.add_argument("--emulated", action="store_true", help="even where zlib-ng is installed")
    arguments = parser.parse_args()
    print(install(arguments.emulated))
    import edgezip
    from edgezip.pipeline.options import PackOptions

    pairs = zip(arguments.paths[::2], arguments.paths[1::2], strict=True)
    for source, target in pairs:
        data = source.read_bytes()
        if arguments.pack:
            target.write_bytes(edgezip.compress(data, options=PackOptions(model="none")))
        else:
            target.write_bytes(edgezip.decompress(data))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
