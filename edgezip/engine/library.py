"""Finding and loading libllama: our own strict build, or the one llama-cpp-python ships.

One process can hold one of the two. They share sonames, so the dynamic linker would quietly bind
the second libllama to the first ggml, and a "strict" engine would compute with stock arithmetic.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgezip import aborts, forks
from edgezip.engine import bindings, logs
from edgezip.errors import EngineError

EngineKind = Literal["strict", "native"]

DIRECTORY_VARIABLE = "EDGEZIP_LIB_DIR"

_NO_BACKTRACE = "GGML_NO_BACKTRACE"
_AbortCallback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
_abort_callback: Any = None

_PACKAGED = Path(__file__).resolve().parent / "lib"
_DEPENDENCIES = ("ggml-base", "ggml-cpu", "ggml")
_FUNCTIONS = (
    "fpenv_set",
    "fpenv_check",
    "simd_level",
    "simd_name",
    "simd_limit",
    "engine_version",
)
_FAMILY = re.compile(r"^(lib)?(ggml|llama)[\w-]*\.(so|dylib|dll)[\d.]*$")


@dataclass(frozen=True)
class StrictFunctions:
    """What our build adds to libggml-cpu and libllama.

    fpenv_set: rounding to nearest, no flush to zero, for the calling thread; fpenv_check: 1 if that
    is so. simd_level, simd_name: the kernels in use; simd_limit: forbid levels above the argument.
    version: the number of the arithmetic. next_address: of `edgezip_next` (native/src/step.cpp).
    """

    fpenv_set: Any
    fpenv_check: Any
    simd_level: Any
    simd_name: Any
    simd_limit: Any
    version: int
    next_address: int


@dataclass(frozen=True)
class Library:
    """A loaded libllama: its kind, its folder, the bindings and, when strict, our functions."""

    kind: EngineKind
    directory: Path
    api: Any
    strict: StrictFunctions | None
    logits_address: Callable[[Any], int | None]
    """llama_get_logits as an address. Where nothing runs behind (strict) it keeps the interpreter
    lock, which would cost more to get back than the call."""

    def secure_float_environment(self) -> None:
        """Set the calling thread's floating-point state, which new worker threads inherit.

        Another library built with -ffast-math may have switched denormals off. The state that is
        set is the default of every platform, so there is nothing to restore.
        """
        if self.strict is None:
            return
        self.strict.fpenv_set()
        if self.strict.fpenv_check() != 1:
            raise EngineError("the processor's floating-point state cannot be set as strict needs")


_lock = threading.RLock()
forks.hold_while_forking(_lock)
_loaded: Library | None = None


def library_name(stem: str) -> str:
    """Return the file name of a shared library on this platform, e.g. libllama.so."""
    if sys.platform == "win32":
        return f"{stem}.dll"
    return f"lib{stem}.dylib" if sys.platform == "darwin" else f"lib{stem}.so"


def find_library(directory: Path, stem: str) -> Path | None:
    """Return the library `stem` in `directory`, None when it is not there."""
    for name in (library_name(stem), f"lib{stem}.so", f"lib{stem}.dll"):
        if (directory / name).is_file():
            return directory / name
    return None


def strict_directory() -> Path:
    """Return the folder of the strict build; EngineError says how to get one."""
    override = os.environ.get(DIRECTORY_VARIABLE)
    if override:
        if find_library(Path(override), "llama") is None:
            raise EngineError(f"{DIRECTORY_VARIABLE} names {override}, where there is no libllama")
        return Path(override).resolve()
    if find_library(_PACKAGED, "llama") is None:
        raise EngineError(
            f"the strict engine is not built ({_PACKAGED} has no libllama): run pip install . "
            f"in the source tree, or set {DIRECTORY_VARIABLE} to a folder that has it"
        )
    return _PACKAGED.resolve()  # as the memory map names it


def load(kind: EngineKind) -> Library:
    """Load libllama for `kind`, once per process; the same kind again returns the same object.

    Raises EngineError when the library is absent or damaged, when the process holds another
    llama.cpp already, or when a strict library lacks the functions of our build.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            with _without_backtraces():
                _loaded = _load_strict() if kind == "strict" else _load_native()
        if _loaded.kind != kind:
            raise EngineError(
                f"this process has loaded the {_loaded.kind} engine and cannot load the {kind} one "
                "as well; use another process"
            )
        return _loaded


def _load_strict() -> Library:
    bindings.check_version()
    directory = strict_directory()
    _refuse_foreign(directory)
    for stem in _DEPENDENCIES:
        path = find_library(directory, stem)
        if path is not None:
            _open(path)
    api = bindings.import_bindings(directory)
    _refuse_foreign(directory)
    functions = _strict_functions(directory, api)
    return _started("strict", directory, api, functions)


