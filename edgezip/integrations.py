"""Makes shutil and fsspec know edgezip. Nothing happens until `register` is called.

import shutil
import edgezip.integrations

edgezip.integrations.register()
shutil.make_archive("backup", "eztar", "notes")       # backup.tar.ez
shutil.unpack_archive("backup.tar.ez", "restored")
fsspec.open("https://.../log.txt.ez", compression="edgezip")
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from edgezip.atomic import AtomicFile
from edgezip.errors import FormatError, SettingsError
from edgezip.file import EdgezipFile
from edgezip.pipeline.options import PackOptions, UnpackOptions

ARCHIVE_FORMAT = "eztar"
ARCHIVE_SUFFIX = ".tar.ez"
FSSPEC_NAME = "edgezip"


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
        fsspec.register_compression(FSSPEC_NAME, open_for_fsspec, "ez", force=True)
        done.append("fsspec")
    return done


def unregister() -> None:
    """Take the archive format out of shutil again, if it is there."""
    if ARCHIVE_FORMAT in dict(shutil.get_archive_formats()):
        shutil.unregister_archive_format(ARCHIVE_FORMAT)
    if ARCHIVE_FORMAT in {entry[0] for entry in shutil.get_unpack_formats()}:
        shutil.unregister_unpack_format(ARCHIVE_FORMAT)


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
        base_name, base_dir, root_dir, owner, group, dry_run: as `shutil.make_archive` passes them.
        options: how to pack.

    Returns:
        The name of the archive. It replaces an older one when it is complete.
    """
    name = base_name + ARCHIVE_SUFFIX
    if dry_run:
        return name

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if owner is not None:
            member.uname, member.uid = owner, _number_of("pwd", "getpwnam", owner)
        if group is not None:
            member.gname, member.gid = group, _number_of("grp", "getgrnam", group)
        return member

    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with AtomicFile(name, overwrite=True) as output:
        with (
            EdgezipFile(output.file, "wb", options=options) as packed,
            tarfile.open(fileobj=cast(BinaryIO, packed), mode="w|") as archive,
        ):
            path = base_dir if root_dir is None else os.path.join(root_dir, base_dir)
            archive.add(path, arcname=base_dir, filter=owned)
        output.commit()
    return name


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
    os.makedirs(extract_dir, exist_ok=True)
    with EdgezipFile(filename, options=options) as content:
        try:
            with tarfile.open(fileobj=cast(BinaryIO, content), mode="r|") as archive:
                archive.extractall(extract_dir, _checked(archive, extract_dir), filter=filter)
        except tarfile.TarError as error:
            raise shutil.ReadError(f"{filename}: {error}") from error
        # tarfile stops at the end mark of the archive; the checksums come after it.
        while content.read(1 << 20):
            pass


def _checked(archive: tarfile.TarFile, root: str) -> Iterator[tarfile.TarInfo]:
    """The members, each checked when those before it are extracted already."""
    for member in archive:
        _refuse_links(root, os.path.dirname(member.name.rstrip("/")), member)
        if not member.issym():
            _refuse_links(root, member.name, member)
        if member.islnk():
            _refuse_links(root, member.linkname, member)
        yield member


def _refuse_links(root: str, path: str, member: tarfile.TarInfo) -> None:
    """Raise `FormatError` if `path` leaves `root` or goes through a symbolic link."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise FormatError(f"archive member {member.name!r} points outside of the directory")
    current = root
    for part in parts:
        current = os.path.join(current, part)
        try:
            mode = os.lstat(current).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise FormatError(f"archive member {member.name!r} would be written through a link")


def open_for_fsspec(file: BinaryIO, mode: str = "rb", **kwargs: Any) -> EdgezipFile:
    """Wrap a file that fsspec opened; `kwargs` are those of `EdgezipFile`."""
    return EdgezipFile(file, mode, **kwargs)


def _number_of(module: str, function: str, name: str) -> int:
    """The uid or gid of `name`. SettingsError if there is none."""
    try:
        entry = getattr(importlib.import_module(module), function)(name)
    except (ImportError, KeyError) as error:
        raise SettingsError(f"there is no user or group {name!r} on this machine") from error
    return int(entry[2])
