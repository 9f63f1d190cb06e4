"""Nothing that is written depends on a mathematical library, which differs between machines."""

from __future__ import annotations

import ast
from pathlib import Path

import edgezip.coding

PACKAGE = Path(edgezip.coding.__file__).parent
# IEEE 754 does not say what these return to the last bit, as it does for sqrt.
INEXACT = {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "power", "sin", "cos"}
INEXACT |= {"tan", "sinh", "cosh", "tanh", "cbrt", "hypot", "arctan", "logaddexp"}
# Measures what a model is worth; codes nothing.
MEASURING = {("probability.py", "log"), ("probability.py", "exp")}


def test_no_inexact_function_is_called() -> None:
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in {"np", "numpy", "math"}
                and node.attr in INEXACT
            ):
                found.add((path.relative_to(PACKAGE).as_posix(), node.attr))
    assert found == MEASURING
