"""Finds and opens the model that options or a file name; the last opened one is kept."""

from __future__ import annotations

import os
import threading

from edgezip.container import EngineField, Header
from edgezip.engine import Engine
from edgezip.errors import EngineMismatchError, ModelError
from edgezip.models import (
    DEFAULT_MODEL_VARIABLE,
    ModelFile,
    checked_vocabulary,
    find_by_hash,
    resolve,
)
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import EngineKind, PackOptions, UnpackOptions

NO_MODEL = "none"

_Key = tuple[bytes, str, int | None, int]
_opened: tuple[_Key, LanguageModel] | None = None
_opened_lock = threading.Lock()


def open_for_packing(options: PackOptions) -> LanguageModel | None:
    """The model that `options` ask for, or None for "none"."""
    spec = options.model
    if spec is None:
        spec = os.environ.get(DEFAULT_MODEL_VARIABLE) or None
    if spec == NO_MODEL:
        return None
    file = resolve(spec)
    return _open(file, options.engine, options.threads, options.gpu_layers)


def open_for_unpacking(header: Header, options: UnpackOptions) -> LanguageModel | None:
    """The model and engine that a file names, or None when it needs none.

    Raises:
        ModelError: the model is missing, or the one given is another one.
        EngineMismatchError: the file was written with another arithmetic.
    """
    if header.model is None or header.engine is None:
        return None
    file = _find(header.model, options)
    model = _open(file, header.engine.kind, options.threads, options.gpu_layers)
    _check_engine(header.engine, model.engine_field)
    if not model.known_answer.startswith(header.known_answer or b""):
        raise EngineMismatchError(
            f"model {file.name} gives other numbers here than where the file was packed;"
            " run edgezip doctor"
        )
    return model


def try_model(file: ModelFile) -> None:
    """Load a model once, to see that it can be used.

    Raises:
        ModelError: it cannot.
        EngineError: the engine cannot.
    """
    vocabulary = checked_vocabulary(file)
    with Engine.load(file.path) as engine:
        LanguageModel(file, engine, vocabulary)


def _find(model_id: bytes, options: UnpackOptions) -> ModelFile:
    if options.model is None:
        return find_by_hash(model_id)
    file = resolve(options.model)
    if not file.sha256.startswith(model_id):
        raise ModelError(
            f"{file.path} is not the model of this file: its SHA-256 starts with"
            f" {file.sha256[: len(model_id)].hex()}, the file names {model_id.hex()}"
        )
    return file


def _check_engine(wanted: EngineField, present: EngineField) -> None:
    if wanted == present:
        return
    if wanted.kind == "strict":
        raise EngineMismatchError(
            f"packed with strict engine version {wanted.version}, this edgezip has version"
            f" {present.version}: install the edgezip release that wrote the file"
        )
    raise EngineMismatchError(
        f"packed with the native engine {wanted.fingerprint.hex()}, this one is"
        f" {present.fingerprint.hex()}: only the same llama.cpp build, with the same threads (-T)"
        " and GPU layers, on the same kind of machine can open it"
    )


def _open(file: ModelFile, kind: EngineKind, threads: int | None, gpu_layers: int) -> LanguageModel:
    """Open a model or take the one opened last: loading costs more than coding a message."""
    global _opened
    key = (file.sha256, kind, threads, gpu_layers)
    with _opened_lock:
        if _opened is not None and _opened[0] == key:
            return _opened[1]
        _opened = None
        vocabulary = checked_vocabulary(file)
        engine = Engine.load(file.path, kind=kind, threads=threads, gpu_layers=gpu_layers)
        model = LanguageModel(file, engine, vocabulary)
        _opened = (key, model)
        return model
