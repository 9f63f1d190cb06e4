"""Make files travel: token folders as xz archives, and any file in pieces of a size limit.

    python -m train.pack tokens TOKENS_DIR OUT_DIR      one part-K.tar.xz per part, and base.tar.xz
    python -m train.pack unpack OUT_DIR TOKENS_DIR      whatever archives are there
    python -m train.pack split FILE OUT_DIR --mib 15    FILE.000, FILE.001, ... and FILE.sha256
    python -m train.pack join OUT_DIR/FILE.sha256 FILE  checks the hash
    python -m train.pack slim CHECKPOINT.pt OUT.pt      weights only, in half precision

base.tar.xz has the index, the tokenizer and the validation tokens and is needed beside any part.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import lzma
import tarfile
from pathlib import Path

# Two-byte tokens: positions and literals are modelled modulo 2.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 3, "lp": 1, "pb": 1, "dict_size": 1 << 26}]
_BASE = ("index.json", "tokenizer.model", "val")


def pack_tokens(folder: Path, out: Path) -> list[Path]:
    """Write one archive per part and one of what all parts need; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    groups = {"base": [folder / name for name in _BASE if (folder / name).exists()]}
    groups |= {part.name: [part] for part in sorted(folder.glob("part-*"))}
    written = []
    for name, members in groups.items():
        path = out / f"{name}.tar.xz"
        with (
            lzma.open(path, "wb", filters=_FILTERS) as stream,
            tarfile.open(fileobj=stream, mode="w|") as archive,
        ):
            for member in members:
                archive.add(member, member.name)
        written.append(path)
    return written


def unpack_tokens(source: Path, folder: Path) -> None:
    """Extract the archives of `source` that `folder` does not hold yet."""
    folder.mkdir(parents=True, exist_ok=True)
    archives = sorted(source.glob("*.tar.xz"))
    if not archives:
        raise SystemExit(f"no *.tar.xz in {source}")
    for path in archives:
        done = folder / f".{path.name}.done"
        if not done.exists():
            with tarfile.open(path, "r:xz") as archive:
                archive.extractall(folder, filter="data")
            done.touch()


def split(path: Path, out: Path, limit: int) -> list[Path]:
    """Cut a file into pieces of at most `limit` bytes; the last path is that of the hash."""
    if limit < 1:
        raise SystemExit("a piece must hold at least one byte")
    out.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    written = []
    for number, start in enumerate(range(0, len(data), limit)):
        written.append(out / f"{path.name}.{number:03}")
        written[-1].write_bytes(data[start : start + limit])
    written.append(out / f"{path.name}.sha256")
    written[-1].write_text(f"{hashlib.sha256(data).hexdigest()}\n", encoding="ascii")
    return written


def join(hash_file: Path, path: Path) -> None:
    """Put the pieces beside `hash_file` together; raises SystemExit unless the hash fits."""
    pieces = sorted(hash_file.parent.glob(f"{hash_file.stem}.[0-9][0-9][0-9]"))
    data = b"".join(piece.read_bytes() for piece in pieces)
    if hashlib.sha256(data).hexdigest() != hash_file.read_text(encoding="ascii").strip():
        raise SystemExit(f"{hash_file.parent}: the pieces do not give the file of that hash")
    path.write_bytes(data)


def slim(source: Path, target: Path) -> None:
    """Keep what exporting needs: float16 weights, far finer than any quantization to come."""
    import torch

    from train.checkpoint import Checkpoint

    checkpoint = Checkpoint.load(source)
    weights = {name: value.to(torch.float16) for name, value in checkpoint.weights.items()}
    dataclasses.replace(checkpoint, weights=weights, optimizers=[], data={}).save(target)


def main(argv: list[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(
        prog="python -m train.pack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("tokens", "archive a token folder"),
        ("unpack", "unpack such archives"),
        ("split", "cut a file into pieces"),
        ("join", "put pieces together"),
        ("slim", "weights of a checkpoint in half precision"),
    ):
        command = commands.add_parser(name, help=summary)
        command.add_argument("source", type=Path)
        command.add_argument("target", type=Path)
        if name == "split":
            command.add_argument("--mib", type=float, default=15.0, help="size limit of a piece")
    args = parser.parse_args(argv)
    if args.command == "unpack":
        unpack_tokens(args.source, args.target)
    elif args.command == "join":
        join(args.source, args.target)
    elif args.command == "slim":
        slim(args.source, args.target)
    else:
        if args.command == "split":
            written = split(args.source, args.target, int(args.mib * (1 << 20)))
        else:
            written = pack_tokens(args.source, args.target)
        for path in written:
            print(f"{path.name} {path.stat().st_size / (1 << 20):.1f} MiB")


if __name__ == "__main__":
    main()
