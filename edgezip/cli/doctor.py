"""`edgezip doctor`: is this installation fit to be trusted with files?"""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

import edgezip
from edgezip import api, models
from edgezip.cli import models as model_list
from edgezip.cli.console import Console, describe, printable, write_line
from edgezip.errors import EdgezipError, EngineError
from edgezip.pipeline.options import PackOptions, UnpackOptions

if TYPE_CHECKING:
    from edgezip.engine import Engine
    from edgezip.models import ModelFile

_SAMPLE = (
    b"It was the best of times, it was the worst of times.\r\n\x00\xff \xe2\x96\x81 </s>\n" * 8
)
_MEASURE_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class _Setup:
    model: str | None
    engine: Literal["strict", "native"]
    threads: int | None
    gpu_layers: int


@dataclass(slots=True)
class _Findings:
    """What was found so far; prints lines as they come."""

    console: Console
    checks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, ok: bool, detail: str, *, warning: bool = False) -> None:
        """Note one check; a warning is no failure, but something that can be better."""
        self.checks.append({"name": name, "ok": ok, "warning": warning, "detail": detail})
        if not self.console.json:
            verdict = "warn" if ok and warning else "ok" if ok else "FAIL"
            write_line(sys.stdout, printable(f"{verdict:<5} {name:<16} {detail}"))

    @contextlib.contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Note a failure if the block raises."""
        try:
            yield
        except Exception as error:
            self.add(name, False, describe(error)[0])

    @property
    def sound(self) -> bool:
        """Nothing failed."""
        return all(check["ok"] for check in self.checks)


def examine(
    model: str | None,
    engine: Literal["strict", "native"],
    threads: int | None,
    gpu_layers: int,
    console: Console,
) -> int:
    """Check everything and print a line for each check; returns 0, or 5 if one failed."""
    setup = _Setup(model, engine, threads, gpu_layers)
    findings = _Findings(console)
    with findings.check("edgezip"):
        findings.add("edgezip", True, _versions())
    with findings.check("engine"):
        _check_library(findings, setup)
    # Before anything is compiled: what will the first call find?
    with findings.check("kernel cache"):
        _check_kernels(findings)
    file: ModelFile | None = None
    with findings.check("model"):
        file = models.resolve(setup.model)
        models.verify_model(file)
        findings.add("model", True, f"{model_list.line(file)} {file.path}")
    if file is not None and findings.sound:
        with findings.check("model in engine"):
            _check_engine(findings, setup, file)
        with findings.check("round trip"):
            _check_round_trip(findings, setup)
    with findings.check("coders"):
        findings.add("coders", True, _coders())
    known = models.list_models()
    for other in known:
        if file is None or other.sha256 != file.sha256:
            findings.add("other model", True, f"{model_list.line(other)} {other.path}")
    console.result(
        {
            "ok": findings.sound,
            "checks": findings.checks,
            "models": [model_list.as_json(other) for other in known],
        }
    )
    if not findings.sound and not console.json:
        write_line(sys.stdout, "Something failed: do not trust this installation with files.")
    return 0 if findings.sound else EngineError.exit_code


def _versions() -> str:
    parts = [edgezip.__version__, f"Python {platform.python_version()}"]
    for package in ("llama-cpp-python", "numpy", "numba", "sentencepiece"):
        try:
            parts.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            parts.append(f"{package} missing")
    return ", ".join([*parts, f"{platform.system()} {platform.machine()}"])


def _check_library(findings: _Findings, setup: _Setup) -> None:
    from edgezip.engine import library

    found = library.load(setup.engine)
    findings.add("engine", True, f"{found.kind} in {found.directory}")
    if found.strict is not None:
        found.secure_float_environment()
        sound = found.strict.fpenv_check() == 1
        findings.add(
            "floating point", sound, "rounds to nearest, keeps denormals" if sound else "wrong mode"
        )


def _check_engine(findings: _Findings, setup: _Setup, file: ModelFile) -> None:
    from edgezip.engine import Engine

    models.checked_vocabulary(file)
    with Engine.load(
        file.path, kind=setup.engine, threads=setup.threads, gpu_layers=setup.gpu_layers
    ) as engine:
        identity = engine.identity
        if identity.kind == "strict":
            findings.add("arithmetic", True, f"version {identity.version}")
            findings.add("SIMD level", True, str(engine.simd_name()))
        else:
            findings.add("fingerprint", True, identity.fingerprint.hex())
        with findings.check("self-test"):
            _check_answers(findings, engine, file)
        with findings.check("speed"):
            _measure(findings, engine)


def _check_answers(findings: _Findings, engine: Engine, file: ModelFile) -> None:
    from edgezip.engine import selftest

    strict = engine.kind == "strict"
    expected = file.expected_answer(engine.identity.version) if strict else None
    answer = selftest.check(engine, expected)
    known_text = "as it must be" if expected else "nothing recorded to compare with"
    findings.add("known answer", True, f"{answer.hex()[:16]} ({known_text})")
    same = selftest.batch_independent(engine)
    if engine.kind == "strict":
        text = "give the same bits" if same else "differ"
        findings.add("prefill, decode", same, f"batches and single tokens {text}")
    else:
        text = "the same bits" if same else "different bits, as native engines may"
        findings.add("prefill, decode", True, f"batches and single tokens give {text}")


def _measure(findings: _Findings, engine: Engine) -> None:
    """Tokens per second of the engine alone: long batches, then one token per stream and step."""
    window = min(256, engine.n_ctx_train)
    texts = [f"prefill {_prefill_rate(engine, window):,.0f}"]
    for name, streams in (("1 stream", 1), ("16 streams", 16)):
        rate = _decode_rate(engine, streams, window)
        texts.append(f"{name} {rate:,.0f}")
    findings.add("speed", True, f"{', '.join(texts)} tokens/s, {engine.threads} threads")


def _prefill_rate(engine: Engine, window: int) -> float:
    import numpy as np

    from edgezip.engine.selftest import fixed_tokens

    tokens = np.resize(fixed_tokens(engine.n_vocab), window)
    streams = np.zeros(window, np.int32)
    positions = np.arange(window, dtype=np.int32)
    wanted = np.ones(window, np.bool_)
    with engine.session(1, window) as session:

        def batch() -> int:
            session.clear_all()
            session.evaluate(tokens, streams, positions, wanted)
            return window

        return _rate(batch)


def _decode_rate(engine: Engine, count: int, window: int) -> float:
    import numpy as np

    from edgezip.engine.selftest import fixed_tokens

    tokens = np.resize(fixed_tokens(engine.n_vocab), count)
    streams = np.arange(count, dtype=np.int32)
    wanted = np.ones(count, np.bool_)
    with engine.session(count, window) as session:
        position = 0

        def step() -> int:
            nonlocal position
            if position == window:
                session.clear_all()
                position = 0
            session.evaluate(tokens, streams, np.full(count, position, np.int32), wanted)
            position += 1
            return count

        return _rate(step)


def _rate(work: Callable[[], int]) -> float:
    """Units per second that `work` does; the first call, which sets things up, does not count."""
    work()
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _MEASURE_SECONDS:
        done += work()
    return done / elapsed


def _check_round_trip(findings: _Findings, setup: _Setup) -> None:
    options = PackOptions(
        model=setup.model, engine=setup.engine, threads=setup.threads, gpu_layers=setup.gpu_layers
    )
    back = UnpackOptions(model=setup.model, threads=setup.threads, gpu_layers=setup.gpu_layers)
    start = time.perf_counter()
    packed = api.compress(_SAMPLE, options=options)
    if api.decompress(packed, options=back) != _SAMPLE:
        raise EdgezipError("a sample text does not come back as it was")
    seconds = time.perf_counter() - start
    findings.add(
        "round trip", True, f"{len(_SAMPLE)} -> {len(packed)} bytes and back in {seconds:.2f} s"
    )


def _coders() -> str:
    """Raises EngineError if one does not give its known answer."""
    from edgezip.pipeline import selftest

    return f"{selftest.check_all()} known payloads, coded and decoded as they must be"


def _check_kernels(findings: _Findings) -> None:
    """Whether the kernels are compiled, where they are kept, and whether those there are sound."""
    from edgezip import warming
    from edgezip.coding import jit

    store = jit.store()
    sound, damaged = store.examine()
    missing = warming.cold()
    where = [str(folder) for folder in store.folders]
    if store.shipped is not None:
        where.append(f"{store.shipped} (the package's)")
    parts = [", ".join(where) or "no folder can be used", f"{sound} kernels"]
    if damaged:
        parts.append(f"{damaged} damaged ones removed")
    kept = store.works()
    if missing and kept:
        parts.append(
            f"those for {', '.join(missing)} may have to be compiled first: run edgezip warm"
        )
    elif missing:
        parts.append(
            "nothing can be kept, so every start compiles for many seconds: set NUMBA_CACHE_DIR to"
            " a folder of your own, or run edgezip warm --package as the user who installed edgezip"
        )
    if jit.SHIPPED.is_dir() and store.shipped is None:
        parts.append("the package's kernels are for other sources or may be written by others")
    findings.add(
        "kernel cache", True, "; ".join([*parts, *store.problems]), warning=bool(missing or damaged)
    )
