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

A kernel that is not kept as compiled for this very processor may be there for a level that it has
(`levels`): that is how kernels come with the package. The file's name holds what the code is bound
to besides the sources (Python, Numba, llvmlite, types, processor), so a set that does not fit is
never even opened.

With NUMBA_DISABLE_JIT=1 a kernel is the Python function that it is written as: slow, but it can be
debugged, and it is the scalar reference of the format.
"""

from __future__ import annotations

import hashlib
import os
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
from numba.core.runtime.nrt import rtsys

from edgezip import forks
from edgezip.coding import watch
from edgezip.coding.kernelcache import Store
from edgezip.coding.levels import levels_of_this_processor

_config: Any = numba.config
_dumps: Any = numba.core.serialize.dumps
_rebuild: Any = CompileResult._rebuild  # noqa: SLF001 (Numba's)
_runtime: Any = rtsys
_typeof: Any = numba.typeof
_PACKAGE = Path(__file__).resolve().parent
_compiling = RLock()
forks.hold_while_forking(_compiling)
forks.hold_while_forking(numba.core.compiler_lock.global_compiler_lock)

SHIPPED = _PACKAGE / "shipped"
"""The kernels that came with the package; EDGEZIP_SHIPPED_KERNELS=no leaves them alone."""

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
    shipped = None if os.environ.get("EDGEZIP_SHIPPED_KERNELS") == "no" else SHIPPED
    # From the environment alone: Numba would also take it from a settings file in the working
    # directory, which may be anybody's, and kernels are code.
    named = os.environ.get("NUMBA_CACHE_DIR", "")
    return Store.open(named, f"kernels-{digest.hexdigest()[:16]}", shipped)


def _processors(context: Any) -> list[tuple[str, str, str]]:
    """What code may be compiled for to run here, as Numba names it: this processor first."""
    own = context.codegen().magic_tuple()
    return [own, *((own[0], level, "") for level in _levels())]


def _marks(group: str) -> list[str]:
    """Names of the file that lists the kernels of `group`, by processor."""
    from numba.core.registry import cpu_target

    folders = sorted({path.parent for path in _PACKAGE.rglob("*.py")})
    fixed = (
        sys.version_info[:2], numba.__version__, llvmlite.__version__,
        [store(folder).name for folder in folders],
    )  # fmt: skip
    digests = (
        hashlib.sha256(repr((fixed, kind)).encode())
        for kind in _processors(cpu_target.target_context)
    )
    return [f"group.{group}-{digest.hexdigest()[:32]}" for digest in digests]


def mark(group: str, names: set[str]) -> None:
    """Note that `group` needs the kernels `names`, as `watch` tells them, and that all of them
    are kept, compiled for this processor or the one that the user named."""
    store().write(_marks(group)[0], "\n".join(sorted(names)).encode())


def is_marked(group: str) -> bool:
    """Whether all kernels of `group` are known to be kept, for some level of this processor."""
    kept = store()
    for name in _marks(group):
        content = kept.read(name)
        if content is not None and all(map(kept.holds, content.decode().split("\n"))):
            return True
    return False


@cache
def _levels() -> tuple[str, ...]:
    """Levels whose kernels may be loaded; none where the user names a processor."""
    return () if _config.CPU_NAME is not None else levels_of_this_processor()


class _KernelCache(NullCache):
    """What Numba asks for a function's machine code and gives it to; see `kernelcache`."""

    def __init__(self, function: Callable[..., Any], kept: Store) -> None:
        self._function = function
        self._store = kept

    @property
    def cache_path(self) -> str | None:
        """The first folder of the store."""
        return str(self._store.folders[0]) if self._store.folders else None

    def _name(self, signature: Any, processor: tuple[str, str, str]) -> str:
        """All that the machine code depends on besides the sources."""
        function = self._function
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        key = (
            sys.version_info[:2], numba.__version__, llvmlite.__version__, str(signature),
            processor, function.__code__.co_firstlineno,
        )  # fmt: skip
        digest = hashlib.sha256(repr(key).encode() + _dumps(cells)).hexdigest()[:32]
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}-{digest}"
        return name.replace("<", "").replace(">", "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function, or None."""
        # Numba refreshes the context here, which loads all that compiling needs: 0.1 s. Compiling
        # does it in any case; machine code needs the run-time system's functions only.
        _runtime.initialize(target_context)
        names = [self._name(sig, kind) for kind in _processors(target_context)]
        for name in names:
            full = f"{self._store.name}/{name}"
            content = self._store.read(name)
            if content is None:
                continue
            try:
                found = _rebuild(target_context, *pickle.loads(content))
            except Exception:  # of another build of Numba, say: whatever it is, compiling mends it
                self._store.damaged(name)
                continue
            watch.tell(full, True)
            return found
        watch.tell(f"{self._store.name}/{names[0]}", False)
        return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep the compiled function, unless it holds addresses of this process."""
        if not cres.lifted and not cres.library.has_dynamic_globals:
            content = _dumps(cres._reduce())  # noqa: SLF001 (Numba's)
            self._store.write(self._name(sig, cres.codegen.magic_tuple()), content)


def njit(*signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `numba.njit(*signature, **options)` with the machine code kept in `store()`.

    For kernels below `edgezip/coding`. To be called with parentheses. At most one signature.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        kernel: Any = numba.njit(**options)(function)
        if PLAIN:
            return function
        folder = Path(function.__code__.co_filename).resolve().parent
        kernel._cache = _KernelCache(function, store(folder))  # noqa: SLF001 (Numba's)
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
