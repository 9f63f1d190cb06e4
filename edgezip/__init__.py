"""Lossless compression with a small language model.

    import edgezip

    blob = edgezip.compress(b"some text")
    assert edgezip.decompress(blob) == b"some text"
    with edgezip.open("log.txt.ez", "rt", encoding="utf-8") as file:
        ...

Names are imported when they are first used (PEP 562), so that `import edgezip` stays fast. Not even
`typing` is imported: the command line can answer Ctrl-C in its own way only behind this.
"""

from __future__ import annotations

from edgezip.errors import (
    ChecksumError,
    EdgezipError,
    EngineError,
    EngineMismatchError,
    FormatError,
    InputError,
    LimitError,
    ModelError,
    ModelNotFoundError,
    PackageError,
    SettingsError,
    TruncatedError,
    UnsupportedError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from edgezip.access import read_frame, read_index
    from edgezip.api import (
        compress,
        compress_bare,
        decompress,
        decompress_bare,
        inspect_stream,
        pack_stream,
        release_models,
        score,
        unpack_stream,
    )
    from edgezip.archive.archive import Archive
    from edgezip.file import EdgezipFile, open
    from edgezip.incremental import Compressor, Decompressor
    from edgezip.pipeline.collect import TokenScore, TokenScores
    from edgezip.pipeline.content import FrameEntry
    from edgezip.pipeline.options import (
        ChannelReport,
        FrameInfo,
        MemberInfo,
        PackOptions,
        PackReport,
        UnpackOptions,
        UnpackReport,
    )
    from edgezip.pipeline.score import Score

    __version__: str

_LAZY = {
    "Archive": "edgezip.archive.archive",
    "compress": "edgezip.api",
    "compress_bare": "edgezip.api",
    "decompress": "edgezip.api",
    "decompress_bare": "edgezip.api",
    "inspect_stream": "edgezip.api",
    "pack_stream": "edgezip.api",
    "release_models": "edgezip.api",
    "score": "edgezip.api",
    "unpack_stream": "edgezip.api",
    "EdgezipFile": "edgezip.file",
    "open": "edgezip.file",
    "Compressor": "edgezip.incremental",
    "Decompressor": "edgezip.incremental",
    "read_frame": "edgezip.access",
    "read_index": "edgezip.access",
    "FrameEntry": "edgezip.pipeline.content",
    "ChannelReport": "edgezip.pipeline.options",
    "FrameInfo": "edgezip.pipeline.options",
    "MemberInfo": "edgezip.pipeline.options",
    "PackOptions": "edgezip.pipeline.options",
    "PackReport": "edgezip.pipeline.options",
    "UnpackOptions": "edgezip.pipeline.options",
    "UnpackReport": "edgezip.pipeline.options",
    "Score": "edgezip.pipeline.score",
    "TokenScore": "edgezip.pipeline.collect",
    "TokenScores": "edgezip.pipeline.collect",
}

__all__ = [
    "Archive",
    "ChannelReport",
    "ChecksumError",
    "Compressor",
    "Decompressor",
    "EdgezipError",
    "EdgezipFile",
    "EngineError",
    "EngineMismatchError",
    "FormatError",
    "FrameEntry",
    "FrameInfo",
    "InputError",
    "LimitError",
    "MemberInfo",
    "ModelError",
    "ModelNotFoundError",
    "PackOptions",
    "PackReport",
    "PackageError",
    "Score",
    "SettingsError",
    "TokenScore",
    "TokenScores",
    "TruncatedError",
    "UnpackOptions",
    "UnpackReport",
    "UnsupportedError",
    "__version__",
    "compress",
    "compress_bare",
    "decompress",
    "decompress_bare",
    "inspect_stream",
    "open",
    "pack_stream",
    "read_frame",
    "read_index",
    "release_models",
    "score",
    "unpack_stream",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name in _LAZY:
        import importlib

        # Before any thread can be at work in what is imported now.
        importlib.import_module("edgezip.forks")
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name == "__version__":
        value = _version()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    """The version in the package's metadata: pyproject.toml is the only place that states it."""
    from importlib import metadata

    try:
        return metadata.version("edgezip")
    except metadata.PackageNotFoundError:
        return "0+uninstalled"
