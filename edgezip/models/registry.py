"""Where models are looked for, and in which order."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgezip.atomic import AtomicFile
from edgezip.errors import InputError, ModelError, ModelNotFoundError, SettingsError
from edgezip.folders import user_data_folder
from edgezip.models import answers
from edgezip.models.bundled import BundledModel, bundled_by_hash, bundled_folders, bundled_models
from edgezip.models.chosen import choose, chosen_name
from edgezip.models.gguf import Gguf, read_gguf
from edgezip.models.hashing import check_magic, file_sha256
from edgezip.models.names import how_to_get
from edgezip.models.vocabulary import Vocabulary, read_vocabulary

if TYPE_CHECKING:
    from edgezip.models.llama import Llama

DEFAULT_MODEL_VARIABLE = "EDGEZIP_MODEL"
MODELS_PATH_VARIABLE = "EDGEZIP_MODELS_PATH"

_SUFFIX = ".gguf"
# A prefix this long does not occur twice by accident.
_UNIQUE_BYTES = 8
_HASH_PREFIX = re.compile(r"[0-9a-fA-F]{8,64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True)
class ModelFile:
    """A model on this machine. sha256: 32 bytes, of the whole file; size: bytes."""

    path: Path
    sha256: bytes
    name: str
    size: int

    def expected_answer(self, version: int) -> bytes | None:
        """What version `version` of the strict engine must answer with it (`selftest.long_answer`):
        from the manifest or from when it was registered; None if that is not known."""
        if self.bundled is not None:
            return self.bundled.known_answers.get(version)
        return answers.recall(self.path, self.sha256, version)

    @property
    def bundled(self) -> BundledModel | None:
        """The manifest's entry when this is a bundled model: window, known answers."""
        return bundled_by_hash(self.sha256)


def user_folder() -> Path | None:
    """Return the folder of registered models, None for who has no home.

    Data, not cache: archives need their models.
    """
    data = user_data_folder()
    return None if data is None else data / "models"


def search_folders() -> list[Path]:
    """Return the folders searched for models, in order; they need not exist."""
    listed = os.environ.get(MODELS_PATH_VARIABLE, "").split(os.pathsep)
    folders = [Path(folder) for folder in listed if folder]
    own = user_folder()
    return [*folders, *([own] if own is not None else []), *bundled_folders()]


def list_models() -> list[ModelFile]:
    """Return the models in the search folders, each content once, in search order."""
    found: dict[bytes, ModelFile] = {}
    for path in _candidates():
        try:
            model = load_file(path, cached=True)
        except ModelError:
            continue
        found.setdefault(model.sha256, model)
    return list(found.values())


def resolve(spec: str | Path | None = None, *, cached: bool = False) -> ModelFile:
    """Return the model that `spec` names: a path, a registered name or a SHA-256 prefix in hex.

    None stands for EDGEZIP_MODEL or, when that is not set or empty, for what `set_default` chose,
    else for the bundled default. Raises ModelNotFoundError when there is no such model, ModelError
    when it is not a usable file or the prefix is ambiguous, and SettingsError for an empty name.
    cached: the hash may be one that an earlier process computed; not for a model that is going to
    be used.
    """
    if spec is None:
        spec = os.environ.get(DEFAULT_MODEL_VARIABLE) or None
    if spec is None:
        chosen = chosen_name()
        return _default_model() if chosen is None else _chosen_model(chosen, cached=cached)
    text = str(spec)
    if not text:
        raise SettingsError("the model's name is empty; leave -m out for the default model")
    if isinstance(spec, Path) or os.sep in text or "/" in text or Path(text).is_file():
        return load_file(_expanded(Path(text)), cached=cached)
    for path in _candidates():
        if text in (path.name, path.stem):
            return load_file(path, cached=cached)
    if _HASH_PREFIX.fullmatch(text) and len(text) % 2 == 0:
        return find_by_hash(bytes.fromhex(text))
    raise ModelNotFoundError(f"there is no model named {text!r} {_where()}")


