"""Builds what installs edgezip without network, compiler and CMake: `scripts/release.sh`.

    sh scripts/release.sh [--python PYTHON]... [--levels x86-64-v3,x86-64-v2] [--no-dependencies]
                          [--kernels FOLDER]... [--wheels-for VERSION]... [--aarch64 [FOLDER]]

makes in dist/: a manylinux wheel of edgezip with the strict engine, the model, compiled kernels,
man pages and completion; the bindings of llama-cpp-python as a wheel without library; the wheels of
everything else that edgezip needs; the source archive; SHA256SUMS. `--python` names further
interpreters that kernels are compiled for (machine code is bound to Python's minor version).
`--kernels` takes kernels from elsewhere: the folder edgezip/coding/shipped of an installation of
this very version in which `edgezip warm --package` was run, such as one in a chroot with another
Python, for which `--wheels-for` fetches what edgezip needs.

`--aarch64` makes a second wheel of edgezip, with engine (Debian's package g++-aarch64-linux-gnu)
and kernels (edgezip/crossing.py) cross-compiled, and fetches the others for aarch64. FOLDER has
further kernels for it, as for `--kernels`.

What an earlier run has put into dist/ is replaced; wheels of other packages stay.

The wheel says for which glibc it is: the newest version of a symbol that its libraries ask for.
Needs `scripts/setup.sh` before it, which has compiled the engine.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
CONSTRAINTS = ROOT / "constraints.txt"
BINDINGS = "llama-cpp-python"
# The bindings' own dependencies, as their metadata have them.
BINDINGS_NEED = ["typing-extensions>=4.5", "diskcache>=5.6.1", "jinja2>=2.11.3"]
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
"""The field e_machine of libraries."""
MACHINE = sysconfig.get_platform().rpartition("-")[2]
TIME = (2020, 1, 1, 0, 0, 0)
"""Of all files in wheels: the same content makes the same wheel."""


class ReleaseError(Exception):
    """A failure to report as one line."""


def run(*command: str | Path, **environment: str) -> None:
    """Run a command, its output to stderr. Raises ReleaseError if it fails."""
    print("$", *command, file=sys.stderr, flush=True)
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=sys.stderr, check=False
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command[:6]))} ... failed")


def build_wheel(source: Path, folder: Path, **environment: str) -> Path:
    """The wheel of a project or source archive, built with what is installed."""
    pip: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "-w", folder]
    pip += ["--no-deps", "--no-build-isolation"]
    # scikit-build-core looks for ninja on the PATH first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    run(*pip, source, PATH=path, PIP_DISABLE_PIP_VERSION_CHECK="1", **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def needed_glibc(folder: Path) -> tuple[int, int]:
    """The newest glibc that a library below `folder` asks for, 2.17 at least.

    >>> needed_glibc(Path("/nonexistent"))
    (2, 17)
    """
    found = {(2, 17)}
    for path in folder.rglob("*.so"):
        for match in re.finditer(rb"GLIBC_(\d+)\.(\d+)\b", path.read_bytes()):
            found.add((int(match[1]), int(match[2])))
    return max(found)


def platform_of(folder: Path, machine: str) -> str:
    """The platform tag of a wheel with the libraries below `folder`."""
    major, minor = needed_glibc(folder)
    return f"manylinux_{major}_{minor}_{machine}"


def pack_wheel(tree: Path, tag: str, target: Path) -> Path:
    """Write the unpacked wheel `tree` with another tag, as PEP 427 has it."""
    (info,) = tree.glob("*.dist-info")
    lines = (info / "WHEEL").read_text().splitlines()
    pure = "true" if tag.endswith("-any") else "false"
    kept = [line for line in lines if not line.startswith(("Tag:", "Root-Is-Purelib:")) and line]
    kept += [f"Root-Is-Purelib: {pure}", f"Tag: {tag}"]
    (info / "WHEEL").write_text("\n".join(kept) + "\n")
    record = info / "RECORD"
    record.unlink()
    name = f"{info.name.removesuffix('.dist-info')}-{tag}.whl"
    rows = []
    part = target / f"{name}.part"  # a wheel that is cut short has no wheel's name
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(path: Path, content: bytes) -> None:
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if path.suffix == ".so" else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content)

        files = sorted(path for path in tree.rglob("*") if path.is_file())
        for path in files:
            content = path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            place = path.relative_to(tree).as_posix()
            rows.append(f"{place},sha256={digest.decode()},{len(content)}")
            add(path, content)
        rows.append(f"{record.relative_to(tree).as_posix()},,")
        add(record, ("\n".join(rows) + "\n").encode())
    return part.replace(target / name)


def interpreters(names: Sequence[str], work: Path) -> Iterator[tuple[str, Path]]:
    """Interpreters with edgezip's dependencies: this one, and environments for the others."""
    yield f"{sys.version_info.major}.{sys.version_info.minor}", Path(sys.executable)
    for number, name in enumerate(names):
        folder = work / f"python-{number}"
        run(name, "-m", "venv", folder)
        python = folder / "bin" / "python"
        run(
            python, "-m", "pip", "install", "-q", "--no-index", "--find-links", DIST,
            *requirements(), f"{BINDINGS}=={pinned()}",
        )  # fmt: skip
        yield version_of(python), python


