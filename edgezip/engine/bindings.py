"""The low-level ctypes bindings of llama-cpp-python, without the package around them.

`import llama_cpp.llama_cpp` runs `llama_cpp/__init__.py`, which imports the high-level class and
with it Jinja2 and diskcache: some 150 ms that nothing here uses. A module with the package's search
path stands in for the package while the submodule is imported, and is removed afterwards. A later
`import llama_cpp` elsewhere in the process finds the submodule already loaded and runs the real
`__init__.py` on top of it, so both share one library.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from edgezip.errors import EngineError

PINNED_VERSION = "0.3.36"

_PACKAGE = "llama_cpp"
_SUBMODULE = "llama_cpp.llama_cpp"
_PATH_VARIABLE = "LLAMA_CPP_LIB_PATH"


def package_spec() -> ModuleSpec:
    """Find the installed llama_cpp package without importing it; EngineError when absent."""
    loaded = sys.modules.get(_PACKAGE)
    spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations or spec.origin is None:
        raise EngineError(
            "llama-cpp-python is not installed; run: "
            f"pip install llama-cpp-python=={PINNED_VERSION}"
        )
    return spec


def check_version() -> None:
    """Raise EngineError unless llama-cpp-python has the version our structures were checked with.

    The version is read from the package's source, as importlib.metadata takes longer than a load.
    """
    origin = package_spec().origin
    text = Path(origin).read_text(encoding="utf-8") if origin else ""
    match = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    found = match.group(1) if match else "unknown"
    if found != PINNED_VERSION:
        raise EngineError(
            f"llama-cpp-python {found} is installed, {PINNED_VERSION} is needed; run: "
            f"pip install llama-cpp-python=={PINNED_VERSION}"
        )


def loaded_directory() -> Path | None:
    """Return the folder that the bindings loaded libllama from, None if they are not loaded."""
    module: Any = sys.modules.get(_SUBMODULE)
    if module is None:
        return None
    return Path(module._lib._name).parent.resolve()  # noqa: SLF001 (llama_cpp's)


def import_bindings(directory: Path | None) -> Any:
    """Import `llama_cpp.llama_cpp` with libllama from `directory`, None for its own default.

    Raises EngineError when the library cannot be loaded. Not to be called from two threads at once.
    """
    if _SUBMODULE in sys.modules:
        return sys.modules[_SUBMODULE]
    spec = package_spec()
    stand_in = types.ModuleType(_PACKAGE)
    stand_in.__path__ = list(spec.submodule_search_locations or [])
    stand_in.__spec__ = spec
    saved = os.environ.get(_PATH_VARIABLE)
    owner = sys.modules.setdefault(_PACKAGE, stand_in)
    if directory is not None:
        os.environ[_PATH_VARIABLE] = str(directory)
    try:
        return importlib.import_module(_SUBMODULE)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        for name in [name for name in sys.modules if name.startswith(_PACKAGE + ".")]:
            del sys.modules[name]
        raise EngineError(f"libllama cannot be loaded: {error}") from error
    finally:
        if directory is not None:
            if saved is None:
                del os.environ[_PATH_VARIABLE]
            else:
                os.environ[_PATH_VARIABLE] = saved
        if owner is stand_in:
            del sys.modules[_PACKAGE]
