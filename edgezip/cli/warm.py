"""`edgezip warm`: machine code made before it is needed."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from edgezip import warming
from edgezip.cli.bar import Bar
from edgezip.cli.console import Console, printable, write_line
from edgezip.errors import EngineError, InputError


def warm_kernels(package: bool, levels: list[str], jobs: int | None, console: Console) -> int:
    """Compile what is missing; returns the exit code."""
    start = time.monotonic()
    wanted: list[str | None] = [*levels] or [None]
    with _shown(console) as tell:
        if package:
            try:
                found = warming.ship(tell, wanted, jobs)
            except OSError as error:
                raise InputError(
                    f"cannot write {error.filename}: {error.strerror}; without --package the"
                    " kernels go to your own cache"
                ) from error
        else:
            found = [warming.warm(tell, level=level, jobs=jobs) for level in wanted]
    for done in found:
        console.result(
            {
                "level": done.level,
                "kernels": len(done.kernels),
                "compiled": done.compiled,
                "failures": done.failures,
            }
        )
        level = done.level or "this processor"
        made = f"{done.compiled} compiled" if done.compiled else "all there"
        seconds = f"{time.monotonic() - start:.0f} s"
        if not (console.json or console.quiet):
            write_line(sys.stdout, f"kernels for {level}: {made}, {seconds}")
        for failure in done.failures:
            write_line(sys.stderr, printable(f"edgezip: warm: {failure}"))
    return EngineError.exit_code if any(done.failures for done in found) else 0


@contextlib.contextmanager
def _shown(console: Console) -> Iterator[warming.Tell]:
    """Show how far it is: a bar on a terminal, else a line for each step."""
    lock = threading.Lock()
    total, done, kernels = len(warming.STEPS), 0, 0
    if not console.shows_progress:

        def line(step: str, kernel: str) -> None:
            nonlocal done
            with lock:
                if not (kernel or console.quiet or console.json):
                    done += 1
                    write_line(sys.stdout, f"[{(done - 1) % total + 1}/{total}] {step}")

        yield line
        return
    with Bar("kernels", total, bytes_=False) as bar:

        def draw(_step: str, kernel: str) -> None:
            nonlocal done, kernels
            with lock:
                kernels += bool(kernel)
                done += not kernel
                bar.show(done % total, f"{kernels} kernels: {kernel}" if kernel else None)

        yield draw