def _expanded(path: Path) -> Path:
    """`path` with a leading ~ replaced; as it is for who has no home."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def find_by_hash(prefix: bytes, called: str | None = None) -> ModelFile:
    """Return the model whose SHA-256 starts with `prefix` (1 to 32 bytes), read in this process.

    called: what a packed file calls it, for the message where there is none; nothing is looked for
    under that name.
    Raises ModelNotFoundError when no search folder has it, and ModelError when several different
    models match or the one that did has been damaged or changed since.
    """
    if not 1 <= len(prefix) <= 32:
        raise SettingsError("a model hash has 1 to 32 bytes")
    matches, damaged = _matching(prefix)
    if len(matches) > 1:
        names = ", ".join(str(model.path) for model in matches)
        raise ModelError(f"several models have a SHA-256 that starts {prefix.hex()}: {names}")
    if matches:
        return matches[0]
    if damaged:
        raise _damaged(damaged[0].path, file_sha256(damaged[0].path), damaged[0].sha256)
    shown = prefix.hex() + ("..." if len(prefix) < 32 else "")
    raise ModelNotFoundError(
        f"no model with SHA-256 {shown}{how_to_get(prefix, called)} {_where()}"
    )


def _matching(prefix: bytes) -> tuple[list[ModelFile], list[ModelFile]]:
    """Return the models whose hash starts with `prefix`; the first one if that is long enough.
    Beside them those of which only the cache says so.

    Small files are hashed first, so that a bundled model is found without reading large ones.
    """
    found: dict[bytes, ModelFile] = {}
    damaged = []
    for path in sorted(_candidates(), key=_size):
        try:
            claimed = load_file(path, cached=True)
            if not claimed.sha256.startswith(prefix):
                continue
            model = load_file(path)
        except ModelError:
            continue
        if not model.sha256.startswith(prefix):
            damaged.append(claimed)
        elif len(prefix) >= _UNIQUE_BYTES:
            return [model], []
        else:
            found.setdefault(model.sha256, model)
    return list(found.values()), damaged


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile
        return 0


def load_file(path: Path, *, cached: bool = False) -> ModelFile:
    """Return the model at `path`; ModelError when it cannot be read or is no GGUF.

    cached: its hash may come from an earlier process (`file_sha256`).
    """
    check_magic(path)
    return ModelFile(path, file_sha256(path, cached=cached), path.stem, _size(path))


def checked_vocabulary(model: ModelFile) -> Vocabulary:
    """The vocabulary of a model that may be given to llama.cpp.

    A bundled model is known; of every other one the header is checked first. ModelError says what
    is wrong with it.
    """
    with _named(model.path):
        gguf = read_gguf(model.path)
        if model.bundled is None:
            _check_llama(gguf)
        return read_vocabulary(gguf)


def _check_llama(gguf: Gguf) -> Llama:
    from edgezip.models.llama import check_llama  # bundled models need no check

    return check_llama(gguf)


def describe(model: ModelFile) -> Llama:
    """The sizes of a model; ModelError when it is none that can be used."""
    with _named(model.path):
        return _check_llama(read_gguf(model.path))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have errors in the block name the file."""
    try:
        yield
    except ModelError as error:
        text = str(error)
        raise ModelError(text if str(path) in text else f"{path}: {text}") from error


def verify_model(model: ModelFile) -> None:
    """Read the whole file again; ModelError when it no longer has the hash it is known by."""
    check_magic(model.path)
    bundled = next((b for b in bundled_models() if b.path() == model.path), None)
    expected = bundled.sha256 if bundled is not None else model.sha256
    actual = file_sha256(model.path, fresh=True)
    if actual != expected:
        raise _damaged(model.path, actual, expected)


def _damaged(path: Path, actual: bytes, expected: bytes) -> ModelError:
    return ModelError(
        f"{path} is damaged or was changed: its SHA-256 is {actual.hex()}, not {expected.hex()}"
    )


