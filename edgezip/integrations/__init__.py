"""Makes other libraries know edgezip: docs/integrations.md. What finds codecs by entry point
(numcodecs, zarr) knows it as soon as it is installed; shutil, fsspec and smart_open have no such
thing, so for those `register` is called.

import shutil
import edgezip.integrations

edgezip.integrations.register()
shutil.make_archive("backup", "eztar", "notes")       # backup.tar.ez
shutil.unpack_archive("backup.tar.ez", "restored")
fsspec.open("https://.../log.txt.ez", compression="edgezip")
smart_open.open("s3://.../log.txt.ez")
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import stat
import sys
import tarfile
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

from edgezip.atomic import AtomicFile
from edgezip.errors import EdgezipError, FormatError, LimitError, SettingsError
from edgezip.file import EdgezipFile
from edgezip.pipeline.options import PackOptions, UnpackOptions

ARCHIVE_FORMAT = "eztar"
SUFFIX = ".ez"
ARCHIVE_SUFFIX = ".tar.ez"
NAME = "edgezip"
"""What fsspec calls this compression."""
MAX_PATH = 4096
"""Bytes of a path that no path reaches."""


def register() -> list[str]:
    """Register with every library that is installed; may be called again.

    Returns:
        The names of the libraries.
    """
    unregister()
    shutil.register_archive_format(ARCHIVE_FORMAT, make_archive, description="edgezip'ed tar-file")
    shutil.register_unpack_format(
        ARCHIVE_FORMAT, [ARCHIVE_SUFFIX], unpack_archive, description="edgezip'ed tar-file"
    )
    done = ["shutil"]
    if importlib.util.find_spec("fsspec") is not None:
        fsspec = importlib.import_module("fsspec.compression")
        fsspec.register_compression(NAME, open_for_fsspec, SUFFIX[1:], force=True)
        done.append("fsspec")
    if importlib.util.find_spec("smart_open") is not None:
        importlib.import_module("smart_open").register_compressor(SUFFIX, open_for_smart_open)
        done.append("smart_open")
    return done


def unregister() -> None:
    """Undo `register`, as far as it was called."""
    if ARCHIVE_FORMAT in dict(shutil.get_archive_formats()):
        shutil.unregister_archive_format(ARCHIVE_FORMAT)
    if ARCHIVE_FORMAT in {entry[0] for entry in shutil.get_unpack_formats()}:
        shutil.unregister_unpack_format(ARCHIVE_FORMAT)
    # Neither of these has a way to unregister: the tables are what `register` wrote to.
    if (fsspec := sys.modules.get("fsspec.compression")) is not None:
        if fsspec.compr.get(NAME) is open_for_fsspec:
            del fsspec.compr[NAME]
        extensions = importlib.import_module("fsspec.utils").compressions
        if extensions.get(SUFFIX[1:]) == NAME:
            del extensions[SUFFIX[1:]]
    if (smart_open := sys.modules.get("smart_open.compression")) is not None:
        table = getattr(smart_open, "_COMPRESSOR_REGISTRY", {})
        if table.get(SUFFIX) is open_for_smart_open:
            del table[SUFFIX]


def make_archive(
    base_name: str,
    base_dir: str,
    *,
    root_dir: str | None = None,
    owner: str | None = None,
    group: str | None = None,
    dry_run: bool = False,
    options: PackOptions | None = None,
    **_ignored: Any,
) -> str:
    """Archive `base_dir` (relative to `root_dir`) as `base_name`.tar.ez, for `shutil.make_archive`.

    Args:
        base_name: name of the archive, without what is added to it.
        base_dir: what is archived.
        root_dir: the folder that `base_dir` is seen from, None for the current one.
        owner: of all members, None for each one's own.
        group: of all members, None for each one's own.
        dry_run: write nothing.
        options: how to pack.

    Returns:
        The name of the archive. It replaces an older one when it is complete.
    """
    name = base_name + ARCHIVE_SUFFIX
    if dry_run:
        return name

    from edgezip.archive.collect import Rules, arranged, from_path
    from edgezip.archive.itself import leaving_out
    from edgezip.archive.names import member_name
    from edgezip.archive.writing import write_archive

    rules = Rules(
        owner=None if owner is None else (owner, _number_of("pwd", "getpwnam", owner)),
        group=None if group is None else (group, _number_of("grp", "getgrnam", group)),
    )
    path = base_dir if root_dir is None else os.path.join(root_dir, base_dir)
    os.lstat(path)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with AtomicFile(name, overwrite=True) as output:
        rules = leaving_out(leaving_out(rules, name), output.file)
        found = from_path(path, member_name(base_dir), rules, _warn)
        write_archive(
            arranged(found, rules.order, _warn), output.file, options or PackOptions(), report=_warn
        )
        output.commit()
    return name


def _warn(path: str, message: str) -> None:
    warnings.warn(f"{path}: {message}", RuntimeWarning, stacklevel=2)


# Tells shutil not to change the working directory, which is not thread-safe.
make_archive.supports_root_dir = True  # type: ignore[attr-defined]


def unpack_archive(
    filename: str,
    extract_dir: str,
    *,
    filter: Any = "data",
    options: UnpackOptions | None = None,
) -> None:
    """Extract a .tar.ez file below `extract_dir`, for `shutil.unpack_archive`.

    The content streams through bounded memory; `options.max_output` limits how much there may be.

    Args:
        filename: the archive.
        extract_dir: where to; made if needed.
        filter: extraction filter of `tarfile`. Besides what it checks, nothing is written through
            a symbolic link (filters were bypassed that way: CVE-2025-4517).
        options: limits and the model.

    Raises:
        FormatError: damaged, or a member wants to leave `extract_dir`.
        shutil.ReadError: the content is no tar archive, or the filter refuses a member.
        SettingsError: this Python has no extraction filters (before 3.11.4).
    """
    if not hasattr(tarfile, "data_filter"):
        raise SettingsError("safe extraction needs Python 3.11.4 or newer; use unpack and tar")
    from edgezip.archive.tars import BROKEN, open_raw

    os.makedirs(extract_dir, exist_ok=True)
    if filter in ("data", tarfile.data_filter):
        filter = _data_filter
    limit = None if options is None else options.max_output
    with EdgezipFile(filename, options=options) as content:
        try:
            with open_raw(content, stream=True) as archive:
                checked = _checked(archive, extract_dir, limit)
                archive.extractall(extract_dir, checked, filter=filter)
        except EdgezipError:  # some are ValueErrors too
            raise
        except BROKEN as error:
            raise shutil.ReadError(f"{filename}: {error}") from error
        # tarfile stops at the end mark of the archive; the checksums come after it.
        while content.read(1 << 20):
            pass


def _data_filter(member: tarfile.TarInfo, root: str) -> tarfile.TarInfo | None:
    """`tarfile.data_filter`, which would resolve the path of each member part by part: `_checked`
    knows that there are no links in it."""
    if member.issym() or os.path.isabs(member.linkname):
        return tarfile.data_filter(member, root)
    found = tarfile.data_filter(member.replace(name="x", linkname="x", deep=False), root)
    name = member.name.lstrip("/" + os.sep)
    return found and found.replace(name=name, linkname=member.linkname, deep=False)


def _checked(archive: tarfile.TarFile, root: str, limit: int | None) -> Iterator[tarfile.TarInfo]:
    """The members, each checked when those before it are extracted already."""
    folders: set[str] = set()
    size = 0
    for member in archive:
        size += member.size if member.isreg() else 0
        if limit is not None and size > limit:
            raise LimitError(
                f"with {member.name} the output would exceed the limit of {limit} bytes"
            )
        _refuse_links(root, os.path.dirname(member.name.rstrip("/")), member, folders)
        if not member.issym():
            _refuse_links(root, member.name, member, folders)
        if member.islnk():
            _refuse_links(root, member.linkname, member, folders)
        yield member


def _refuse_links(root: str, path: str, member: tarfile.TarInfo, folders: set[str]) -> None:
    """Raise `FormatError` if `path` leaves `root` or goes through a symbolic link.

    folders: those that are known to be none; nothing takes their place.
    """
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise FormatError(f"archive member {member.name!r} points outside of the directory")
    whole = os.path.join(root, *parts)
    if len(os.fsencode(whole)) >= MAX_PATH:
        raise FormatError(f"archive member {path[:40]!r}... has a longer path than there can be")
    if os.path.dirname(whole) in folders:
        parts, current = parts[-1:], os.path.dirname(whole)
    else:
        current = root
    for part in parts:
        current = os.path.join(current, part)
        try:
            mode = os.lstat(current).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise FormatError(f"archive member {member.name!r} would be written through a link")
        if stat.S_ISDIR(mode):
            folders.add(current)


class _Remote(EdgezipFile):
    """A file that others flush before they close it, which must not end a frame: nobody reads it
    before it is closed."""

    def flush(self) -> None:
        """Nothing to do."""


def open_for_fsspec(file: BinaryIO, mode: str = "rb", **kwargs: Any) -> EdgezipFile:
    """Wrap a file that fsspec opened; `kwargs` are those of `EdgezipFile`."""
    return _Remote(file, mode, **kwargs)


def open_for_smart_open(file: BinaryIO, mode: str = "rb", **kwargs: Any) -> EdgezipFile:
    """Wrap a file that smart_open opened; `kwargs` are its `compression_kwargs`."""
    return _Remote(file, mode.replace("t", "").replace("+", ""), **kwargs)


def _number_of(module: str, function: str, name: str) -> int:
    """The uid or gid of `name`. SettingsError if there is none."""
    try:
        entry = getattr(importlib.import_module(module), function)(name)
    except (ImportError, KeyError) as error:
        raise SettingsError(f"there is no user or group {name!r} on this machine") from error
    return int(entry[2])
