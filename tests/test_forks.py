"""fork() while another thread is at something that a child would wait for, for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

FORKING = """
import os, signal, sys, threading
from edgezip import forks
{busy}
thread = threading.Thread(target=busy)
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)  # kills it
    needs()
    os._exit(0)
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

IMPORTING = """
import importlib.abc, importlib.machinery, time
NAME = "colorsys"  # of the standard library, and not imported yet
assert NAME not in sys.modules
begun = threading.Event()

class Slow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == NAME else None
    def exec_module(self, module):
        begun.set()
        time.sleep(1)

sys.meta_path.insert(0, Slow())

def busy():
    import colorsys

needs = busy
"""

CRITICAL = """
import time
from pathlib import Path
from edgezip.engine import Engine, library
begun = threading.Event()
path = library.find_library(library.load("strict").directory, "ggml-base")
section = library._CriticalSection(library.ctypes.CDLL(str(path)))

def busy():
    section.acquire()
    begun.set()
    time.sleep(1)
    section.release()

def needs():
    Engine.load(Path(sys.argv[1])).session(1, 64)
"""

LOADING = """
import time
from pathlib import Path
from edgezip.engine import Engine, library
begun = threading.Event()
bindings = library.bindings.import_bindings(library.strict_directory())
init = bindings.llama_backend_init
path = library.find_library(library.strict_directory(), "ggml-base")
section = library._CriticalSection(library.ctypes.CDLL(str(path)))

def slowly():
    section.acquire()
    begun.set()
    time.sleep(1)
    section.release()
    init()

bindings.llama_backend_init = slowly
library._hold_ggml = lambda directory: None  # only the lock of what is loaded is left

def busy():
    library.load("strict")

def needs():
    bindings.llama_backend_init = init
    Engine.load(Path(sys.argv[1])).session(1, 64)
"""


GROWING = """
import time
begun = threading.Event()
first = threading.RLock()
forks.hold_while_forking(first)

class Section:
    held = 0
    def acquire(self):
        self.held += 1
    def release(self):
        self.held -= 1
        assert self.held >= 0

section = Section()

def busy():
    with first:
        begun.set()
        time.sleep(0.3)
        forks.hold_while_forking(section)

def needs():
    assert section.held == 0
    assert first.acquire(timeout=1)
"""


@pytest.mark.parametrize("busy", [IMPORTING, CRITICAL, LOADING, GROWING])
def test_a_child_does_not_wait_for_a_thread_that_it_lacks(
    busy: str, strict_library: Path, stories_model: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING.format(busy=busy), str(stories_model)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
