#!/bin/sh
# Packs a file, unpacks it, compares, and shows the figures. Installs edgezip into .venv first.
#
#   sh scripts/demo.sh [FILE]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/scripts/setup.sh"
PYTHONSAFEPATH=1 exec "$root/.venv/bin/python" "$root/scripts/demo.py" "$@"
