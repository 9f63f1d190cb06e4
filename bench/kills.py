"""Ends packing and unpacking at random instants: the target is absent or complete.

    python -m bench.kills                  # 200 times SIGKILL, 20 times SIGINT, SIGTERM, SIGHUP
    python -m bench.kills --times 20

Every other signal comes at any time of a run, the others between the appearance of the temporary
file and the end, where there is something to lose. A *loss* is a target that is there and not
complete, or a source that is not as it was. After SIGKILL a temporary file may stay; after the
other signals it is *litter*. A traceback is a fault as well, unless SIGINT came before edgezip's
command line was running: how Python itself starts and imports is not ours. Runs without a language
model.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.common import RESULTS, log, print_table, provenance, safe_environment, write_csv

SIZE = 60_000
POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """A command in a folder of its own: what it reads, what it writes, and how that looks."""

    name: str
    folder: Path
    source: str
    target: str
    expected: bytes

    def start(self) -> subprocess.Popen[bytes]:
        """The process."""
        line = [sys.executable, "-m", "edgezip", self.name, self.source]
        environment = {**safe_environment(), "EDGEZIP_MODEL": "none"}
        return subprocess.Popen(
            line,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A bench in the background (nohup, `&`) hands down signals that are ignored.
            preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in POLITE],  # noqa: PLW1509
        )

    def others(self) -> list[Path]:
        """What is in the folder besides source and target."""
        kept = {self.source, self.target}
        return [path for path in self.folder.iterdir() if path.name not in kept]


def main() -> int:
    """Try all signals; 1 if something was lost or left behind."""
    parser = argparse.ArgumentParser(
        prog="bench.kills", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--times", type=int, default=200, help="SIGKILLs (200)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "kills.csv")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="edgezip-kills-") as name:
        jobs = _jobs(Path(name))
        for number in (signal.SIGKILL, *POLITE):
            times = arguments.times if number == signal.SIGKILL else -(-arguments.times // 10)
            rows.extend(_try(job, number, -(-times // len(jobs))) for job in jobs)
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = provenance()
    write_csv(arguments.csv, [{**row, **stamp} for row in rows])
    faults = sum(int(str(row[what])) for row in rows for what in ("losses", "litter", "tracebacks"))
    print(f"{faults} losses, litter and tracebacks")
    return 1 if faults else 0


def _jobs(folder: Path) -> list[Job]:
    """Packing and unpacking of the same content: half of it text, half noise."""
    choice = random.Random(1)
    words = [b"%x" % choice.getrandbits(24) for _ in range(2000)]
    content = b" ".join(choice.choices(words, k=SIZE // 14))
    content += choice.randbytes(SIZE - len(content))
    packing, unpacking = folder / "pack", folder / "unpack"
    packing.mkdir()
    unpacking.mkdir()
    (packing / "text").write_bytes(content)
    job = Job("pack", packing, "text", "text.ez", b"")
    job.start().communicate()
    packed = (packing / "text.ez").read_bytes()
    (unpacking / "text.ez").write_bytes(packed)
    return [
        Job("pack", packing, "text", "text.ez", packed),
        Job("unpack", unpacking, "text.ez", "text", content),
    ]


def _try(job: Job, number: signal.Signals, times: int) -> dict[str, object]:
    """The row of one command and signal."""
    choice = random.Random(f"{job.name} {number}")
    source = (job.folder / job.source).read_bytes()
    target = job.folder / job.target
    whole, late = _durations(job)
    counts: Counter[str] = Counter()
    for turn in range(times):
        target.unlink(missing_ok=True)
        process = job.start()
        _wait(process, job, whole * choice.random(), late * choice.random() if turn % 2 else None)
        process.send_signal(number)
        _, said = process.communicate()
        counts["in time"] += process.returncode != 0
        counts["complete"] += target.exists()
        broken = target.exists() and target.read_bytes() != job.expected
        counts["losses"] += broken or (job.folder / job.source).read_bytes() != source
        counts["litter"] += number != signal.SIGKILL and bool(job.others())
        if b"Traceback" in said:
            counts["tracebacks" if _ours(said) else "of Python's start"] += 1
            log(said.decode(errors="replace"))
        for path in job.others():
            path.unlink()
    log(f"{job.name}, {number.name}: {dict(counts)}")
    kinds = ("in time", "complete", "losses", "litter", "tracebacks", "of Python's start")
    return {
        "command": job.name,
        "signal": number.name,
        "tried": times,
        **{kind: counts[kind] for kind in kinds},
    }


def _ours(said: bytes) -> bool:
    """Whether a traceback is not just of an interpreter that starts: `cli.main` was running."""
    return b"KeyboardInterrupt" not in said or b", in main" in said


def _wait(process: subprocess.Popen[bytes], job: Job, early: float, late: float | None) -> None:
    """Until `early` seconds have passed, or `late` ones since there is a temporary file."""
    if late is None:
        _until(process, early, lambda: False)
    else:
        _until(process, 120, lambda: bool(job.others()))
        _until(process, late, lambda: False)


def _until(process: subprocess.Popen[bytes], seconds: float, reached: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and not reached():
        time.sleep(min(0.002, seconds))


def _durations(job: Job) -> tuple[float, float]:
    """Seconds that a run takes, and those from the first temporary file on."""
    (job.folder / job.target).unlink(missing_ok=True)
    started = time.monotonic()
    process = job.start()
    _until(process, 120, lambda: bool(job.others()))
    appeared = time.monotonic()
    process.communicate()
    ended = time.monotonic()
    return ended - started, ended - appeared


if __name__ == "__main__":
    raise SystemExit(main())
