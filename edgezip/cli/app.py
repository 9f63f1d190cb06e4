"""Commands and their options. Typer only reads the arguments here: every command returns a job
that `run` does afterwards, so that no error of the work passes through Typer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from edgezip.cli import looking, upkeep
from edgezip.cli import optiongroups as g
from edgezip.cli import options as o
from edgezip.cli.console import Console, write_line
from edgezip.cli.helptext import App
from edgezip.cli.models_app import models_app
from edgezip.errors import SettingsError

Job = Callable[[], int]
app = App(
    name="edgezip",
    help="Lossless compression with a small language model.",
    epilog="edgezip pack notes.txt writes notes.txt.ez; edgezip unpack notes.txt.ez brings it"
    " back. tar -I edgezip works too. Exit codes: 0 ok, 1 input or output, 2 usage, 3 damaged"
    " file, 4 model, 5 engine, 6 limit, 7 package missing, 128+n signal.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=o.CONTEXT,
)
app.add_typer(models_app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        import edgezip

        write_line(sys.stdout, f"edgezip {edgezip.__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        write_line(sys.stdout, context.get_help())


@app.command(short_help="Compress files.")
def pack(
    files: o.Files = None,
    output: o.Output = None,
    stdout: o.Stdout = False,
    force: o.Force = False,
    keep: o.Keep = False,
    remove: o.Remove = False,
    verify: o.Verify = False,
    telling: g.Telling = g.TELLING,
    model: o.Model = None,
    engine: o.EngineOption = o.EngineName.strict,
    gpu_layers: o.GpuLayers = 0,
    coder: o.Coder = o.CoderName.auto,
    streams: o.Streams = None,
    evaluating: g.Evaluating = g.EVALUATING,
    top_k: o.TopK = 0,
    frame_size: o.FrameSize = None,
    prime: o.Prime = None,
    content: o.Content = None,
    exclude: o.Exclude = None,
    files_from: o.FilesFrom = None,
    sort: o.Sort = o.SortName.kind,
    owner: o.Owner = None,
    group: o.Group = None,
    mtime: o.Mtime = None,
    jobs: o.Jobs = 1,
    mirror: o.Mirror = None,
    resume: o.Resume = False,
    recursive: o.Recursive = False,
    level: o.Level = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Dask: pack URLs into the last one."),
    ] = None,
) -> Job:
    """Compress files: notes.txt becomes notes.txt.ez, and notes.txt stays. A folder becomes an
    archive: docs becomes docs.tar.ez."""

    def job() -> int:
        from edgezip.cli.batch import Batch
        from edgezip.cli.fileoptions import FileOptions
        from edgezip.cli.pack import pack_files
        from edgezip.cli.packing import packing_options
        from edgezip.pipeline.effort import at_level
        from edgezip.pipeline.options import DEFAULT_FRAME_SIZE, PackOptions

        names = files or ([] if files_from else ["-"])
        target = _file_options(FileOptions, names, output, stdout, force, keep, remove)
        settings = PackOptions(
            model=model,
            engine=engine.value,
            gpu_layers=gpu_layers,
            coder=coder.value,
            top_k=top_k,
            streams=streams,
            frame_size=DEFAULT_FRAME_SIZE if frame_size is None else frame_size,
            prime=g.read_prime(prime),
            content=content,
        )
        settings = evaluating.applied(settings)
        if level is not None:
            settings = at_level(level, settings)
        if cluster is not None:
            from edgezip.cli.cluster import check_alone, pack_on_cluster

            check_alone({"-o": output, "-c": stdout, "--rm": remove, "--verify": verify,
                         "--exclude": exclude, "--files-from": files_from, "--jobs": jobs > 1,
                         "--output-dir-mirror": mirror, "-r": recursive})  # fmt: skip
            console = telling.console()
            return pack_on_cluster(cluster, names, settings, resume, force, console)
        console = telling.console(target.uses_stdout(names))
        packing = packing_options(exclude, files_from, sort.value, owner, group, mtime, frame_size)
        batch = Batch(jobs, mirror, resume, recursive)
        return pack_files(names, target, settings, console, verify, packing, batch)

    return job


@app.command(short_help="Decompress files.")
def unpack(
    files: o.Files = None,
    output: o.Output = None,
    stdout: o.Stdout = False,
    force: o.Force = False,
    keep: o.Keep = False,
    remove: o.Remove = False,
    sparse: o.Sparse = True,
    recover: o.Recover = False,
    telling: g.Telling = g.TELLING,
    decoding: g.Decoding = g.DECODING,
    directory: o.Directory = None,
    extract: o.Extract = None,
    strip: o.Strip = 0,
    exclude: o.Exclude = None,
    jobs: o.Jobs = 1,
    mirror: o.Mirror = None,
    resume: o.Resume = False,
    recursive: o.Recursive = False,
) -> Job:
    """Decompress files: notes.txt.ez becomes notes.txt, and notes.txt.ez stays. An archive of a
    folder gives the folder; behind it, names and globs of members may follow."""

    def job() -> int:
        from edgezip.cli.batch import Batch
        from edgezip.cli.extracting import Extraction
        from edgezip.cli.fileoptions import FileOptions
        from edgezip.cli.unpack import unpack_files

        names = files or ["-"]
        target = _file_options(FileOptions, names, output, stdout, force, keep, remove, sparse)
        settings = decoding.settings(recover)
        console = telling.console(target.uses_stdout(names))
        how = Extraction(directory, extract, strip, tuple(exclude or ()))
        batch = Batch(jobs, mirror, resume, recursive)
        return unpack_files(names, target, settings, console, how, batch)

    return job


@app.command(short_help="Decompress to stdout.")
def cat(
    files: o.Files = None,
    decoding: g.Decoding = g.DECODING,
) -> Job:
    """Write the content of packed files to stdout, one after the other, and nothing else."""

    def job() -> int:
        from edgezip.cli.fileoptions import FileOptions
        from edgezip.cli.unpack import unpack_files

        names = files or ["-"]
        target = _file_options(FileOptions, names, None, True, False, False, False)
        settings = decoding.settings()
        return unpack_files(names, target, settings, Console(quiet=True, data_on_stdout=True))

    return job


@app.command(short_help="Check packed files.")
def test(
    files: o.Files = None,
    recover: o.Recover = False,
    telling: g.Telling = g.TELLING,
    decoding: g.Decoding = g.DECODING,
    jobs: o.Jobs = 1,
) -> Job:
    """Decompress files without writing anything, to see whether they are sound."""

    def job() -> int:
        from edgezip.cli.unpack import test_files

        settings = decoding.settings(recover)
        return test_files(files or ["-"], settings, telling.console(), jobs)

    return job


@app.command("list", short_help="List archives, or files and their sizes.")
def list_members(
    files: o.Files = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Sizes of the packed files, also of archives; as -l.")
    ] = False,
    verbose: o.Verbose = False,
    json: o.Json = False,
    threads: o.Threads = 0,
    model: o.Model = None,
    prime: o.Prime = None,
) -> Job:
    """List the members of an archive; names and globs behind it pick some. -v: as ls -l does.
    Other packed files are listed as a table of sizes with a total, which needs no model."""

    def job() -> int:
        from edgezip.cli import listing, members

        names = files or ["-"]
        console = Console(verbose=verbose, json=json)
        if sizes or not members.has_members(names):
            return listing.list_files(names, console)
        settings = g.Decoding(threads=threads, model=model, prime=prime).settings()
        return members.list_files(names, settings, console)

    return job


@app.command(short_help="Describe packed files.")
def info(files: o.Files = None, verbose: o.Verbose = False, json: o.Json = False) -> Job:
    """Show sizes, coders and the model of packed files. Needs no model."""

    def job() -> int:
        from edgezip.cli.info import describe_files

        return describe_files(files or ["-"], Console(verbose=verbose, json=json))

    return job


looking.register(app)
upkeep.register(app)
app.command("compress", hidden=True, help="Same as pack.")(pack)
app.command("decompress", hidden=True, help="Same as unpack.")(unpack)


def _file_options(
    make: Any,
    names: list[str],
    output: str | None,
    stdout: bool,
    force: bool,
    keep: bool,
    remove: bool,
    sparse: bool = True,
) -> Any:
    if keep and remove:
        raise SettingsError("-k and --rm exclude each other")
    found = make(output, stdout, force, remove, sparse)
    found.check(names)
    return found
