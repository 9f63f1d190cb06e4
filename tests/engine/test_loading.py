"""Which libllama a process gets. Each case needs a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gguf_faults import write
from edgezip.engine import library
from edgezip.models.gguf import Value, read_gguf

LOAD = "from pathlib import Path; from edgezip.engine import Engine; import sys\n"


def run(code: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", LOAD + code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_loading_is_silent_and_light(strict_folder: Path, stories_model: Path) -> None:
    code = (
        "e = Engine.load(Path(sys.argv[1]))\n"
        "e.session(1, 64).evaluate([1], [0], [0], [1])\n"
        "assert 'llama_cpp' not in sys.modules and 'jinja2' not in sys.modules\n"
    )
    done = run(code, stories_model)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_whole_package_can_be_imported_afterwards(
    strict_folder: Path, stories_model: Path
) -> None:
    code = (
        "e = Engine.load(Path(sys.argv[1]))\n"
        "import llama_cpp\n"
        "assert llama_cpp.Llama and llama_cpp.llama_decode is e._api.llama_decode\n"
        "import os; print(os.environ.get('LLAMA_CPP_LIB_PATH'))\n"
    )
    done = run(code, stories_model)
    assert done.stdout.strip() == str(os.environ.get("LLAMA_CPP_LIB_PATH")), done.stderr


def test_missing_library_says_how_to_build(stories_model: Path, tmp_path: Path) -> None:
    code = "Engine.load(Path(sys.argv[1]))"
    done = run(code, stories_model, EDGEZIP_LIB_DIR=str(tmp_path))
    assert "EngineError: EDGEZIP_LIB_DIR names" in done.stderr


def test_damaged_library_is_an_error(stories_model: Path, tmp_path: Path) -> None:
    for stem in ("ggml", "ggml-cpu", "llama"):
        (tmp_path / library.library_name(stem)).write_bytes(b"no library")
    done = run("Engine.load(Path(sys.argv[1]))", stories_model, EDGEZIP_LIB_DIR=str(tmp_path))
    assert "EngineError" in done.stderr
    assert "cannot be loaded" in done.stderr


def test_stock_library_is_not_taken_for_strict(strict_folder: Path, stories_model: Path) -> None:
    code = (
        "from edgezip.engine import library\n"
        "library._FUNCTIONS = (*library._FUNCTIONS, 'of_another_build')\n"
        "Engine.load(Path(sys.argv[1]))"
    )
    done = run(code, stories_model)
    assert "EngineError" in done.stderr
    assert "not the strict build" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_another_llama_in_the_process_is_refused(
    strict_folder: Path, stories_model: Path, tmp_path: Path
) -> None:
    source = library.find_library(strict_folder, "ggml-base")
    assert source is not None
    copy = tmp_path / source.name
    shutil.copyfile(source, copy)
    code = "import ctypes; ctypes.CDLL(sys.argv[2])\nEngine.load(Path(sys.argv[1]))"
    done = run(code, stories_model, copy)
    assert "EngineError: this process has loaded another llama.cpp" in done.stderr


def test_native_needs_its_own_process(strict_folder: Path, stories_model: Path) -> None:
    code = (
        "from edgezip.errors import EngineError\n"
        "p = Path(sys.argv[1])\n"
        "n = Engine.load(p, kind='native', threads=1)\n"
        "m = Engine.load(p, kind='native', threads=2)\n"
        "assert n.identity != m.identity and len(n.identity.fingerprint) == 8\n"
        "assert n.identity == Engine.load(p, kind='native', threads=1).identity\n"
        "assert n.session(2, 64).evaluate([1], [0], [0], [1]).shape == (1, n.n_vocab)\n"
        "try: Engine.load(p)\n"
        "except EngineError as error: print(error)\n"
    )
    done = run(code, stories_model, LLAMA_CPP_LIB_PATH=str(strict_folder))
    assert "cannot load the strict one" in done.stdout, done.stderr


@pytest.fixture
def aborting(stories_model: Path, tmp_path: Path) -> Path:
    """A model that llama.cpp answers with abort(): two tokens have the same text."""
    gguf = read_gguf(stories_model)
    tokens = gguf.settings["tokenizer.ggml.tokens"].value
    assert isinstance(tokens, list)
    value = Value("array of string", [*tokens[:-1], tokens[300]])
    settings = {**gguf.settings, "tokenizer.ggml.tokens": value}
    path = tmp_path / "twice.gguf"
    path.write_bytes(write(settings, gguf.tensors, stories_model.read_bytes()[gguf.data :]))
    return path


def test_an_abort_is_one_line(strict_folder: Path, aborting: Path) -> None:
    done = run("Engine.load(Path(sys.argv[1]))", aborting)
    assert done.returncode == -signal.SIGABRT
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("edgezip: the model library gave up: ")


def test_an_abort_leaves_nothing_behind(
    strict_folder: Path, aborting: Path, stories_model: Path, tmp_path: Path
) -> None:
    """The command line ends as after an error of the engine. The model gets past the checks only
    because they look at another one here."""
    code = (
        "import edgezip.pipeline.opening as opening\n"
        "from edgezip import models\n"
        "from edgezip.cli import main\n"
        "sound = models.checked_vocabulary(models.load_file(Path(sys.argv[1])))\n"
        "opening.checked_vocabulary = lambda file: sound\n"
        "sys.exit(main(['pack', '-m', sys.argv[2], sys.argv[3]]))\n"
    )
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "notes.txt").write_bytes(b"Once upon a time there was a little girl. " * 50)
    done = run(code, stories_model, aborting, folder / "notes.txt")
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
