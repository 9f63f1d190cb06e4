"""What a model is called by those who do not have it."""

from __future__ import annotations

from edgezip.models import catalogue
from edgezip.models.bundled import bundled_models


def known_name(prefix: bytes) -> str | None:
    """The name of the bundled or catalogued model whose SHA-256 starts with `prefix`."""
    known = [(bundled.name, bundled.sha256) for bundled in bundled_models()]
    known += [(entry.name, entry.sha256) for entry in catalogue.entries()]
    return next((name for name, sha256 in known if sha256.startswith(prefix)), None)


def known_as(prefix: bytes, called: str | None = None) -> tuple[str, str]:
    """What a model that is not here is called, and the command that gets it; "" what is unknown.

    prefix: the start of its SHA-256. called: its name in the file that needs it. That proves
    nothing, so the catalogue is asked for it only where its own entry has no hash.
    """
    name = known_name(prefix) or ""
    fetched = [entry.name for entry in catalogue.entries() if entry.sha256.startswith(prefix)]
    if not name and called is not None:
        name = f"called {called!r} in the file"
        fetched = [e.name for e in catalogue.entries() if e.name == called and not e.sha256]
    return name, f"edgezip models get {fetched[0]}" if fetched else ""


def how_to_get(prefix: bytes, called: str | None = None) -> str:
    """The same for the middle of a message, in brackets; "" if nothing is known."""
    name, command = known_as(prefix, called)
    return f" ({name}, run: {command})" if command else f" ({name})" if name else ""
