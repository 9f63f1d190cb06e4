"""What `import edgezip` offers."""

from __future__ import annotations

import importlib
import inspect

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
