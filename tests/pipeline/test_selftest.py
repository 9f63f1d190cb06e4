"""The coders' known answers, and that nothing is coded by a coder that gives another one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgezip.cli import main
from edgezip.coding import jit
from edgezip.errors import EngineError
from edgezip.pipeline import selftest

TEXT = b"".join(b"line %d of a text, %d\n" % (i, i * i) for i in range(60))


@pytest.fixture
def perturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One bit of one known payload is another, in a process that has not asked yet."""
    payloads = {**selftest.known()}
    payloads["cm-text"] = bytes([payloads["cm-text"][0] ^ 1]) + payloads["cm-text"][1:]
    payloads["cm-lines"] = payloads["cm-lines"][:-1]
    monkeypatch.setattr(selftest, "known", lambda: payloads)
    selftest._encoded.cache_clear()
    selftest._decoded.cache_clear()
    yield
    selftest._encoded.cache_clear()
    selftest._decoded.cache_clear()


def test_every_coder_gives_its_known_answer() -> None:
    """If the format of one has changed on purpose: python scripts/known_answers.py --renew ..."""
    assert selftest.known().keys() == selftest.makers().keys()
    assert selftest.check_all() == len(selftest.makers()) > 7


@pytest.mark.skipif(jit.PLAIN, reason="plain Python is the reference")
@pytest.mark.parametrize(
    ("step", "samples"),
    [("_pictures", ["image-1", "image-8", "image-16", "image-rest"]), ("_sounds", ["audio"])],
)
def test_all_kernels_of_a_coder_are_asked(step: str, samples: list[str]) -> None:
    """What `edgezip warm` needs for pictures and sounds of all kinds, the samples need, too."""
    script = (
        "import sys\n"
        "from edgezip import warming\n"
        "from edgezip.coding import watch\n"
        "from edgezip.pipeline import selftest\n"
        "kernels = set()\n"
        "with watch.watching(lambda name, kept: kernels.add(name)):\n"
        "    for name in sys.argv[2:]:\n"
        "        selftest._encoded(name), selftest._decoded(name)\n"
        "    if sys.argv[1]:\n"
        "        getattr(warming, sys.argv[1])()\n"
        "print(*sorted(kernels))\n"
    )

    def kernels(*arguments: str) -> set[str]:
        command = [sys.executable, "-c", script, *arguments]
        return set(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        )

    as_bytes = {name for name in kernels(step) if "/bytecodec." in name}  # the other way, tried
    assert kernels(step) - kernels("", *samples) == as_bytes


@pytest.mark.skipif(jit.PLAIN, reason="plain Python is the reference")
def test_a_perturbed_answer_writes_nothing(
    perturbed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, packed = tmp_path / "text", tmp_path / "sound.ez"
    source.write_bytes(TEXT)
    assert main(["pack", "-m", "none", str(source)]) == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "self-test of coder cm-" in said
    assert str(source) in said
    assert [path.name for path in tmp_path.iterdir()] == ["text"]

    selftest._encoded.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selftest, "_encoded", lambda name: None)
        assert main(["pack", "-m", "none", str(source), "-o", str(packed)]) == 0
    source.unlink()
    assert main(["unpack", str(packed)]) == 5
    assert "decodes something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sound.ez"]


def test_doctor_asks_the_coders(perturbed: None) -> None:
    with pytest.raises(EngineError) as caught:
        selftest.check_all()
    assert caught.value.exit_code == 5
