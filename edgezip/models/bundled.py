"""The models that come with edgezip, as models/manifest.json lists them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_MANIFEST = _HERE / "manifest.json"


@dataclass(frozen=True)
class BundledModel:
    """One entry of the manifest.

    sha256: 32 bytes. size: bytes. speed: what was measured, in words. known_answers:
    `engine.selftest.long_answer` per strict engine version.
    """

    name: str
    file: str
    sha256: bytes
    size: int
    default: bool
    speed: str
    known_answers: dict[int, bytes]

    def path(self) -> Path | None:
        """Return where the file lies, None when it is missing from the installation."""
        for folder in bundled_folders():
            if (folder / self.file).is_file():
                return folder / self.file
        return None


def bundled_folders() -> list[Path]:
    """Return the folders that may hold bundled models: in the package, and in a source tree."""
    folders = [_HERE / "gguf", _HERE.parents[1] / "models" / "gguf"]
    return [folder for folder in folders if folder.is_dir()]


@functools.cache
def bundled_models() -> tuple[BundledModel, ...]:
    """Return the manifest's models, the default one first."""
    entries = json.loads(_MANIFEST.read_text(encoding="utf-8"))["models"]
    models = [_parse(entry) for entry in entries]
    return tuple(sorted(models, key=lambda model: not model.default))


def bundled_by_hash(sha256: bytes) -> BundledModel | None:
    """Return the bundled model with this SHA-256, None when it is not a bundled one."""
    return next((model for model in bundled_models() if model.sha256 == sha256), None)


def _parse(entry: dict[str, Any]) -> BundledModel:
    answers = {int(version): bytes.fromhex(a) for version, a in entry["known_answers"].items()}
    return BundledModel(
        name=entry["name"],
        file=entry["file"],
        sha256=bytes.fromhex(entry["sha256"]),
        size=entry["size"],
        default=entry["default"],
        speed=entry["speed"],
        known_answers=answers,
    )
