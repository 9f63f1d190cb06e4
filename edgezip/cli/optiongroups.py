"""Options that commands have together: a parameter of such a class is all of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from edgezip.cli import options as o
from edgezip.cli.console import Console
from edgezip.errors import InputError, SettingsError

if TYPE_CHECKING:
    from edgezip.pipeline.options import PackOptions, UnpackOptions


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told, and how."""

    quiet: o.Quiet = False
    verbose: o.Verbose = False
    json: o.Json = False

    def console(self, data_on_stdout: bool = False) -> Console:
        """Where it is told."""
        return Console(self.quiet, self.verbose, self.json, data_on_stdout)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How packed files are decoded."""

    max_output: o.MaxOutput = None
    threads: o.Threads = 0
    model: o.Model = None
    gpu_layers: o.GpuLayers = 0
    prime: o.Prime = None

    def settings(self, recover: bool = False) -> UnpackOptions:
        """The same for the pipeline."""
        from edgezip.pipeline.options import UnpackOptions

        return UnpackOptions(
            model=self.model,
            threads=self.threads or None,
            gpu_layers=self.gpu_layers,
            max_output=self.max_output,
            prime=read_prime(self.prime),
            recover=recover,
        )


@dataclass(frozen=True, slots=True)
class Evaluating:
    """How a language model is evaluated where nothing is stored."""

    threads: o.Threads = 0
    window: o.Window = None
    keep_tokens: o.KeepTokens = None
    evict_tokens: o.EvictTokens = None
    span: o.Span = None

    def applied(self, options: PackOptions) -> PackOptions:
        """`options` with these."""
        return replace(
            options,
            threads=self.threads or None,
            window=self.window,
            keep=self.keep_tokens,
            evict=self.evict_tokens,
            span=self.span,
        )


TELLING, DECODING, EVALUATING = Telling(), Decoding(), Evaluating()


def expanded(command: Callable[..., Any]) -> Callable[..., Any]:
    """`command` with each option of its groups as a parameter of its own, as Typer needs it."""
    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        if not (inspect.isclass(kind) and is_dataclass(kind)):
            parameters.append(parameter)
            continue
        groups[parameter.name] = kind
        hints = get_type_hints(kind, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name, parameter.kind, default=field.default, annotation=hints[field.name]
            )
            for field in fields(kind)
        ]
    if not groups:
        return command

    @functools.wraps(command)
    def call(**given: Any) -> Any:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        return command(**given)

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {item.name: item.annotation for item in parameters}
    del call.__wrapped__
    return call


def read_prime(path: Path | None) -> bytes | None:
    """What --prime names. InputError if it cannot be read, SettingsError if it is too large."""
    if path is None:
        return None
    from edgezip.pipeline.options import MAX_PRIME

    try:
        with path.open("rb") as file:
            data = file.read(MAX_PRIME + 1)  # a device may never end
    except OSError as error:
        raise InputError(f"cannot read --prime {path}: {error.strerror}") from error
    if len(data) > MAX_PRIME:
        raise SettingsError(
            f"--prime {path} is larger than {MAX_PRIME >> 20} MiB; use a part of it"
        )
    return data