def add_model(source: Path, name: str | None = None) -> ModelFile:
    """Register a GGUF under `name` (default: its file name) in the user's folder.

    Linked when on the same file system, copied otherwise; it appears under its name complete or not
    at all. A model with the same content under that name is left as it is. Raises ModelError when
    `source` is no GGUF, SettingsError for a bad name, InputError when the name is taken by another
    model or the folder cannot be written.
    """
    source = _expanded(source)
    model = load_file(source)
    name = (name or source.stem).removesuffix(_SUFFIX)
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name!r} is no model name; use letters, digits and . _ + -")
    folder = user_folder()
    if folder is None:
        raise InputError(
            "this account has no home folder to keep models in; set XDG_DATA_HOME, or put the file"
            f" into a folder that {MODELS_PATH_VARIABLE} names"
        )
    target = folder / (name + _SUFFIX)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _place(source.resolve(), target)
    except OSError as error:
        raise InputError(f"model {name} cannot be added to {target.parent}: {error}") from error
    added = load_file(target)
    if added.sha256 != model.sha256:
        raise InputError(f"another model is named {name} already ({target}); choose another name")
    return added


def _place(source: Path, target: Path) -> None:
    """Create `target` from `source` in one step; an existing target stays."""
    try:
        os.link(source, target)
        return
    except FileExistsError:
        return
    except OSError:
        pass  # another file system, or one without hard links
    try:
        with AtomicFile(target) as output, source.open("rb") as content:
            shutil.copyfileobj(content, output.file)
            output.commit()
    except InputError:
        if not target.exists():
            raise


def remove_model(name: str) -> ModelFile:
    """Take a registered model out of the user's folder; returns what it was.

    Where it was the default, the bundled one is so again. Raises ModelNotFoundError for an unknown
    name, SettingsError for a model that lies elsewhere or comes with edgezip, and InputError when
    the folder cannot be written.
    """
    folder = user_folder()
    own = [path for path in _candidates() if path.parent == folder]
    path = next((path for path in own if name in (path.name, path.stem)), None)
    if path is None:
        model = resolve(name, cached=True)
        if model.path.parent != folder:
            kind = "comes with edgezip" if model.bundled else "was not put there by edgezip"
            raise SettingsError(f"{model.path} {kind} and is not removed")
        path = model.path
    try:
        model = load_file(path, cached=True)
    except ModelError:  # damaged, which is a reason to remove it
        model = ModelFile(path, bytes(32), path.stem, _size(path))
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"model {path} cannot be removed: {error.strerror}") from error
    answers.forget(path)
    if chosen_name() == path.stem:
        choose(None)
    return model


def set_default(name: str) -> ModelFile:
    """Make a model the one that is used where none is named; returns it.

    Raises ModelError when there is no such model or it is no sound Llama, SettingsError when it is
    in none of the search folders, InputError when the user's folder cannot be written.
    """
    model = resolve(name, cached=True)
    describe(model)
    if model.path not in _candidates():
        raise SettingsError(f"{model.path} is not registered; run: edgezip models add FILE")
    choose(None if model.bundled and model.bundled.default else model.name)
    return model


def _chosen_model(name: str, *, cached: bool) -> ModelFile:
    path = next((path for path in _candidates() if path.stem == name), None)
    if path is None:
        raise ModelNotFoundError(
            f"the default model {name!r} is not {_where()}; to go back, run: edgezip models default"
            f" {bundled_models()[0].name}"
        )
    return load_file(path, cached=cached)


def _default_model() -> ModelFile:
    for bundled in bundled_models():
        path = bundled.path()
        if path is None:
            continue
        model = load_file(path)
        if model.sha256 != bundled.sha256:
            raise ModelError(f"the bundled model {path} is damaged; install edgezip again")
        return model
    raise ModelNotFoundError(
        f"the bundled models are missing from this installation; install edgezip again, "
        f"or name a model with {DEFAULT_MODEL_VARIABLE}"
    )


def _candidates() -> list[Path]:
    """Return the .gguf files of the search folders, in order."""
    paths: list[Path] = []
    for folder in search_folders():
        try:
            files = sorted(folder.iterdir())
        except OSError:
            continue
        paths += [path for path in files if path.suffix == _SUFFIX and path.is_file()]
    return paths


def _where() -> str:
    folders = ", ".join(str(folder) for folder in search_folders())
    return (
        f"in {folders}; name its file with -m FILE, run: edgezip models add FILE, or set"
        f" {MODELS_PATH_VARIABLE}"
    )
