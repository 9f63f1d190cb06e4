"""`edgezip models`: list, info, get, add, remove, default, verify, path."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from edgezip import models
from edgezip.cli import allow_yaml
from edgezip.cli.console import Console, for_each, printable, write_line
from edgezip.errors import EdgezipError, SettingsError
from edgezip.models import ModelFile, answers, fetching

_UNKNOWN_SPEED = "speed not known here; 'edgezip bench -m MODEL FILE' measures it"


def list_models(console: Console) -> int:
    """Print the models on this machine and the folders that were searched."""
    default = _default()
    found = models.list_models()
    if default is not None and default.sha256 not in {model.sha256 for model in found}:
        found.insert(0, default)
    for model in found:
        is_default = default is not None and model.sha256 == default.sha256
        if console.json:
            console.result({**as_json(model), "default": is_default})
        else:
            _print(f"{'*' if is_default else ' '} {line(model)}")
            _print(f"    {model.path}")
    if not console.json:
        folders = ", ".join(str(folder) for folder in models.search_folders())
        console.note(f"* is the default. Searched: {folders}")
    return 0


def add_models(files: Sequence[str], name: str | None, console: Console) -> int:
    """Register GGUF files; returns the exit code."""
    if name is not None and len(files) > 1:
        raise SettingsError("--name takes one file")

    def add(file: str) -> int:
        from edgezip.pipeline.opening import try_model

        with fetching.unpacked(Path(file)) as found:
            known = try_model(models.load_file(found))
            model = models.add_model(found, name)
        answers.remember(model.path, model.sha256, *known)
        console.note(f"{line(model)} is now {model.path}")
        console.result({"file": file, **as_json(model)})
        return 0

    return for_each(files, console, add)


def get_models(names: Sequence[str], console: Console) -> int:
    """Fetch models of the catalogue; returns the exit code. Without names, list what there is."""
    if not names:
        for entry in models.entries():
            if console.json:
                value = {**asdict(entry), "sha256": entry.sha256.hex()}
                console.result(value)
            else:
                size = f"{entry.size:,} bytes, " if entry.size else ""
                speed = f"; {entry.speed}" if entry.speed else ""
                _print(f"{entry.name} ({size}{entry.licence}): {entry.about}{speed}")
        return 0

    def get(name: str) -> int:
        from edgezip.pipeline.opening import try_model

        allow_yaml()
        model = fetching.get_model(name)
        answers.remember(model.path, model.sha256, *try_model(model))
        console.note(f"{line(model)} is now {model.path}")
        console.result({"file": name, **as_json(model)})
        return 0

    return for_each(names, console, get)


def remove_models(names: Sequence[str], console: Console) -> int:
    """Take models out of the user's folder; returns the exit code."""

    def remove(name: str) -> int:
        model = models.remove_model(name)
        console.note(
            f"{line(model)} is gone; files that were packed with it need it to be unpacked"
        )
        console.result({"file": name, **as_json(model)})
        return 0

    return for_each(names, console, remove)


def set_default_model(name: str | None, console: Console) -> int:
    """Make a model the default, or print which one is; returns the exit code."""
    model = models.resolve(None, cached=True) if name is None else models.set_default(name)
    if console.json:
        console.result(as_json(model))
    elif name is None:
        _print(line(model))
    else:
        console.note(f"{line(model)} is used where no model is named")
    if name is not None and os.environ.get(models.DEFAULT_MODEL_VARIABLE):
        console.note(f"{models.DEFAULT_MODEL_VARIABLE} is set and comes before it")
    return 0


def describe_models(names: Sequence[str] | None, console: Console) -> int:
    """Print what models are; returns the exit code."""
    from edgezip.engine.cache import cache_format
    from edgezip.pipeline.windows import recommend

    def describe(name: str) -> int:
        model = models.resolve(name or None, cached=True)
        llama = models.describe(model)
        numbers = llama.layers * llama.kv_heads * llama.head
        cache = cache_format("strict", "llama", llama.head, llama.head)
        cell = cache.cell_bytes(numbers, numbers)
        window = recommend(model.size, llama.context).window
        speed = models.known_speed(model.sha256)
        if console.json:
            more = {"window": window, "cell_bytes": cell, "known_speed": speed or None}
            console.result({**as_json(model), **asdict(llama), **more})
            return 0
        _print(line(model))
        types = ", ".join(f"{kind} {count:,}" for kind, count in llama.types.items())
        kind = "SentencePiece" if llama.vocabulary == "llama" else "byte-level BPE"
        _print(f"    {llama.name or 'no name of its own'}; {model.path}")
        _print(f"    {llama.parameters:,} parameters: {types}")
        _print(
            f"    {llama.layers} layers of {llama.width}, {llama.heads} heads over"
            f" {llama.kv_heads} of {llama.head}, context {llama.context:,};"
            f" {llama.tokens:,} pieces, {kind}"
        )
        unsaid = "that of edgezip" if model.bundled else "not said"
        _print(
            f"    windows of {window:,} tokens, {window * cell / 1e6:.1f} MB for the cache of each"
            f" stream; licence: {llama.licence or unsaid}"
        )
        _print(f"    {speed or _UNKNOWN_SPEED}")
        return 0

    return for_each(names or [""], console, describe)


def verify_models(names: Sequence[str] | None, console: Console) -> int:
    """Hash models again; returns the exit code."""
    if names:
        # What an earlier process has read is what the file is compared with.
        found = partial(models.resolve, cached=True)
        return for_each(names, console, _verifier(console, found))
    by_path = {str(model.path): model for model in models.list_models()}
    return for_each(by_path, console, _verifier(console, by_path.__getitem__))


def _verifier(console: Console, find: Callable[[str], ModelFile]) -> Callable[[str], int]:
    def verify(name: str) -> int:
        model = find(name)
        models.verify_model(model)
        console.result({"file": name, **as_json(model), "ok": True})
        if not console.json:
            _print(f"ok {line(model)}")
        return 0

    return verify


def print_path(name: str | None) -> int:
    """Print where a model lies, byte for byte as scripts need it."""
    path = os.fsencode(models.resolve(name, cached=True).path)
    if sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(path + b"\n")
    return 0


def line(model: ModelFile) -> str:
    """A model in one line: name, size, hash."""
    origin = ", bundled" if model.bundled else ""
    return f"{model.name} ({model.size:,} bytes{origin}) {model.sha256.hex()}"


def as_json(model: ModelFile) -> dict[str, Any]:
    """A model as --json prints it."""
    return {
        "name": model.name,
        "path": str(model.path),
        "size": model.size,
        "sha256": model.sha256.hex(),
        "bundled": model.bundled is not None,
    }


def _default() -> ModelFile | None:
    try:
        return models.resolve(None, cached=True)
    except EdgezipError:
        return None


def _print(text: str) -> None:
    write_line(sys.stdout, printable(text))
