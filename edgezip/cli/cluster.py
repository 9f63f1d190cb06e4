"""`edgezip pack --cluster`: files of any place, packed by the workers of a Dask cluster."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgezip.cli import allow_yaml, report, signals
from edgezip.cli.bar import Bar
from edgezip.cli.console import Console, printable, write_line
from edgezip.errors import InputError, SettingsError
from edgezip.pipeline.options import PackOptions

_PATIENCE = 20
"""Seconds to wait for the scheduler."""


def check_alone(given: Mapping[str, object]) -> None:
    """Raise `SettingsError` if one of the options that mean nothing on a cluster was `given`."""
    if used := [name for name, value in given.items() if value]:
        raise SettingsError(f"--cluster does not go together with {', '.join(used)}")


def pack_on_cluster(
    address: str,
    names: Sequence[str],
    options: PackOptions,
    resume: bool,
    force: bool,
    console: Console,
) -> int:
    """Pack all but the last of `names` into the folder that the last one names; returns the exit
    code."""
    if len(names) < 2:
        raise SettingsError("--cluster needs URLs of files, and behind them that of a folder")
    try:
        allow_yaml()
        dask: Any = importlib.import_module("dask.distributed")
        from edgezip import distributed
    except ImportError as error:
        raise SettingsError(f"--cluster needs pip install 'edgezip[dask]' ({error})") from error
    try:
        client = dask.Client(address, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no cluster at {address}: {error}") from error
    with client:
        if options.model is not None and Path(options.model).is_file():
            options = distributed.use_model(client, Path(options.model).resolve().as_uri(), options)
        with Bar("pack on cluster", len(names) - 1, bytes_=False) as bar:

            def progress(done: int, total: int) -> None:
                signals.check()
                if console.shows_progress:
                    bar.show(done, f"pack {done} of {total}")

            found = distributed.pack_urls(
                names[:-1], names[-1], client=client, options=options, resume=resume,
                overwrite=force, progress=progress,
            )  # fmt: skip
    for done in found.done:
        console.result(asdict(done))
        sizes = f"{done.raw_size:,} -> {done.packed_size:,} bytes"
        there = ", done before" if done.skipped else f" on {done.worker}"
        if console.verbose:
            console.note(f"{done.source}: {sizes}{there}")
    ratio = report.ratio_text(found.raw_size, found.packed_size)
    console.note(
        f"{report.counted(len(found.done), 'file')}:"
        f" {found.raw_size:,} -> {found.packed_size:,} bytes ({ratio})"
    )
    for source, reason in found.failed:
        write_line(sys.stderr, printable(f"edgezip: {source}: {reason}"))
    return InputError.exit_code if found.failed else 0
