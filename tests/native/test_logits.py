"""One hash of the logits, whatever the threads, batches, streams, order and vector level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.native.random_llama import TYPES, UNEVEN

ROOT = Path(__file__).resolve().parents[2]
STORIES = ROOT / "tests" / "data" / "stories260K.gguf"

Driver = Callable[[str], Path]
Run = Callable[..., str]
MakeModel = Callable[..., Path]

SHAPES = [
    ["--threads", "1"],
    ["--threads", "2", "--rows", "65"],
    ["--threads", "3", "--rows", "8", "--shuffle", "3"],
    ["--threads", "8", "--rows", "64"],
    ["--rows", "1", "--streams", "1"],
    ["--rows", "2", "--shuffle", "9"],
    ["--rows", "7", "--threads", "2", "--shuffle", "4"],
    ["--rows", "64", "--streams", "1", "--ubatch", "32"],
    ["--rows", "65", "--streams", "3", "--ubatch", "16", "--shuffle", "5"],
    ["--mapped", "1"],
    ["--mapped", "1", "--rows", "7", "--threads", "2"],
]

KNOWN_LOGITS = {
    "Q8_0": "b631ada9ae0f274b",
    "Q4_0": "7d317e732a624a7d",
    "Q4_1": "dd2244cdd2833c7c",
    "Q5_0": "91b077d9d889b086",
    "Q5_1": "dee5ca7291f18502",
    "Q2_K": "1e50cb0aa7fbcdc4",
    "Q3_K": "e14c8a5c5c2eab6b",
    "Q4_K": "eeca61ff2096f17e",
    "Q5_K": "4951b5c945edcf1f",
    "Q6_K": "0956e55fcd1b9558",
    "IQ4_NL": "09339f8b92fe0e6a",
    "IQ4_XS": "16af35448ffeba88",
    "F32": "d2c969fc46910727",
    "F16": "6a07186273e8f18a",
    "BF16": "32199a89f005ce4e",
}
"""Of engine version 4. What differs needs a new one, unless NumPy's random numbers changed."""


def hashes(run: Run, program: Path, model: Path, shapes: list[list[str]], *common: str) -> set[str]:
    """The set of hashes over all shapes."""
    return {run(program, model, *common, *shape) for shape in shapes}


@pytest.mark.parametrize("kind", TYPES)
def test_one_hash_for_all_batch_shapes(
    kind: str, driver: Driver, run: Run, random_model: MakeModel
) -> None:
    common = ["--flash", "1", "--length", "24"]
    found = hashes(run, driver("logits_hash"), random_model(kind), SHAPES, *common)
    assert found == {KNOWN_LOGITS[kind]}


@pytest.mark.parametrize("kind", TYPES)
def test_one_hash_for_all_vector_levels(
    kind: str, driver: Driver, run: Run, random_model: MakeModel
) -> None:
    shapes = [["--level", str(level)] for level in range(6)]
    common = ["--flash", "1", "--length", "24"]
    found = hashes(run, driver("logits_hash"), random_model(kind), shapes, *common)
    assert found == {KNOWN_LOGITS[kind]}


def test_contexts_across_256_and_512_cells(driver: Driver, run: Run) -> None:
    """stories260K has heads of 8 numbers, which our attention kernel leaves to upstream's."""
    shapes = [["--rows", "64"], ["--rows", "7", "--threads", "2"], ["--rows", "300"]]
    common = ["--flash", "1", "--length", "530", "--sequences", "1", "--streams", "1"]
    assert len(hashes(run, driver("logits_hash"), STORIES, shapes, *common)) == 1


def test_long_contexts_of_a_quantized_model(
    driver: Driver, run: Run, random_model: MakeModel
) -> None:
    shapes = [
        ["--rows", "65"],
        ["--rows", "2", "--threads", "2"],
        ["--rows", "256", "--streams", "1", "--level", "1"],
    ]
    common = ["--flash", "1", "--length", "530", "--sequences", "2", "--streams", "2"]
    assert len(hashes(run, driver("logits_hash"), random_model("Q8_0"), shapes, *common)) == 1


@pytest.mark.parametrize("head", [64, UNEVEN, None])
def test_tokens_that_make_room(
    head: int | None, driver: Driver, run: Run, random_model: MakeModel
) -> None:
    """Cells are gone round more than once; also with the heads that are left to upstream's."""
    program, model = driver("logits_hash"), random_model("Q8_0", head) if head else STORIES
    shapes = [*SHAPES, *(["--rows", "33", "--level", str(level)] for level in range(6))]
    common = ["--flash", "1", "--length", "90", "--sequences", "2"]
    (found,) = hashes(run, program, model, shapes, *common, "--window", "40", "--evict", "13")
    assert found != run(program, model, *common)


def test_other_attention_paths_do_not_depend_on_the_batch(
    driver: Driver, run: Run, random_model: MakeModel
) -> None:
    """Without flash attention, and with a float cache, other bits but the same promise."""
    for options in (["--flash", "0"], ["--flash", "0", "--cache", "f32"]):
        common = [*options, "--length", "20"]
        model = random_model("Q8_0")
        assert len(hashes(run, driver("logits_hash"), model, SHAPES[:8], *common)) == 1


def test_the_hash_sees_a_change(driver: Driver, run: Run, random_model: MakeModel) -> None:
    """Two models differ: the driver does not hash nothing."""
    program = driver("logits_hash")
    assert run(program, random_model("Q8_0")) != run(program, random_model("F16"))
