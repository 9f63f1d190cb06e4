"""The options that several commands share, as Typer annotations."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {"help_option_names": ["-h", "--help"]}
"""Settings of all commands."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class EngineName(StrEnum):
    """Engines that can write files."""

    strict = "strict"
    native = "native"


class SortName(StrEnum):
    """Orders of members."""

    kind = "kind"
    name = "name"


class CoderName(StrEnum):
    """Coders of the text that the model predicts."""

    auto = "auto"
    plain = "plain"
    mix = "mix"


def parse_size(text: str) -> int:
    """Bytes from "4096", "64K", "8MiB" or "1G"; units are powers of 1024, as in xz."""
    lowered = text.strip().lower()
    digits = lowered.rstrip("kmgtib")
    unit = lowered[len(digits) :].removesuffix("b").removesuffix("i")
    # ASCII only: int() would take other digits, underscores and signs.
    if not (digits.isascii() and digits.isdigit()) or unit not in _UNITS:
        raise typer.BadParameter(f"{text!r} is not a size; examples: 4096, 64K, 8M, 1G")
    return int(digits) * _UNITS[unit]


Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Files; - or none for stdin.", show_default=False),
]
Level = Annotated[
    int | None,
    typer.Option(
        "--level",
        metavar="N",
        min=1,
        max=9,
        help="From -1, fast, to -9, small: other defaults for model, coder and streams.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write here (- for stdout).")
]
Stdout = Annotated[bool, typer.Option("--stdout", "-c", help="Write to stdout, keep files.")]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Overwrite outputs; accept unusual inputs.")
]
Keep = Annotated[bool, typer.Option("--keep", "-k", help="Keep the inputs (the default).")]
Sparse = Annotated[
    bool, typer.Option("--sparse/--no-sparse", help="Leave holes for zero bytes in files.")
]
Remove = Annotated[bool, typer.Option("--rm", help="Remove each input once its output is safe.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more detail.")]
JsonOnly = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per file (on stderr with -c).")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="GGUF file, registered name or start of its SHA-256 (default: $EDGEZIP_MODEL,"
        " else the bundled model).",
        show_default=False,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="As for pack; may be given several times.",
        show_default=False,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads", "-T", metavar="N", min=0, help="CPU threads; 0 for the physical cores."
    ),
]
GpuLayers = Annotated[
    int, typer.Option("--gpu-layers", metavar="N", min=0, help="Layers on the GPU (native only).")
]
Prime = Annotated[
    Path | None,
    typer.Option("--prime", "-D", metavar="FILE", help="Reference data; unpacking needs it too."),
]
MaxOutput = Annotated[
    int | None,
    typer.Option(
        "--max-output", metavar="SIZE", parser=parse_size, help="Refuse to produce more bytes."
    ),
]
Recover = Annotated[
    bool, typer.Option("--recover", help="Skip damaged parts, list them and exit with 3.")
]
EngineOption = Annotated[
    EngineName,
    typer.Option("--engine", help="strict: any CPU can unpack. native: only this kind of machine."),
]
Coder = Annotated[CoderName, typer.Option("--coder", help="Coder of the model's tokens.")]
TopK = Annotated[
    int,
    typer.Option("--top-k", metavar="N", min=0, help="Tokens before the escape; 0 for all."),
]
Streams = Annotated[
    int | None,
    typer.Option(
        "--streams", metavar="N", help="Parts coded in parallel: 1 packs best, 16 unpack fast."
    ),
]
Window = Annotated[
    int | None, typer.Option("--window", metavar="N", help="Context of the model, tokens.")
]
KeepTokens = Annotated[
    int | None,
    typer.Option("--keep-tokens", metavar="N", help="Tokens kept when the context is renewed."),
]
EvictTokens = Annotated[
    int | None,
    typer.Option("--evict-tokens", metavar="N", help="Tokens that leave a full window at a time."),
]
Span = Annotated[
    int | None,
    typer.Option("--span", metavar="N", help="Tokens after which the context is renewed."),
]
FrameSize = Annotated[
    int | None,
    typer.Option(
        "--frame-size", metavar="SIZE", parser=parse_size, help="Bytes per independent frame."
    ),
]
Content = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="CONTENT",
        help="Raw samples: image:WIDTH,HEIGHT,CHANNELS,BITS or audio:RATE,CHANNELS,BITS.",
    ),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Unpack and compare before finishing; --rm implies it.")
]

Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOB", help="Leave out what matches, as tar does; repeatable."
    ),
]
FilesFrom = Annotated[
    str | None,
    typer.Option("--files-from", metavar="FILE", help="Also archive the files named here."),
]
Sort = Annotated[SortName, typer.Option("--sort", help="Order in archives: kind packs best.")]
Owner = Annotated[
    str | None,
    typer.Option("--owner", metavar="NAME[:UID]", help="Owner of all members of archives."),
]
Group = Annotated[
    str | None,
    typer.Option("--group", metavar="NAME[:GID]", help="Group of all members of archives."),
]
Mtime = Annotated[
    str | None,
    typer.Option("--mtime", metavar="TIME", help="Time of all members: seconds or ISO 8601."),
]
Directory = Annotated[
    str | None,
    typer.Option("--directory", "-C", metavar="DIR", help="Extract archives below DIR."),
]
Extract = Annotated[
    bool | None,
    typer.Option(
        "--extract/--tar",
        help="Extract every tar, or none; else those are extracted that were made of folders.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, help="Files at once (default 1).")
]
Mirror = Annotated[
    str | None,
    typer.Option(
        "--output-dir-mirror", metavar="DIR", help="Outputs below DIR, under the inputs' paths."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Skip inputs whose output an earlier call has made.")
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="The files in folders one by one.")
]
Strip = Annotated[
    int,
    typer.Option(
        "--strip-components", metavar="N", min=0, help="Leave the first N parts of names away."
    ),
]
