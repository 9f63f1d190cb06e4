"""What `import edgezip` offers."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import edgezip


def test_every_public_name_is_there() -> None:
    for name in edgezip.__all__:
        assert getattr(edgezip, name) is not None
        assert name in dir(edgezip)
    with pytest.raises(AttributeError):
        edgezip.nothing_of_that_name  # noqa: B018


def test_every_error_is_public() -> None:
    errors = importlib.import_module("edgezip.errors")
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert classes <= set(edgezip.__all__)


def test_errors_are_python_errors_too() -> None:
    assert issubclass(edgezip.TruncatedError, EOFError)
    assert issubclass(edgezip.SettingsError, ValueError)


NEVER = ("edgezip.coding.image.codec", "edgezip.coding.audio.codec", "edgezip.coding.deflate.codec",
         "edgezip.archive", "edgezip.models.llama", "edgezip.models.fetching")  # fmt: skip
"""What a message needs in neither direction, and what takes long to import."""
ONLY_PACKING = ("edgezip.pipeline.plan", "edgezip.pipeline.writer", "edgezip.pipeline.detect.media")


def test_a_message_imports_only_what_it_needs() -> None:
    """Each in a process of its own, self-tests included: importing took a third of a message."""
    code = "import edgezip, sys; {}; print(*sys.modules)"
    packed = edgezip.compress(b"It was a bright cold day in April.")
    jobs = {
        f"edgezip.decompress({packed!r})": (*NEVER, *ONLY_PACKING),
        "edgezip.compress(b'It was a bright cold day in April.')": NEVER,
    }
    for job, unwanted in jobs.items():
        command = [sys.executable, "-c", code.format(job)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        loaded = done.stdout.split()
        assert "edgezip.pipeline.coders.language" in loaded
        assert not set(loaded) & set(unwanted)
