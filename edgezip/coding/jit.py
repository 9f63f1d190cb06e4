"""`njit` with a compilation cache that cannot go stale. Every kernel of this package uses it.

Numba looks only at the file of a function to see whether its cached machine code is current. Code
that was inlined from another module is not checked: after a change of `probability.py` the kernels
of `plain.py` would go on with the old arithmetic, and write payloads that nobody else can read.
Here the name of the cache folder holds a digest of all sources in the kernel's own folder and in
the folders above it, up to `edgezip/coding`; any change starts with an empty cache. So a kernel may
call kernels of its own folder and of those above it, and no others.

Numba's own files are not used either: one that is truncated makes every call fail, and it loads
code from wherever it lies. `kernelcache` keeps the kernels, in a folder `kernels-<digest>`. If
no folder can be written, kernels are compiled anew in every process, which takes many seconds.

With NUMBA_DISABLE_JIT=1 a kernel is the Python function that it is written as: slow, but it can be
debugged, and it is the scalar reference of the format.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from threading import RLock
from typing import Any

import llvmlite
import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

from edgezip import forks
from edgezip.coding.kernelcache import Store

_config: Any = numba.config
_dumps: Any = numba.core.serialize.dumps
_rebuild: Any = CompileResult._rebuild
_typeof: Any = numba.typeof
_PACKAGE = Path(__file__).resolve().parent
_compiling = RLock()
forks.hold_while_forking(_compiling)
forks.hold_while_forking(numba.core.compiler_lock.global_compiler_lock)

PLAIN = bool(getattr(_config, "DISABLE_JIT", False))
"""Whether kernels are plain Python."""


def _sources(folder: Path) -> list[Path]:
    """Return the modules of `folder` and of the folders above it, up to this package."""
    if not folder.is_relative_to(_PACKAGE):
        raise ValueError(f"{folder} is not below {_PACKAGE}: kernels there need numba.njit")
    above = [] if folder == _PACKAGE else _sources(folder.parent)
    return above + sorted(folder.glob("*.py"))


@cache
def store(source_folder: Path = _PACKAGE) -> Store:
    """Return the store for the kernels of `source_folder`."""
    digest = hashlib.sha256()
    for source in _sources(source_folder):
        digest.update(source.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    return Store.open(_config.CACHE_DIR, f"kernels-{digest.hexdigest()[:16]}")


class _KernelCache(NullCache):
    """What Numba asks for a function's machine code and gives it to; see `kernelcache`."""

    def __init__(self, function: Callable[..., Any], kept: Store) -> None:
        self._function = function
        self._store = kept

    @property
    def cache_path(self) -> str | None:
        """The first folder of the store."""
        return str(self._store.folders[0]) if self._store.folders else None

    def _name(self, signature: Any, codegen: Any) -> str:
        """All that the machine code depends on besides the sources."""
        function = self._function
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        key = (
            sys.version_info[:3], numba.__version__, llvmlite.__version__, str(signature),
            codegen.magic_tuple(), function.__code__.co_firstlineno,
        )  # fmt: skip
        digest = hashlib.sha256(repr(key).encode() + _dumps(cells)).hexdigest()[:32]
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}-{digest}"
        return name.replace("<", "").replace(">", "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function, or None."""
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        content = self._store.read(name)
        if content is None:
            return None
        try:
            return _rebuild(target_context, *pickle.loads(content))
        except Exception:  # of another build of Numba, say: whatever it is, compiling mends it
            self._store.damaged(name)
            return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep the compiled function, unless it holds addresses of this process."""
        if not cres.lifted and not cres.library.has_dynamic_globals:
            content = _dumps(cres._reduce())
            self._store.write(self._name(sig, cres.codegen), content)


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `numba.njit(*signature, **options)` with the machine code kept in `store()`.

    For kernels below `edgezip/coding`. To be called with parentheses. At most one signature.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        kernel: Any = numba.njit(**options)(function)
        if PLAIN:
            return function
        folder = Path(function.__code__.co_filename).resolve().parent
        kernel._cache = _KernelCache(function, store(folder))
        for only in signature:
            kernel.compile(only)
            kernel.disable_compile()
        compiled: Callable[..., Any] = kernel
        return compiled

    return decorate


def compiled_for(kernel: Any, *arguments: Any) -> Callable[..., Any]:
    """Return the machine code of `kernel` for arguments of the types of `arguments`.

    Called directly, it does not ask for the types of its arguments, which takes longer than a short
    call: they must be the same again, to the last dtype, dimension and layout.
    """
    if PLAIN:
        return kernel  # type: ignore[no-any-return]
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
            with _compiling:  # several threads may be the first
                kernel = compiled()
            return kernel(*arguments)

        return call

    return decorate
