#!/bin/sh
# Installs edgezip with its strict engine into .venv; does only what is not up to date.
#
#   sh scripts/setup.sh          what edgezip needs to run
#   sh scripts/setup.sh --dev    also tests, lint, types and bench
#
# EDGEZIP_PYTHON names the Python to use (3.11 or newer), EDGEZIP_LLAMA_SOURCE a folder with the
# source of llama.cpp to compile instead of the pinned one.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "${EDGEZIP_PYTHON:-}" ] && ! recent "$EDGEZIP_PYTHON"; then
    echo "EDGEZIP_PYTHON=$EDGEZIP_PYTHON is no Python 3.11 or newer" >&2
    exit 1
fi
for python in ${EDGEZIP_PYTHON:+"$EDGEZIP_PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if recent "$python"; then
        exec "$python" -I "$root/scripts/bootstrap.py" "$@"
    fi
done
echo "edgezip needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2
exit 1
