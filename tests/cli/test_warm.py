"""`edgezip warm`, the line that says that something is compiled, and the bar."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgezip import warming
from edgezip.cli import progress, warm
from edgezip.cli.bar import Bar, amount, duration
from edgezip.cli.console import Console
from edgezip.coding import jit, watch
from edgezip.errors import SettingsError


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """To be called in the test: pytest replaces stderr between its phases."""

    def call() -> Terminal:
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    monkeypatch.setenv("TERM", "xterm")
    return call


def screens(terminal: Terminal) -> list[str]:
    """What the line showed, one after the other."""
    return [text.partition("\033[K")[0] for text in terminal.getvalue().split("\r")]


@pytest.fixture
def own_kernels(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The kernels that there are, in a cache that no other process writes to: those of the same
    sources in another work tree share the usual one, and may be compiling or mending it just now.
    """
    folders = {path.parent for path in Path(jit.__file__).parent.rglob("*.py")}
    names = {jit.store(folder).name for folder in folders}
    private = tmp_path_factory.mktemp("kernels")
    for folder in jit.store().folders[:1]:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                shutil.copytree(folder.parent / name, private / name)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(private))
    jit.store.cache_clear()
    yield
    monkeypatch.undo()
    jit.store.cache_clear()


@pytest.mark.usefixtures("own_kernels")
def test_a_step_runs_in_a_process_and_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warming, "STEPS", {"bytes": warming.STEPS["bytes"]})
    (tmp_path / "edgezip").mkdir()
    (tmp_path / "edgezip/__init__.py").write_text("raise SystemExit('another edgezip')")
    monkeypatch.chdir(tmp_path)
    assert warm.warm_kernels(False, [], 1, Console()) == 0
    out = capsys.readouterr().out
    assert out.startswith("[1/1] bytes\n")
    assert "kernels for " in out
    assert warming.cold() == []
    store = jit.store()
    monkeypatch.setattr(store, "holds", lambda name: "run_bytes" not in name)
    assert warming.cold() == ["bytes"]


def test_kernels_of_others_stay_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another level or Python. Kernels of other sources go, and those that nobody loads."""
    shipped = tmp_path / "shipped"
    other, made, inner, old = (
        shipped / name
        for name in ("now/other.kernel", "now/made.kernel", "now/inner.kernel", "then/old.kernel")
    )
    for path in (other, old, shipped / "then/group.text-1.kernel"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)

    def compiled(_tell: object, *, level: str | None, **_: object) -> warming.Warmed:
        made.touch()
        inner.touch()
        return warming.Warmed(level, {"now/made"}, 2)

    monkeypatch.setattr(jit, "SHIPPED", shipped)
    monkeypatch.setattr(warming, "warm", compiled)
    warming.ship(lambda *_: None, ["x86-64-v2"])
    assert sorted(shipped.rglob("*.kernel")) == [made, other]
    assert other.stat().st_mode & 0o777 == 0o644
    assert not old.parent.exists()


def test_a_step_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warming, "STEPS", {"unknown": lambda: None})
    assert warm.warm_kernels(False, [], 1, Console(quiet=True)) == 5
    assert "unknown: ended with code 1" in capsys.readouterr().err


def test_a_level_that_does_not_run_here_is_refused() -> None:
    with pytest.raises(SettingsError, match="no z80"):
        warming.warm(lambda *_: None, level="z80")


def test_compiling_is_said_once_to_who_looks(attach: Callable[[], Terminal]) -> None:
    terminal = attach()
    with progress.progress_bar(Console(), "pack", "notes.txt", 1000) as advance:
        watch.tell("kernels-1/there-0", True)
        assert terminal.getvalue() == ""
        watch.tell("kernels-1/text.walk-0", False)
        watch.tell("kernels-1/text.run-0", False)
        advance(10)
    shown = terminal.getvalue()
    assert shown.count(progress.FIRST_USE) == 1
    assert "compile 1: text.walk" in shown
    assert "compile 2: text.run" in shown
    assert shown.endswith("\r\033[K")
    terminal = attach()
    with progress.progress_bar(Console(quiet=True), "pack", "notes.txt", 1000):
        watch.tell("kernels-1/text.walk-0", False)
    assert not terminal.getvalue()


def test_nothing_is_said_to_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(Console(), "pack", "notes.txt", 1000):
        watch.tell("kernels-1/text.walk-0", False)
    assert capsys.readouterr().err == ""
    with progress.progress_bar(Console(verbose=True), "pack", "notes.txt", 1000):
        watch.tell("kernels-1/text.walk-0", False)
    assert capsys.readouterr().err == progress.FIRST_USE + "\n"


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
@pytest.mark.parametrize("total", [None, 1, 123_456_789])
@pytest.mark.parametrize("name", ["a", "a rather long name for a file which ends in.txt"])
def test_the_bar_fits(
    width: int,
    total: int | None,
    name: str,
    attach: Callable[[], Terminal],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = attach()
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with Bar(f"pack {name}", total) as bar:
        for done in (0, 1, 56_789, 123_456_789):
            bar.show(min(done, total or done))
    lines = screens(terminal)
    assert len(lines) > 4
    assert max(map(len, lines)) < width
    if width >= 40:
        assert all(line.startswith("pac") for line in lines[1:-1])
    if total and width >= 40:
        assert "100%" in lines[-2]
        assert "\u2501" in lines[-2]


def test_a_terminal_that_cannot_move_the_cursor_gets_a_line_every_ten_seconds(
    attach: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = attach()
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with Bar("pack notes.txt", 100) as bar:
        for done in range(35):
            bar.show(done)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 3
    assert "\r" not in terminal.getvalue()
    assert all(line.startswith("pack notes.txt  ") for line in lines)


def test_amounts() -> None:
    assert [amount(n) for n in (0, 999, 1000, 99_940, 152_089, 999_600)] == [
        "0 B", "999 B", "1.0 KB", "99.9 KB", "152 KB", "1.0 MB",
    ]  # fmt: skip
    assert [duration(s) for s in (0, 61, 3723)] == ["0:00", "1:01", "1:02:03"]
