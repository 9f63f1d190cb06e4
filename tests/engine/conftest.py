"""The strict engine, loaded once per process; the tests skip where it is not built."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgezip.engine import Engine, library
from edgezip.errors import EngineError


@pytest.fixture(scope="session")
def strict_folder() -> Path:
    """The folder of the strict libraries; skips when absent, fails if they are required."""
    try:
        return library.strict_directory()
    except EngineError as error:
        if os.environ.get("EDGEZIP_REQUIRE_STRICT") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def open_engine(strict_folder: Path) -> Iterator[Callable[..., Engine]]:
    """Engine.load for the strict engine; what it loads is closed at the end."""
    engines: list[Engine] = []

    def load(path: Path, **options: Any) -> Engine:
        engines.append(Engine.load(path, kind="strict", **options))
        return engines[-1]

    yield load
    for engine in engines:
        engine.close()


@pytest.fixture(scope="session")
def stories(open_engine: Callable[..., Engine], stories_model: Path) -> Engine:
    """stories260K on the strict engine with one thread."""
    return open_engine(stories_model, threads=1)


@pytest.fixture(scope="session")
def bundled(open_engine: Callable[..., Engine], bundled_model: Path) -> Engine:
    """The bundled model on the strict engine with one thread."""
    return open_engine(bundled_model, threads=1)