def project() -> dict[str, list[str]]:
    """The [project] table."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, list[str]] = tomllib.loads(text)["project"]
    return table


def requirements() -> list[str]:
    """What edgezip needs besides the bindings."""
    return [name for name in project()["dependencies"] if not name.startswith(BINDINGS)]


def pinned() -> str:
    """The version of the bindings."""
    (found,) = (name for name in project()["dependencies"] if name.startswith(BINDINGS))
    return found.split("==")[1]


def version_of(python: str | Path) -> str:
    """The minor version of an interpreter, such as 3.11."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def collect_dependencies(arguments: argparse.Namespace, machine: str) -> None:
    """Download the wheels of everything else for `machine`, for all Pythons that are named."""
    kinds = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in range(34, 16, -1))]
    wanted = [p for kind in kinds for p in ("--platform", f"{kind}_{machine}")]
    for version in [*map(version_of, [sys.executable, *arguments.python]), *arguments.wheels_for]:
        run(
            sys.executable, "-m", "pip", "download", "-q", "-d", DIST, "-c", CONSTRAINTS,
            "--only-binary", ":all:", "--python-version", version, *wanted,
            *requirements(), *BINDINGS_NEED,
        )  # fmt: skip


def bindings(work: Path) -> Path:
    """The wheel of llama-cpp-python from its own source, without its library: declarations."""
    (archive,) = (ROOT / "build" / "llama-cpp").glob(f"llama_cpp_python-{pinned()}.tar.gz")
    folder = work / "bindings"
    wheel = build_wheel(archive, folder, CMAKE_ARGS="-DLLAMA_BUILD=OFF -DLLAVA_BUILD=OFF")
    tree = work / "bindings-tree"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tree)
    if list(tree.rglob("*.so")):
        raise ReleaseError("the bindings have a library in them")
    return pack_wheel(tree, "py3-none-any", DIST)


def edgezip_tree(work: Path, machine: str) -> Path:
    """The files of edgezip's wheel as they are built: engine and model, no kernels."""
    environment = {}
    if machine != MACHINE:
        toolchain = ROOT / "native" / "cmake" / f"{machine}.cmake"
        environment["CMAKE_ARGS"] = f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"
        environment["SKBUILD_BUILD_DIR"] = str(ROOT / "build" / f"cross-{machine}")
    wheel = build_wheel(ROOT, work / f"edgezip-{machine}", **environment)
    tree = work / f"tree-{machine}"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tree)
    libraries = list((tree / "edgezip" / "engine" / "lib").glob("libllama.*"))
    if not libraries:
        raise ReleaseError("the wheel has no strict engine")
    kind = ELF_MACHINES[int.from_bytes(libraries[0].read_bytes()[18:20], "little")]
    if kind != machine:
        raise ReleaseError(f"the engine in the wheel is for {kind}")
    return tree


def shipped(tree: Path) -> Path:
    """The folder of the compiled kernels."""
    return tree / "edgezip" / "coding" / "shipped"


def take_over_kernels(tree: Path) -> None:
    """Begin with what scripts/setup.sh has compiled: for other sources it is not even looked at."""
    found = importlib.util.find_spec("edgezip")
    if found is not None and found.origin is not None:
        installed = Path(found.origin).parent / "coding" / "shipped"
        if installed.is_dir():
            shutil.copytree(installed, shipped(tree))


