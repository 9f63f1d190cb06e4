"""The commands that look into a compressor: score, explain, sample, bench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from edgezip.cli import optiongroups as g
from edgezip.cli import options as o
from edgezip.cli.console import Console

Job = Callable[[], int]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(short_help="Bits per byte of models on files.")(score)
    app.command(short_help="A page that shows what a model sees.")(explain)
    app.command(short_help="Text, pictures and sounds made by the compressor.")(sample)
    app.command(short_help="Sizes, speed and memory on your files, beside others.")(bench)


def score(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files; - for stdin.")],
    models: o.Models = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Every token, also after mixing; with --json in full.")
    ] = False,
    coders: Annotated[
        bool, typer.Option("--coders", help="Also pack in memory: bits by kind of coder.")
    ] = False,
    telling: g.Telling = g.TELLING,
    evaluating: g.Evaluating = g.EVALUATING,
) -> Job:
    """Measure what models alone would make of files, without writing archives.

    Prints bits per byte with a 95 % confidence interval, xz -9e's beside them, and from which
    amount of such data on the model has paid for its own size; -v or --json: bits per byte by
    position in the context. Several models (-m A -m B) end in one table.
    """

    def job() -> int:
        from edgezip.cli.score import ScoreRequest, score_files
        from edgezip.pipeline.options import PackOptions

        options = evaluating.applied(PackOptions())
        request = ScoreRequest(tuple(models or ()), options, tokens, coders)
        return score_files(files, request, telling.console())

    return job


def explain(
    file: Annotated[str, typer.Argument(metavar="FILE", help="File; - for stdin.")],
    models: o.Models = None,
    output: o.Output = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite the page.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="SIZE", parser=o.parse_size, help="Bytes shown at most (256K)."
        ),
    ] = None,
    content: o.Content = None,
    telling: g.Telling = g.TELLING,
    evaluating: g.Evaluating = g.EVALUATING,
) -> Job:
    """Write one HTML page: a text coloured by the bits of its tokens, a picture or a sound by those
    of its samples.

    The page needs no network. Two models (-m A -m B) stand side by side; -m none is context mixing
    alone, byte by byte. Without -o the page of FILE is FILE.html.
    """

    def job() -> int:
        from edgezip.cli.explain import DEFAULT_LIMIT, ExplainRequest, explain_file
        from edgezip.pipeline.options import PackOptions

        options = evaluating.applied(PackOptions(content=content))
        request = ExplainRequest(
            tuple(models or ()), options, output, force, DEFAULT_LIMIT if limit is None else limit
        )
        return explain_file(file, request, telling.console())

    return job


def sample(
    model: o.Model = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="FILE", help="Continue this file.")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length",
            "-n",
            metavar="N",
            min=0,
            help="Bytes of text (1000), rows of a picture, moments of a sound (as the prefix).",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Same seed, same output.")
    ] = None,
    output: o.Output = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite the output.")] = False,
    coder: o.Coder = o.CoderName.auto,
    content: o.Content = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    evaluating: g.Evaluating = g.EVALUATING,
) -> Job:
    """Feed random bits to the decoder and write what comes out: what the compressor expects.

    Text is made by the model mixed with what the mixer has learned from the prefix (--coder plain:
    by the model alone, -m none: by context mixing alone), and comes without the prefix. A prefix
    that is a picture or a sound is continued by their coders; the output is a PNG or a WAV with it.
    """

    def job() -> int:
        from edgezip.cli.sample import SampleRequest, sample_file, seed_of
        from edgezip.pipeline.options import PackOptions

        settings = PackOptions(model=model, coder=coder.value, content=content)
        options = evaluating.applied(settings)
        console = Console(quiet, verbose, data_on_stdout=output is None)
        request = SampleRequest(options, prefix, length, seed_of(seed), output, force)
        if seed is None:
            console.note(f"--seed {request.seed}")
        return sample_file(request, console)

    return job


def bench(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files, each packed alone.")],
    models: o.Models = None,
    peers: Annotated[
        bool, typer.Option("--peers/--no-peers", help="gzip, xz, zstd and brotli as well.")
    ] = True,
    levels: Annotated[bool, typer.Option("--levels", help="The levels -1 to -9 as well.")] = False,
    json: o.Json = False,
    threads: o.Threads = 0,
) -> Job:
    """Pack and unpack files in memory with each coder, each in a process of its own.

    Every result is compared with the file. Speeds leave out what a process does once. zstd and
    brotli need their Python modules or programs.
    """

    def job() -> int:
        from edgezip.cli.bench import BenchRequest, bench_files

        request = BenchRequest(tuple(models or ()), threads or None, peers, levels)
        return bench_files(files, request, Console(json=json))

    return job
