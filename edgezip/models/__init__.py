"""Finding models by path, name or SHA-256; only `edgezip.models.fetching` downloads any."""

from edgezip.models.bundled import BundledModel, bundled_models
from edgezip.models.catalogue import CatalogueEntry, entries, known_speed
from edgezip.models.hashing import file_sha256
from edgezip.models.names import how_to_get, known_as, known_name
from edgezip.models.registry import (
    DEFAULT_MODEL_VARIABLE,
    MODELS_PATH_VARIABLE,
    ModelFile,
    add_model,
    checked_vocabulary,
    describe,
    find_by_hash,
    list_models,
    load_file,
    remove_model,
    resolve,
    search_folders,
    set_default,
    user_folder,
    verify_model,
)
from edgezip.models.vocabulary import Vocabulary

__all__ = [
    "DEFAULT_MODEL_VARIABLE",
    "MODELS_PATH_VARIABLE",
    "BundledModel",
    "CatalogueEntry",
    "ModelFile",
    "Vocabulary",
    "add_model",
    "bundled_models",
    "checked_vocabulary",
    "describe",
    "entries",
    "file_sha256",
    "find_by_hash",
    "how_to_get",
    "known_as",
    "known_name",
    "known_speed",
    "list_models",
    "load_file",
    "remove_model",
    "resolve",
    "search_folders",
    "set_default",
    "user_folder",
    "verify_model",
]
