"""The commands that look after an installation: doctor, warm, and the hidden manual."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from edgezip.cli import options as o
from edgezip.cli.console import Console
from edgezip.cli.helptext import App

Job = Callable[[], int]


def register(app: App) -> None:
    """Add the commands to `app`."""
    app.command(short_help="Check this installation.")(doctor)
    app.command(short_help="Compile ahead of the first use.")(warm)

    def manual(
        folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Such as /usr/local/share.")],
    ) -> Job:
        """Write man pages and completion for bash, zsh and fish below a folder."""

        def job() -> int:
            from edgezip.cli.manual import write_manual

            return write_manual(folder, app)

        return job

    app.command(hidden=True)(manual)


def doctor(
    model: o.Model = None,
    engine: o.EngineOption = o.EngineName.strict,
    threads: o.Threads = 0,
    gpu_layers: o.GpuLayers = 0,
    json: o.JsonOnly = False,
) -> Job:
    """Check engine and models, and measure the speed. Exits with 5 if something fails."""

    def job() -> int:
        from edgezip.cli.doctor import examine

        return examine(model, engine.value, threads or None, gpu_layers, Console(json=json))

    return job


def warm(
    package: Annotated[
        bool, typer.Option("--package", help="For all users: into edgezip's own folder.")
    ] = False,
    processors: Annotated[
        list[str] | None,
        typer.Option(
            "--level", metavar="LEVEL", help="x86-64-v2, x86-64-v3 or generic (default: the best)."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", min=0, help="Processes; 0 for the CPUs.")
    ] = 0,
    quiet: o.Quiet = False,
    json: o.JsonOnly = False,
) -> Job:
    """Compile the kernels that packing and unpacking need, so that the first file need not wait.

    Does nothing where they came with the package or were compiled before.
    """

    def job() -> int:
        from edgezip.cli.warm import warm_kernels

        console = Console(quiet=quiet, json=json)
        return warm_kernels(package, processors or [], jobs or None, console)

    return job
