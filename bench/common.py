"""What the commands of `bench` share: paths, sets of files, CSV files, tables, child processes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
SHARED = Path(os.environ.get("EDGEZIP_SHARED") or ROOT.parent / "shared")
EVAL = SHARED / "eval"
STORIES = ROOT / "tests" / "data" / "stories260K.gguf"

Row = dict[str, str]


def log(text: str) -> None:
    """A line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def require(path: Path, what: str) -> Path:
    """`path`, or exit with a line that says what is missing."""
    if not path.exists():
        raise SystemExit(f"{what} is not here: {path}")
    return path


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that `paths` name, folders read recursively, in order of name."""
    found: list[Path] = []
    for path in paths:
        require(path, "input")
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def group_and_name(path: Path) -> tuple[str, str]:
    """Name of the folder below eval ("other" elsewhere) and the file's name."""
    try:
        parts = path.resolve().relative_to(EVAL.resolve()).parts
    except ValueError:
        return "other", path.name
    return (parts[0] if len(parts) > 1 else "other"), path.name


def hash_of(paths: Iterable[Path]) -> str:
    """Twelve hex digits that change with the names or the bytes of `paths`."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def code_version() -> str:
    """Twelve hex digits that change with the code of the package and with the strict libraries."""
    import edgezip

    package = Path(edgezip.__file__).parent
    override = os.environ.get("EDGEZIP_LIB_DIR")
    libraries = Path(override) if override else package / "engine" / "lib"
    return hash_of([*sorted(package.rglob("*.py")), *sorted(libraries.glob("*.so"))])


def loaded_version(without: str | None = None) -> str:
    """The same of what this process has loaded: modules of the package (but those of the
    subpackage `without`), starting states of the mixer, and the strict libraries."""
    import edgezip

    package = Path(edgezip.__file__).parent
    modules = {name: module for name, module in sys.modules.items() if name.startswith("edgezip")}
    paths = [
        Path(module.__file__)
        for name, module in modules.items()
        if module.__file__ and not f"{name}.".startswith(f"{without}.")
    ]
    libraries = package / "engine" / "lib"
    if "llama_cpp" in sys.modules:
        paths += libraries.glob("*.so")
    return hash_of(sorted([*paths, *package.rglob("*.bin")]))


def load_average() -> str:
    """Load of the machine in the last minute: a busy one makes speeds worthless."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def today() -> str:
    """The date in UTC, ISO 8601."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def provenance() -> Row:
    """What a row is of: the version of the code, and the date."""
    return {"version": code_version(), "date": today()}


def read_csv(path: Path) -> list[Row]:
    """Rows of a CSV file, none if it does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write `rows` (columns of the first one) under `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print `rows` aligned: the first column to the left, the others to the right."""
    cells = [[str(heading) for heading in headings]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for number, row in enumerate(cells):
        first, *others = zip(row, widths, strict=True)
        line = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print("  ".join(line).rstrip())
        if not number:
            print("  ".join("-" * width for width in widths))
    print(flush=True)


def integer(value: object) -> str:
    """An integer with separators, empty for nothing."""
    return "" if value in (None, "") else f"{int(str(value)):,}"


def environment() -> dict[str, str]:
    """The environment of a child process: output unbuffered."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def safe_environment() -> dict[str, str]:
    """The same for a process that must not find the checkout's `edgezip` where it stands."""
    return {**environment(), "PYTHONSAFEPATH": "1"}


def run_worker(module: str, request: Mapping[str, object]) -> dict[str, Any]:
    """Run `python -m MODULE` in a process of its own; give and get one JSON object.

    Raises:
        RuntimeError: the process failed; the message is its last line on stderr.
    """
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{module}: {lines[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def edgezip_cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does and keep what it says."""
    command = [sys.executable, "-m", "edgezip", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=safe_environment(), check=False
    )


def peak_memory() -> int:
    """Largest resident size of this process in bytes.

    Linux's VmHWM where it exists: ru_maxrss starts from the size of the parent process.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
