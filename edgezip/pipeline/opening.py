"""Finds and opens the model that options or a file name; the last opened ones are kept."""

from __future__ import annotations

import os

from edgezip import forks
from edgezip.container import EngineField, Header
from edgezip.engine import Engine, selftest
from edgezip.engine.hardware import usable_memory
from edgezip.errors import EngineMismatchError, ModelError
from edgezip.models import (
    DEFAULT_MODEL_VARIABLE,
    ModelFile,
    checked_vocabulary,
    find_by_hash,
    how_to_get,
    resolve,
)
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import EngineKind, PackOptions, UnpackOptions

NO_MODEL = "none"

KEPT_MODELS = 2
KEPT_PART = 4
"""Models stay open for the next call: the last two, if together they are smaller than a fourth of
the memory, else the last one."""

_Key = tuple[bytes, str, str, int | None, int]
_opened: dict[_Key, LanguageModel] = {}
"""By hash, name (which is written into files), engine, threads and layers; the least recently used
one first."""
_opened_lock = forks.Lock()


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
    model = _already_open(header.model, header.engine.kind, options)
    if model is None:
        file = _find(header.model, header.model_name, options)
        model = _open(file, header.engine.kind, options.threads, options.gpu_layers)
    _check_engine(header.engine, model.engine_field)
    if not model.known_answer.startswith(header.known_answer or b""):
        raise EngineMismatchError(
            f"model {model.file.name} gives other numbers here than where the file was packed;"
            " run edgezip doctor"
        )
    return model


def try_model(file: ModelFile) -> tuple[int, bytes]:
    """Load a model once, to see that it can be used: version of the engine and its long answer,
    as batches and single tokens both give it.

    Raises:
        ModelError: it cannot.
        EngineError: the engine cannot.
    """
    vocabulary = checked_vocabulary(file)
    with Engine.load(file.path) as engine:
        LanguageModel(file, engine, vocabulary)
        return engine.identity.version, selftest.agreed_answer(engine)


def _already_open(
    model_id: bytes, kind: EngineKind, options: UnpackOptions
) -> LanguageModel | None:
    """The open model of that hash, if the caller does not insist on a file: what is in memory was
    read and hashed when it was opened."""
    if options.model is not None:
        return None
    with _opened_lock:
        for (sha256, _name, *rest), model in _opened.items():
            if sha256.startswith(model_id) and rest == [kind, options.threads, options.gpu_layers]:
                return model
    return None


def _find(model_id: bytes, called: str | None, options: UnpackOptions) -> ModelFile:
    if options.model is None:
        return find_by_hash(model_id, called)
    file = resolve(options.model)
    if not file.sha256.startswith(model_id):
        raise ModelError(
            f"{file.path} is not the model of this file: its SHA-256 starts with"
            f" {file.sha256[: len(model_id)].hex()}, the file names {model_id.hex()}"
            f"{how_to_get(model_id, called)}"
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
    """Open a model or take one that is open: loading costs more than coding a message."""
    key = (file.sha256, file.name, kind, threads, gpu_layers)
    with _opened_lock:
        model = _opened.pop(key, None)
        if model is None:
            _make_room(file.size)
            vocabulary = checked_vocabulary(file)
            engine = Engine.load(file.path, kind=kind, threads=threads, gpu_layers=gpu_layers)
            model = LanguageModel(file, engine, vocabulary)
        _opened[key] = model
        return model


def _make_room(size: int) -> None:
    """Let go of the models that were used least recently, for one of `size` bytes."""
    limit = usable_memory() // KEPT_PART
    while _opened and (
        len(_opened) >= KEPT_MODELS or size + sum(m.file.size for m in _opened.values()) > limit
    ):
        _opened.pop(next(iter(_opened)))


def release_models() -> None:
    """Let go of all open models; their memory is free once no call uses them any more."""
    with _opened_lock:
        _opened.clear()
