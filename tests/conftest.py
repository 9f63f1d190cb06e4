"""Fixtures and Hypothesis profiles that every room's tests share.

The tests run against the installed package, so that what is tested is what users get: pytest
imports in `importlib` mode, and `PYTHONSAFEPATH` keeps the working directory off `sys.path` of
the Python processes that tests start.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# The commands of bench/ and train/ are not part of the installed package. Behind everything else,
# so that `edgezip` stays the installed one.
sys.path.append(str(ROOT))

os.environ["PYTHONSAFEPATH"] = "1"

# Numba compiles on a kernel's first call, which no deadline foresees.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.register_profile(
    "expensive", deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session", autouse=True)
def offline() -> Iterator[None]:
    """Nothing here needs a network: a connection that is tried is an error, in this process."""
    guard = pytest.MonkeyPatch()
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise AssertionError(f"a test wants a network connection, to {address}")
        connect(self, address)

    guard.setattr(socket.socket, "connect", refuse)
    yield
    guard.undo()


@pytest.fixture(scope="module")
def nothing_compiled() -> Iterator[None]:
    """What the module's tests pack and unpack needs no kernel that `edgezip warm` misses: a row is
    missing in `warming.STEPS` otherwise. Asked where all steps are done, as after
    scripts/setup.sh."""
    from edgezip import warming
    from edgezip.coding import jit
    from edgezip.coding.watch import watching

    warm = not jit.PLAIN and not warming.cold()
    compiled: list[str] = []
    with watching(lambda name, kept: None if kept else compiled.append(name)):
        yield
    if warm:
        assert not compiled


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, for tests that read documents, scripts or data of the tree."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """tests/data: sample texts and models that the suite cannot do without."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Material that is not in the repository (see tests/data/README.md); skips when absent."""
    path = Path(os.environ.get("EDGEZIP_SHARED") or ROOT.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"needs {path} (or EDGEZIP_SHARED), which is not here")
    return path


@pytest.fixture(scope="session")
def bundled_model() -> Path:
    """The bundled model that is used where none is named."""
    manifest = json.loads((ROOT / "edgezip" / "models" / "manifest.json").read_text("utf-8"))
    entry = next(model for model in manifest["models"] if model["default"])
    return ROOT / "models" / "gguf" / str(entry["file"])


@pytest.fixture(scope="session")
def stories_model() -> Path:
    """stories260K: a third party's trained Llama, F32, 512 pieces, grouped-query attention."""
    return ROOT / "tests" / "data" / "stories260K.gguf"


@pytest.fixture(scope="session")
def smollm2_model() -> Path:
    """SmolLM2-135M in Q4_1, from EDGEZIP_TEST_SMOLLM2 or where `edgezip models get` has put it."""
    named = os.environ.get("EDGEZIP_TEST_SMOLLM2")
    path = Path(named or platformdirs.user_data_path("edgezip") / "models" / "smollm2-135m.gguf")
    if not path.is_file():
        pytest.skip(
            f"needs {path}: run edgezip models get smollm2-135m, or set EDGEZIP_TEST_SMOLLM2"
        )
    return path


@pytest.fixture(scope="session")
def strict_library() -> Path:
    """The installed strict libllama; skips when absent, fails when EDGEZIP_REQUIRE_STRICT=1."""
    lib = resources.files("edgezip.engine") / "lib"
    for name in ("libllama.so", "libllama.dylib", "llama.dll"):
        path = Path(str(lib / name))
        if path.is_file():
            return path
    message = f"no strict engine in {lib}: run `sh scripts/setup.sh`"
    if os.environ.get("EDGEZIP_REQUIRE_STRICT") == "1":
        pytest.fail(message)
    pytest.skip(message)
