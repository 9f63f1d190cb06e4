#!/bin/sh
# Builds wheels that install edgezip without network, compiler and CMake, into dist/.
#
#   sh scripts/release.sh [--python PYTHON]... [--levels x86-64-v3,x86-64-v2] [--no-dependencies]
#                         [--kernels FOLDER]... [--wheels-for VERSION]... [--aarch64 [FOLDER]]
#   sh scripts/bare_root.sh            tries them in a bare Debian
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/setup.sh"
PYTHONSAFEPATH=1 exec "$root/.venv/bin/python" "$root/scripts/release.py" "$@"
