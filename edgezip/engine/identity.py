"""What names an engine in a file: the arithmetic of strict, the fingerprint of native."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from edgezip.engine.library import EngineKind, Library, find_library, mapped_libraries
from edgezip.errors import EngineError

FINGERPRINT_BYTES = 8


@dataclass(frozen=True)
class EngineIdentity:
    """Two engines with equal identities give equal logits for the same evaluations.

    version: arithmetic of the strict engine, 0 for native. fingerprint: 8 bytes for native, b"" for
    strict.
    """

    kind: EngineKind
    version: int
    fingerprint: bytes


def identify(library: Library, settings: dict[str, int]) -> EngineIdentity:
    """Return the identity of `library` run with `settings` (all that may change native logits)."""
    if library.strict is not None:
        return EngineIdentity("strict", library.strict.version, b"")
    digest = hashlib.blake2b(digest_size=FINGERPRINT_BYTES)
    for part in _native_parts(library, settings):
        digest.update(len(part).to_bytes(8, "little") + part)
    return EngineIdentity("native", 0, digest.digest())


def _native_parts(library: Library, settings: dict[str, int]) -> list[bytes]:
    """List what native logits depend on: code, processor, devices, C library, settings."""
    parts = [path.name.encode() + _hash_file(path) for path in _library_files(library)]
    parts.append(bytes(library.api.llama_print_system_info()))
    parts.append(" ".join((platform.machine(), *platform.libc_ver())).encode())
    parts += _devices(library)
    parts += [f"{name}={value}".encode() for name, value in sorted(settings.items())]
    return parts


def _library_files(library: Library) -> list[Path]:
    mapped = [path for path in mapped_libraries() if path.parent == library.directory]
    if mapped:
        return mapped
    names = ("ggml", "llama", "libggml", "libllama")
    files = sorted(p for p in library.directory.iterdir() if p.name.startswith(names))
    if not files:
        raise EngineError(f"{library.directory} has no llama.cpp libraries to identify")
    return files


def _hash_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise EngineError(f"{path} cannot be read to identify the engine: {error}") from error


def _devices(library: Library) -> list[bytes]:
    """Describe the devices ggml found (CPU model, GPUs)."""
    path = find_library(library.directory, "ggml")
    if path is None:
        return []
    ggml = ctypes.CDLL(str(path))
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    count = ggml.ggml_backend_dev_count()
    return [
        ggml.ggml_backend_dev_description(ggml.ggml_backend_dev_get(i)) or b"" for i in range(count)
    ]
