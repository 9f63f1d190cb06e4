#!/bin/sh
# Lint, format, types and tests, against edgezip as installed into .venv. Arguments go to pytest.
#
#   sh scripts/test.sh [PYTEST-ARGUMENT...]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/setup.sh" --dev
cd "$root"
PATH="$root/.venv/bin:$PATH"
# The tests must see the installed package, never the folder edgezip/ of the checkout.
PYTHONSAFEPATH=1
# Without the strict engine the tests fail instead of skipping.
EDGEZIP_REQUIRE_STRICT=1
export PATH PYTHONSAFEPATH EDGEZIP_REQUIRE_STRICT

failed=''
step() {
    name=$1
    shift
    echo "== $name"
    "$@" || failed="$failed $name"
}
step lint ruff check .
step format ruff format --check .
step types mypy
# Side by side, as every test has files, folders and caches of its own; `-n 0` among the arguments
# is for one after another.
step tests pytest -n auto --maxprocesses 4 --dist worksteal "$@"
if [ -n "$failed" ]; then
    echo "FAILED:$failed" >&2
    exit 1
fi
echo "lint, format, types and tests: all good"