def add_kernels(tree: Path, arguments: argparse.Namespace, work: Path) -> None:
    """Compile kernels for every Python into the tree, and copy those that others have compiled.
    Those for aarch64, if it is asked for, go to `work`/crossed."""
    flags = [word for level in arguments.levels.split(",") if level for word in ("--level", level)]
    take_over_kernels(tree)
    for version, python in interpreters(arguments.python, work):
        start = time.monotonic()
        command: list[str | Path] = [python, "-m", "edgezip", "warm", "--package", *flags]
        alone = {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        run(*command, **alone)
        if arguments.aarch64 is not None:
            command = [python, "-m", "edgezip.crossing", shipped(tree), work / "crossed", "generic"]
            run(*command, **alone)
        print(f"kernels for Python {version}: {time.monotonic() - start:.0f} s", flush=True)
    copy_kernels(tree, arguments.kernels)


def copy_kernels(tree: Path, folders: Sequence[Path]) -> None:
    """Put the kernels of `folders` into the tree, as far as they belong to its sources."""
    stores = stores_of(tree) if folders else set()
    for folder in folders:
        count = 0
        for name in stores:
            if (folder / name).is_dir():
                shutil.copytree(folder / name, shipped(tree) / name, dirs_exist_ok=True)
                count += 1
        if not count:
            raise ReleaseError(f"{folder} has no kernels of these sources")


def stores_of(tree: Path) -> set[str]:
    """The folders of kernels that belong to the sources of the tree."""
    code = (
        "from edgezip.coding import jit;"
        " print(*{jit.store(path.parent).name for path in jit.SHIPPED.parent.rglob('*.py')})"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def source_archive() -> None:
    """The sdist. Built offline: EDGEZIP_LLAMA_SOURCE names llama.cpp's source when installing."""
    code = f"from scikit_build_core.build import build_sdist; build_sdist({str(DIST)!r})"
    run(sys.executable, "-c", code)


def write_sums() -> None:
    """SHA256SUMS over all files, for sha256sum -c."""
    files = sorted(path for path in DIST.iterdir() if path.suffix in (".whl", ".gz"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (DIST / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def finish_wheel(tree: Path, machine: str, work: Path) -> None:
    """Add man pages and completion, and pack the wheel."""
    share = work / "share"
    if not share.exists():
        run(sys.executable, "-m", "edgezip", "manual", share, PYTHONPATH=str(tree))
    (info,) = tree.glob("*.dist-info")
    data = tree / f"{info.name.removesuffix('.dist-info')}.data" / "data" / "share"
    shutil.copytree(share, data)
    for cache in tree.rglob("__pycache__"):
        shutil.rmtree(cache)
    wheel = pack_wheel(tree, f"py3-none-{platform_of(tree, machine)}", DIST)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")


def remove_earlier() -> None:
    """Remove what is made here and was made before: pip might take the older one of two wheels."""
    for pattern in ("edgezip-*", f"{BINDINGS.replace('-', '_')}-*", "SHA256SUMS", "*.part"):
        for path in DIST.glob(pattern):
            path.unlink()


def release(arguments: argparse.Namespace) -> None:
    """All of it."""
    DIST.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="edgezip-release-") as name,
        (ROOT / "build" / "release.lock").open("w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would build in the same folder
        remove_earlier()
        work = Path(name)
        if arguments.dependencies:
            collect_dependencies(arguments, MACHINE)
        bindings(work)
        tree = edgezip_tree(work, MACHINE)
        add_kernels(tree, arguments, work)
        finish_wheel(tree, MACHINE, work)
        if arguments.aarch64 is not None:
            if arguments.dependencies:
                collect_dependencies(arguments, "aarch64")
            crossed = edgezip_tree(work, "aarch64")
            further = [Path(arguments.aarch64)] if arguments.aarch64 else []
            copy_kernels(crossed, [work / "crossed", *further])
            finish_wheel(crossed, "aarch64", work)
        source_archive()
    write_sums()
    total = sum(path.stat().st_size for path in DIST.iterdir())
    print(f"{DIST}: {len(list(DIST.iterdir()))} files, {total / 1e6:.1f} MB")


def main() -> int:
    """Build the wheels; returns the exit code."""
    parser = argparse.ArgumentParser(description="Build wheels to install edgezip offline.")
    parser.add_argument("--python", action="append", default=[], help="further interpreter")
    parser.add_argument("--levels", default="x86-64-v3,x86-64-v2")
    parser.add_argument(
        "--kernels", action="append", default=[], type=Path, metavar="FOLDER",
        help="edgezip/coding/shipped of another installation",
    )  # fmt: skip
    parser.add_argument(
        "--wheels-for", action="append", default=[], metavar="VERSION",
        help="also fetch the wheels of what edgezip needs for this Python, such as 3.14",
    )  # fmt: skip
    parser.add_argument(
        "--aarch64", nargs="?", const="", metavar="FOLDER",
        help="also a wheel for aarch64, with further kernels from FOLDER",
    )  # fmt: skip
    parser.add_argument("--no-dependencies", dest="dependencies", action="store_false")
    try:
        release(parser.parse_args())
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
