"""Options that make the pipeline fast enough to test: the smallest real model, one thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgezip.pipeline.options import PackOptions, UnpackOptions


@pytest.fixture(scope="session")
def pack_options(stories_model: Path, strict_library: Path) -> PackOptions:
    """Packing with stories260K, one thread."""
    return PackOptions(model=stories_model, threads=1)


@pytest.fixture(scope="session")
def unpack_options(stories_model: Path) -> UnpackOptions:
    """The inverse of `pack_options`."""
    return UnpackOptions(model=stories_model, threads=1)