def _load_native() -> Library:
    directory = bindings.loaded_directory()
    if directory is None and not os.environ.get("LLAMA_CPP_LIB_PATH"):
        origin = bindings.package_spec().origin or ""
        if find_library(Path(origin).parent / "lib", "llama") is None:
            raise EngineError(
                "the native engine needs llama-cpp-python's own library, which is not installed; "
                "reinstall llama-cpp-python without LLAMA_BUILD=OFF, or use the strict engine"
            )
    bindings.check_version()
    api = bindings.import_bindings(None)
    directory = bindings.loaded_directory()
    if directory is None:
        raise EngineError("libllama was loaded from an unknown folder")
    return _started("native", directory, api, None)


def _started(
    kind: EngineKind, directory: Path, api: Any, functions: StrictFunctions | None
) -> Library:
    make = ctypes.PYFUNCTYPE if kind == "strict" else ctypes.CFUNCTYPE
    prototype = make(ctypes.c_void_p, ctypes.c_void_p)
    shared = api._lib  # noqa: SLF001 (llama_cpp's)
    logits_address = prototype(("llama_get_logits", shared))
    library = Library(kind, directory, api, functions, logits_address)
    logs.silence(library.api)
    _take_aborts(directory)
    _hold_ggml(directory)
    library.secure_float_environment()
    library.api.llama_backend_init()
    return library


def _take_aborts(directory: Path) -> None:
    """Have ggml's aborts told by us, instead of by a debugger that it attaches to the process."""
    global _abort_callback
    path = find_library(directory, "ggml-base")
    if path is None:
        return
    setter = ctypes.CDLL(str(path)).ggml_set_abort_callback
    setter.restype, setter.argtypes = ctypes.c_void_p, [_AbortCallback]
    # ggml keeps the bare pointer: the object must live as long as the process.
    _abort_callback = _AbortCallback(_aborting)
    setter(_abort_callback)


class _CriticalSection:
    """ggml's lock of what is made once, which each graph takes for a moment."""

    def __init__(self, base: ctypes.CDLL) -> None:
        self._start, self._end = base.ggml_critical_section_start, base.ggml_critical_section_end
        self._start.restype = self._end.restype = None
        self._start.argtypes = self._end.argtypes = []

    def acquire(self) -> None:
        self._start()

    def release(self) -> None:
        self._end()


_section: _CriticalSection | None = None


def _hold_ggml(directory: Path) -> None:
    """Once: it cannot be taken twice, and loading may be tried again."""
    global _section
    path = find_library(directory, "ggml-base")
    if path is not None and _section is None:
        _section = _CriticalSection(ctypes.CDLL(str(path)))
        forks.hold_while_forking(_section)


def _aborting(message: bytes) -> None:
    aborts.about_to_abort(message.decode("utf-8", "replace"))


@contextlib.contextmanager
def _without_backtraces() -> Iterator[None]:
    """Keep ggml, while it is loaded, from taking over std::terminate to attach a debugger."""
    before = os.environ.get(_NO_BACKTRACE)
    os.environ[_NO_BACKTRACE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NO_BACKTRACE]


def _open(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"{path} cannot be loaded: {error}; build the engine again") from error


def _strict_functions(directory: Path, api: Any) -> StrictFunctions:
    path = find_library(directory, "ggml-cpu") or find_library(directory, "llama")
    if path is None:
        raise EngineError(f"{directory} has no libggml-cpu; build the engine again")
    cpu = _open(path)
    try:
        functions = {name: getattr(cpu, f"edgezip_{name}") for name in _FUNCTIONS}
        shared = api._lib  # noqa: SLF001 (llama_cpp's)
        following = ctypes.cast(shared.edgezip_next, ctypes.c_void_p).value or 0
    except AttributeError as error:
        raise EngineError(
            f"{directory} holds a llama.cpp that is not the strict build ({error}); "
            f"build the engine again or unset {DIRECTORY_VARIABLE}"
        ) from error
    for function in functions.values():
        function.restype = ctypes.c_int
        function.argtypes = []
    functions["fpenv_set"].restype = None
    functions["simd_name"].restype = ctypes.c_char_p
    functions["simd_limit"].argtypes = [ctypes.c_int]
    version = int(functions.pop("engine_version")())
    return StrictFunctions(version=version, next_address=following, **functions)


def _refuse_foreign(directory: Path) -> None:
    """Raise EngineError when the process has mapped a llama.cpp library from another folder."""
    for path in mapped_libraries():
        if path.parent != directory:
            raise EngineError(
                f"this process has loaded another llama.cpp already ({path}); "
                "the strict engine needs a process of its own"
            )


def mapped_libraries() -> list[Path]:
    """Return the llama.cpp libraries in this process's memory; known on Linux only, else []."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if line.count("/")}
    return sorted(Path(path) for path in paths if _FAMILY.match(path.rsplit("/", 1)[1]))
