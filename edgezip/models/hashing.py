"""SHA-256 of model files, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path

from edgezip.errors import ModelError, ModelNotFoundError
from edgezip.folders import open_regular, user_cache_folder

MAGIC = b"GGUF"
_CACHE_FILE = "model-hashes.json"
_CACHE_ENTRIES = 1000
# Smaller files are read by every process: it takes milliseconds.
_CACHED_FROM = 32 << 20

_Key = tuple[str, int, int, int, int]
_read_here: dict[_Key, bytes] = {}
"""What this process has read."""


def check_magic(path: Path) -> None:
    """Raise ModelError unless `path` is a readable, regular file that starts like a GGUF."""
    try:
        # Opening a FIFO would wait for somebody to write into it, and a device may never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path} is not a regular file; name a .gguf file")
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no model file {path}") from error
    except OSError as error:
        raise ModelError(f"model {path} cannot be read: {error.strerror}") from error
    if start != MAGIC:
        raise ModelError(f"{path} is not a GGUF model; name a .gguf file")


def file_sha256(path: Path, *, cached: bool = False, fresh: bool = False) -> bytes:
    """Return the 32-byte SHA-256 of a file.

    The file is read, unless this process has read it before and its status has not changed since;
    fresh=True reads it in any case. cached=True takes the word of an earlier process for a large
    file, which is good enough to find a model and not to use it: a cache cannot see the damage that
    a disk does. ModelError when the file cannot be read.
    """
    try:
        key = _key(path)
        known = None if fresh else _read_here.get(key)
        if known is None and cached and not fresh and _is_large(key):
            known = _read_cache().get(json.dumps(key))
        if known is not None:
            return known
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise ModelError(f"model {path} cannot be read: {error.strerror}") from error
    _remember_here(key, digest)
    if _is_large(key):
        _remember(json.dumps(key), digest)
    return digest


def _key(path: Path) -> _Key:
    """What says that a file is still the one that was read. The time of the last change of the
    inode is not for users to set, unlike that of the content."""
    status = path.stat()
    return (
        str(path.resolve()),
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _is_large(key: _Key) -> bool:
    return key[2] >= _CACHED_FROM


def _remember_here(key: _Key, digest: bytes) -> None:
    if len(_read_here) >= _CACHE_ENTRIES:
        _read_here.clear()
    _read_here[key] = digest


def _cache_path() -> Path | None:
    folder = user_cache_folder()
    return None if folder is None else folder / _CACHE_FILE


def _read_cache() -> dict[str, bytes]:
    """Return the remembered hashes; anything unreadable counts as not remembered."""
    path = _cache_path()
    try:
        if path is None:
            return {}
        with open_regular(path) as file:
            entries = json.load(file)
        found = {str(key): bytes.fromhex(value) for key, value in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return {key: value for key, value in found.items() if len(value) == 32}


def _remember(key: str, digest: bytes) -> None:
    """Add one hash to the cache file; a cache that cannot be written is done without."""
    target = _cache_path()
    if target is None:
        return
    entries = _read_cache()
    entries.pop(key, None)
    entries[key] = digest
    kept = dict(list(entries.items())[-_CACHE_ENTRIES:])
    text = json.dumps({name: value.hex() for name, value in kept.items()}, indent=0)
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
