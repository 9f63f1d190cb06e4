"""SHA-256 of model files, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import platformdirs

from edgezip.errors import ModelError, ModelNotFoundError

MAGIC = b"GGUF"
_CACHE_FILE = "model-hashes.json"
_CACHE_ENTRIES = 1000
# Smaller files are read anew every time: milliseconds, and no damage can hide behind the cache.
_CACHED_FROM = 32 << 20


def check_magic(path: Path) -> None:
    """Raise ModelError unless `path` is a readable file that starts like a GGUF."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no model file {path}") from error
    except OSError as error:
        raise ModelError(f"model {path} cannot be read: {error.strerror}") from error
    if start != MAGIC:
        raise ModelError(f"{path} is not a GGUF model; name a .gguf file")


def file_sha256(path: Path, *, fresh: bool = False) -> bytes:
    """Return the 32-byte SHA-256 of a file.

    Of large files it is remembered by path, size and modification time; fresh=True reads the file
    in any case. ModelError when the file cannot be read.
    """
    try:
        status = path.stat()
        key = [str(path.resolve()), status.st_size, status.st_mtime_ns]
        cached = status.st_size >= _CACHED_FROM
        if cached and not fresh:
            known = _read_cache().get(json.dumps(key))
            if known is not None:
                return known
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise ModelError(f"model {path} cannot be read: {error.strerror}") from error
    if cached:
        _remember(json.dumps(key), digest)
    return digest


def _cache_path() -> Path:
    return Path(platformdirs.user_cache_dir("edgezip")) / _CACHE_FILE


def _read_cache() -> dict[str, bytes]:
    """Return the remembered hashes; anything unreadable counts as not remembered."""
    try:
        entries = json.loads(_cache_path().read_text(encoding="utf-8"))
        found = {str(key): bytes.fromhex(value) for key, value in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return {key: value for key, value in found.items() if len(value) == 32}


def _remember(key: str, digest: bytes) -> None:
    """Add one hash to the cache file; a cache that cannot be written is done without."""
    entries = _read_cache()
    entries.pop(key, None)
    entries[key] = digest
    kept = dict(list(entries.items())[-_CACHE_ENTRIES:])
    text = json.dumps({name: value.hex() for name, value in kept.items()}, indent=0)
    target = _cache_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_CACHE_FILE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return
