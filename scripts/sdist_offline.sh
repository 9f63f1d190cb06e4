#!/bin/sh
# Shows that the source archive builds without network: makes it, builds a wheel of it in a network
# namespace without network, and packs and unpacks a text with what is in that wheel.
#
#   sh scripts/sdist_offline.sh [FOLDER]
#
# FOLDER is llama.cpp's source, by default the one that scripts/setup.sh has unpacked. Compiles llama.cpp:
# 5 to 10 minutes on 2 cores. Needs unshare (util-linux), and root or user namespaces.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || { echo "run scripts/setup.sh before" >&2; exit 1; }
if [ $# -gt 0 ]; then
    source=$(CDPATH='' cd -- "$1" && pwd)
else
    # The newest, where an earlier version's is there as well.
    source=$(ls -dt "$root"/build/llama-cpp/source-* | head -n 1)
fi
[ -d "$source" ] || { echo "no source of llama.cpp: run scripts/setup.sh before" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
alone="unshare --net"
[ "$(id -u)" = 0 ] || alone="unshare --map-root-user --net"
export PYTHONSAFEPATH=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH="$root/.venv/bin:$PATH"

(cd "$root" && "$python" -c "
from scikit_build_core.build import build_sdist
build_sdist('$work')")
ls -l "$work"/edgezip-*.tar.gz
if $alone "$python" -c 'import socket; socket.create_connection(("1.1.1.1", 443), 5)' 2>"$work/error"; then
    echo "there is a network" >&2
    exit 1
fi
tail -n 1 "$work/error"
cd "$work"
EDGEZIP_LLAMA_SOURCE=$source $alone "$python" -m pip wheel -q --no-index --no-deps --no-build-isolation \
    -w "$work" "$work"/edgezip-*.tar.gz
ls -l "$work"/edgezip-*.whl
"$python" -m zipfile -e "$work"/edgezip-*.whl "$work/tree"
cp "$root/tests/data/roughing_it.txt" text
export PYTHONPATH="$work/tree"
"$python" -c "import edgezip; assert edgezip.__file__.startswith('$work'), edgezip.__file__"
$alone "$python" -m edgezip pack text
$alone "$python" -m edgezip unpack -o back text.ez
cmp text back
ls -l text text.ez
echo "the source archive: built without network, packed, unpacked"
