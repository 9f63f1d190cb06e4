"""Many files, or one large file in ranges, on a Dask cluster."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgezip.distributed.tasks import (
    EXISTS,
    Done,
    check_apart,
    filesystem,
    join,
    pack_range,
    pack_url,
    place,
    unpack_url,
)
from edgezip.errors import InputError, ModelError
from edgezip.pipeline.options import PackOptions, UnpackOptions

SUFFIX = ".ez"
RANGE = 64 << 20
"""Bytes of a large file that one task packs."""

_Call = tuple[Callable[..., Done], tuple[Any, ...], dict[str, Any]]
Progress = Callable[[int, int], None]
"""Called with the number of tasks that are done, and of all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all files: `done` in the order of the sources, `failed` with the reasons."""

    done: tuple[Done, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def raw_size(self) -> int:
        """Bytes of content."""
        return sum(item.raw_size for item in self.done)

    @property
    def packed_size(self) -> int:
        """Bytes of what is packed."""
        return sum(item.packed_size for item in self.done)

    def as_json(self) -> dict[str, Any]:
        """Return it as what `json` can write."""
        return {
            "raw_size": self.raw_size,
            "packed_size": self.packed_size,
            "done": [asdict(item) for item in self.done],
            "failed": [{"source": source, "reason": reason} for source, reason in self.failed],
        }


def pack_urls(
    sources: Iterable[str],
    target: str,
    *,
    client: Any = None,
    options: PackOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    retries: int = 3,
    progress: Progress | None = None,
) -> Report:
    """Pack files of any place into the folder `target`, as many at once as there are workers.

    Args:
        sources: URLs, or globs of them. Outputs are named as the files, with .ez behind.
        target: URL of a folder.
        client: a `dask.distributed.Client`; None does it here, one after the other.
        options: for all of them. Each worker should have one thread (`nthreads=1`): edgezip uses
            the cores by itself, as many as `options.threads`.
        resume: leave out what is there already and unpacks to its source.
        overwrite: replace what else is there already; if not, it is among the failed ones.
        retries: of a file whose task failed; those lost with their worker are always repeated.
        progress: told how far it is.

    Raises:
        InputError: two sources have the same name, the output of one is another source, or there
            are none.
    """
    names = _expanded(sources)
    targets = _targets(names, target, lambda name: name + SUFFIX)
    # What is there now was not written by a task of this call, which may be repeated.
    there = set() if overwrite else _there(target)
    calls = [
        (pack_url, (a, b, options), {"resume": resume, "overwrite": _base(b) not in there})
        for a, b in zip(names, targets, strict=True)
    ]
    refused = {} if resume else _refused(targets, there)
    return _run(client, names, calls, retries, progress, refused)


def unpack_urls(
    sources: Iterable[str],
    target: str,
    *,
    client: Any = None,
    options: UnpackOptions | None = None,
    overwrite: bool = False,
    retries: int = 3,
    progress: Progress | None = None,
) -> Report:
    """Unpack files into the folder `target`; as `pack_urls`."""
    names = _expanded(sources)
    targets = _targets(names, target, lambda name: name.removesuffix(SUFFIX))
    calls: list[_Call] = [
        (unpack_url, (a, b, options), {}) for a, b in zip(names, targets, strict=True)
    ]
    refused = {} if overwrite else _refused(targets, _there(target))
    return _run(client, names, calls, retries, progress, refused)


def pack_big(
    source: str,
    target: str,
    *,
    client: Any = None,
    options: PackOptions | None = None,
    range_size: int = RANGE,
    overwrite: bool = False,
    retries: int = 3,
    progress: Progress | None = None,
) -> Report:
    """Pack one large file in ranges of `range_size` bytes, each a member; `target` is one file.

    Returns:
        The report of the ranges. Where one failed there is no target, and the others are kept
        under `target`.parts.

    Raises:
        InputError: the target is there, and `overwrite` is not set; or it is the source, or the
            source lies where the parts go.
    """
    check_apart(source, target)
    if place(source).startswith(place(f"{target}.parts") + "/"):
        raise InputError(f"{source} lies in {target}.parts, which is written to and removed")
    system, path = filesystem(target)
    if not overwrite and system.exists(path):
        raise InputError(EXISTS.format(target))
    system, path = filesystem(source)
    size = int(system.size(path))
    starts = range(0, max(size, 1), range_size)
    parts = [f"{target}.parts/{number:06}{SUFFIX}" for number in range(len(starts))]
    calls: list[_Call] = [
        (pack_range, (source, part, begin, min(begin + range_size, size), options), {})
        for begin, part in zip(starts, parts, strict=True)
    ]
    labels = [f"{source}#{begin}" for begin in starts]
    report = _run(client, labels, calls, retries, progress)
    if not report.failed:
        join(parts, target)
        system, path = filesystem(f"{target}.parts")
        # Object stores have no folders to remove, and a dead worker may have left a .tmp here.
        with contextlib.suppress(OSError, NotImplementedError):
            system.rmdir(path)
    return report


def _expanded(sources: Iterable[str]) -> list[str]:
    names: list[str] = []
    for source in sources:
        if any(c in source for c in "*?["):
            system, path = filesystem(source)
            names += [system.unstrip_protocol(name) for name in sorted(system.glob(path))]
        else:
            names.append(source)
    if not names:
        raise InputError("there are no files to work on")
    return names


def _targets(names: Sequence[str], folder: str, rename: Callable[[str], str]) -> list[str]:
    found = [f"{folder.rstrip('/')}/{rename(_base(name))}" for name in names]
    if len(set(found)) < len(found):
        raise InputError("two sources have the same name: pack them into different folders")
    if both := {place(url) for url in found} & {place(url) for url in names}:
        raise InputError(f"{min(both)} is a source and would be replaced: use another folder")
    return found


def _there(folder: str) -> set[str]:
    """Names in a folder."""
    system, path = filesystem(folder)
    system.invalidate_cache()
    try:
        return {_base(name) for name in system.ls(path, detail=False)}
    except FileNotFoundError:
        return set()


def _base(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def _refused(targets: Sequence[str], there: Collection[str]) -> dict[int, str]:
    """Reasons not to write to targets, by number."""
    return {
        number: _reason(InputError(EXISTS.format(url)))
        for number, url in enumerate(targets)
        if _base(url) in there
    }


def _run(
    client: Any,
    names: Sequence[str],
    calls: Sequence[_Call],
    retries: int,
    progress: Progress | None,
    refused: Mapping[int, str] | None = None,
) -> Report:
    tell = progress or (lambda done, total: None)
    results: dict[int, Done] = {}
    failed = dict(refused or {})
    if client is None:
        for number, (function, arguments, more) in enumerate(calls):
            if number in failed:
                continue
            try:
                results[number] = function(*arguments, **more)
            except Exception as error:
                failed[number] = _reason(error)
            tell(len(results) + len(failed), len(calls))
    else:
        distributed: Any = importlib.import_module("dask.distributed")
        # Not pure: a repeated call has to look again whether its target is there.
        futures = {
            client.submit(function, *arguments, **more, retries=retries, pure=False): number
            for number, (function, arguments, more) in enumerate(calls)
            if number not in failed
        }
        for future in distributed.as_completed(futures):
            number = futures[future]
            if future.status == "finished":
                results[number] = future.result()
            else:
                reason = future.exception()
                failed[number] = _reason(reason) if reason is not None else future.status
            tell(len(results) + len(failed), len(calls))
            future.release()
    return Report(
        tuple(results[number] for number in sorted(results)),
        tuple((names[number], failed[number]) for number in sorted(failed)),
    )


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def use_model(client: Any, url: str, options: PackOptions | None = None) -> PackOptions:
    """Have every worker, also those that come later, fetch the model at `url` once.

    Returns:
        `options` with the model named by its SHA-256.
    """
    system, path = filesystem(url)
    digest = hashlib.sha256()
    with system.open(path, "rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    client.register_plugin(ModelPlugin(url, digest.hexdigest()))
    return replace(options or PackOptions(), model=digest.hexdigest())


class ModelPlugin:
    """A `dask.distributed.WorkerPlugin` that fetches a model and checks its SHA-256."""

    idempotent = True

    def __init__(self, url: str, sha256: str) -> None:
        self.url = url
        self.sha256 = sha256
        self.name = f"edgezip-model-{sha256[:16]}"

    def setup(self, worker: Any) -> None:
        """Fetch it into the worker's folder, unless it is there.

        Raises:
            ModelError: it is not the model it should be.
        """
        from edgezip.distributed.tasks import committed

        folder = Path(worker.local_directory).resolve() / "edgezip-models"
        final = folder / f"{self.sha256}.gguf"
        if not final.exists():
            system, path = filesystem(self.url)
            with system.open(path, "rb") as file, committed(final.as_uri()) as copy:
                while data := file.read(1 << 20):
                    copy.write(data)
                if copy.hexdigest() != self.sha256:
                    raise ModelError(f"{self.url} is not the model {self.sha256[:16]}...")
        known = os.environ.get("EDGEZIP_MODELS_PATH", "")
        if str(folder) not in known.split(os.pathsep):
            os.environ["EDGEZIP_MODELS_PATH"] = os.pathsep.join(filter(None, [str(folder), known]))

    def teardown(self, worker: Any) -> None:
        """Nothing: the worker removes its folder."""

    def transition(self, key: Any, start: Any, finish: Any, **kwargs: Any) -> None:
        """Nothing."""
