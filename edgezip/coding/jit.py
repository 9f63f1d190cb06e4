"""`njit` with a compilation cache that cannot go stale. Every kernel of this package uses it.

Numba looks only at the file of a function to see whether its cached machine code is current. Code
that was inlined from another module is not checked: after a change of `probability.py` the kernels
of `plain.py` would go on with the old arithmetic, and write payloads that nobody else can read.
Here the name of the cache folder holds a digest of all sources in the kernel's own folder and in
the folders above it, up to `edgezip/coding`; any change starts with an empty cache. So a kernel may
call kernels of its own folder and of those above it, and no others.

The folder is `kernels-<digest>` in NUMBA_CACHE_DIR if that is set, else in the user's cache
directory. If it cannot be written, kernels are compiled anew in every process, which takes many
seconds; a note in the log says so.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from threading import RLock
from typing import Any

import numba
from platformdirs import user_cache_path

_config: Any = numba.config
_typeof: Any = numba.typeof
_log = logging.getLogger(__name__)
_PACKAGE = Path(__file__).resolve().parent

_compiling = RLock()


def _sources(folder: Path) -> list[Path]:
    """Return the modules of `folder` and of the folders above it, up to this package."""
    if not folder.is_relative_to(_PACKAGE):
        raise ValueError(f"{folder} is not below {_PACKAGE}: kernels there need numba.njit")
    above = [] if folder == _PACKAGE else _sources(folder.parent)
    return above + sorted(folder.glob("*.py"))


@cache
def cache_folder(source_folder: Path = _PACKAGE) -> Path | None:
    """Return the folder for the kernels of `source_folder`, or None if it cannot be written."""
    digest = hashlib.sha256()
    for source in _sources(source_folder):
        digest.update(source.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    parent = Path(_config.CACHE_DIR or user_cache_path("edgezip"))
    folder = parent / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        _log.warning("kernels are compiled anew in every process: %s", error)
        return None
    if not os.access(folder, os.W_OK | os.X_OK):
        _log.warning("kernels are compiled anew in every process: %s is not writable", folder)
        return None
    return folder


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `numba.njit(*signature, **options)` with the cache in `cache_folder()`.

    For kernels below `edgezip/coding`. To be called with parentheses. `cache` in `options` is
    ignored: caching is always wanted.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        folder = cache_folder(Path(function.__code__.co_filename).resolve().parent)
        options["cache"] = folder is not None
        # Numba reads the setting when it decorates; other users of Numba must not notice.
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder) if folder else before
        try:
            kernel: Callable[..., Any] = numba.njit(*signature, **options)(function)
        finally:
            _config.CACHE_DIR = before
        return kernel

    return decorate


def compiled_for(kernel: Any, *arguments: Any) -> Callable[..., Any]:
    """Return the machine code of `kernel` for arguments of the types of `arguments`.

    Called directly, it does not ask for the types of its arguments, which takes longer than a short
    call: they must be the same again, to the last dtype, dimension and layout.
    """
    compiled: Callable[..., Any] = kernel.compile(tuple(map(_typeof, arguments)))
    return compiled


def lazy_njit(signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `njit(signature, **options)`, compiled or loaded at the first call, for entry points.

    The signature pins the types; laziness spares who packs the kernels for unpacking.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @cache
        def compiled() -> Callable[..., Any]:
            return njit(signature, **options)(function)

        @wraps(function)
        def call(*arguments: Any) -> Any:
            with _compiling:  # several threads may be the first; Numba's settings are global
                kernel = compiled()
            return kernel(*arguments)

        return call

    return decorate
