"""Packs and unpacks every file of ../shared/eval through the command line and compares the bytes.

    python -m bench.roundtrip                                  # bundled model, whole files
    python -m bench.roundtrip --model stories --slice 20000
    python -m bench.roundtrip --model llama2 --slice 20000 --only text logs
    python -m bench.roundtrip --model none

A file fails if an exit code is not 0, a byte differs, or it grows by more than 32 bytes. Several
files share one call, as `edgezip pack FILE...` allows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import (
    EVAL,
    RESULTS,
    ROOT,
    SHARED,
    STORIES,
    code_version,
    edgezip_cli,
    files_of,
    require,
    today,
    write_csv,
)

MOST_GROWTH = 32
FOREIGN = ("stories", "llama2")
"""Models so weak that the default coder would leave them out: then mixing is asked for."""


@dataclass
class Item:
    """A file on its way there and back; `problem` is empty as long as all is well."""

    source: Path
    work: Path
    problem: str = ""
    coders: str = ""

    @property
    def packed(self) -> Path:
        """The archive."""
        return self.work.with_name(self.work.name + ".ez")

    @property
    def unpacked(self) -> Path:
        """The result of unpacking."""
        return self.work.parent / "back" / self.work.name


def main() -> int:
    """Round trip of all files; 1 if one fails."""
    arguments = _parser().parse_args()
    paths = arguments.paths or [EVAL / name for name in arguments.only] or [EVAL]
    sources = files_of(paths)
    options = ["-T", str(arguments.threads)]
    coder = arguments.coder or ("mix" if arguments.model in FOREIGN else "auto")
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = _model(arguments.model, folder)
        for first in range(0, len(sources), arguments.batch):
            part = sources[first : first + arguments.batch]
            items = [_copy(s, folder / f"{first + i}", arguments.slice) for i, s in enumerate(part)]
            _there_and_back(items, options, model, coder)
            rows += [_check(item, arguments.model) for item in items]
    rows = [{**row, "slice": arguments.slice or "", "date": today()} for row in rows]
    version = code_version()
    csv = arguments.csv or RESULTS / f"roundtrip-{Path(arguments.model).stem}.csv"
    write_csv(csv, [{**row, "version": version} for row in rows])
    failed = sum(row["result"] != "ok" for row in rows)
    with_model = sum("lm" in str(row["coders"]) for row in rows)
    print(f"{with_model} of {len(rows)} files hold parts coded with a language model")
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.roundtrip", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders")
    parser.add_argument("--only", nargs="+", default=[], metavar="GROUP", help="folders of eval")
    parser.add_argument(
        "--model", default="bundled", help="bundled, stories, llama2 (random weights), none or PATH"
    )
    parser.add_argument(
        "--coder", help="as in edgezip pack (auto; mix for stories and llama2)", metavar="CODER"
    )
    parser.add_argument("--slice", type=int, metavar="BYTES", help="only the start of each file")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--batch", type=int, default=16, help="files per call (16)")
    parser.add_argument("--csv", type=Path, help="default: bench/results/roundtrip-MODEL.csv")
    return parser


def _model(name: str, folder: Path) -> list[str]:
    """Options that name the model; llama2 is made here, with the real vocabulary."""
    if name == "bundled":
        return []
    if name == "stories":
        return ["-m", str(require(STORIES, "stories260K"))]
    if name != "llama2":
        return ["-m", name]
    vocabulary = require(SHARED / "models" / "llama2_tokenizer.model", "Llama 2's vocabulary")
    path = folder / "random-llama2.gguf"
    script = ROOT / "tests" / "make_llama2_model.py"
    subprocess.run([sys.executable, script, vocabulary, path], check=True)
    return ["-m", str(path)]


def _copy(source: Path, folder: Path, size: int | None) -> Item:
    """Copy `source`, or its first `size` bytes, to a folder of its own."""
    (folder / "back").mkdir(parents=True)
    work = folder / source.name
    work.write_bytes(source.read_bytes()[:size])
    return Item(source, work)


def _there_and_back(
    items: Sequence[Item], options: list[str], model: list[str], coder: str
) -> None:
    """Pack all, then unpack what was packed."""
    started = time.monotonic()
    _call(items, ["pack", *options, "--coder", coder, *model], [item.work for item in items])
    for item in items:
        if not item.problem and not item.packed.is_file():
            item.problem = "pack left no output"
        if not item.problem:
            item.packed.rename(item.unpacked.with_name(item.packed.name))
    alive = [item for item in items if not item.problem]
    # The archives name their model; `none` names that there is nothing to look for.
    unpack_model = [] if model == ["-m", "none"] else model
    moved = [item.unpacked.with_name(item.packed.name) for item in alive]
    if alive:
        _call(alive, ["unpack", *options, *unpack_model], moved)
    print(f"# {len(items)} files in {time.monotonic() - started:.1f} s", file=sys.stderr)


def _call(items: Sequence[Item], command: list[str], files: list[Path]) -> None:
    """One call for all files; every file must be reported without an error, exit code 0."""
    done = edgezip_cli(*command, "--json", "--", *files)
    reports: dict[str, dict[str, Any]] = {}
    for line in done.stdout.splitlines():
        report = json.loads(line)
        reports[report["file"]] = report
    failed = [r for r in reports.values() if "error" in r]
    for item, file in zip(items, files, strict=True):
        report = reports.get(str(file), {"error": f"exit code {done.returncode}, no report"})
        if "error" in report:
            item.problem = f"{command[0]}: {report['error']}"
        elif "channels" in report:
            item.coders = "+".join(channel["coder"] for channel in report["channels"])
        if "Traceback" in done.stderr or (done.returncode and not failed):
            item.problem = f"{command[0]}: exit code {done.returncode}: {done.stderr[-300:]}"


def _check(item: Item, model: str) -> dict[str, object]:
    """Compare, print a line, give a row."""
    raw = item.work.stat().st_size
    archive = item.unpacked.with_name(item.packed.name)
    packed = archive.stat().st_size if archive.is_file() else None
    if not item.problem:
        if not item.unpacked.is_file():
            item.problem = "unpack left no output"
        elif item.unpacked.read_bytes() != item.work.read_bytes():
            item.problem = "LOSS: other bytes came back"
        elif packed is not None and packed > raw + MOST_GROWTH:
            item.problem = f"grew by {packed - raw} bytes"
    group = item.source.parent.name
    result = item.problem or "ok"
    print(
        f"{result:4} {raw:>9,} -> {packed or 0:>9,}  {group}/{item.source.name}  {item.coders}",
        flush=True,
    )
    return {
        "group": group,
        "file": item.source.name,
        "model": model,
        "raw_bytes": raw,
        "bytes": packed,
        "coders": item.coders,
        "result": result,
    }


if __name__ == "__main__":
    raise SystemExit(main())
