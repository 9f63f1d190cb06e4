"""The user's own default model: one line in the folder of registered models."""

from __future__ import annotations

from pathlib import Path

from edgezip.atomic import AtomicFile
from edgezip.errors import InputError
from edgezip.folders import open_regular, user_data_folder

_FILE = "default"
_MOST = 4096


def chosen_name() -> str | None:
    """Return the name that the user chose; None when there is none, or it cannot be read."""
    path = _path()
    try:
        if path is None:
            return None
        with open_regular(path) as file:
            text = file.read(_MOST).decode("utf-8")
    except (OSError, UnicodeError):
        return None
    return text.strip() or None


def choose(name: str | None) -> None:
    """Remember `name`; None forgets the choice. InputError when the folder cannot be written."""
    path = _path()
    if path is None:
        raise InputError("this account has no home folder to keep the choice in; set EDGEZIP_MODEL")
    try:
        if name is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with AtomicFile(path, overwrite=True) as output:
            output.file.write(name.encode() + b"\n")
            output.commit()
    except OSError as error:
        raise InputError(
            f"the default model cannot be changed in {path.parent}: {error}"
        ) from error


def _path() -> Path | None:
    data = user_data_folder()
    return None if data is None else data / "models" / _FILE
