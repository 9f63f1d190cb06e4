#!/bin/sh
# Installs the wheels in dist/ in a bare Debian without network, compiler and CMake, and packs.
#
#   sh scripts/bare_root.sh [SUITE|FOLDER [DIST]]
#
# SUITE (bookworm) is fetched with debootstrap (apt-get install debootstrap) into build/roots; FOLDER is
# a root that is there already and has python3 with venv. Needs root, for chroot and for a network
# namespace without network. Prints what each step took; fails if one takes longer than it may.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
suite=${1:-bookworm}
dist=${2:-$here/dist}
if [ -d "$suite" ]; then
    bare=$suite
else
    bare=$here/build/roots/$suite
    if [ ! -x "$bare/usr/bin/python3" ]; then
        mkdir -p "$bare"
        debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$bare" ${EDGEZIP_MIRROR:+"$EDGEZIP_MIRROR"}
    fi
fi
rm -rf "$bare/opt/edgezip" "$bare/wheels" "$bare/tmp/edgezip-"* "$bare/tmp/bare"
cp -r "$dist" "$bare/wheels"
mkdir -p "$bare/tmp/bare" && chmod 1777 "$bare/tmp" && chmod 777 "$bare/tmp/bare"
head -c 4000 "$here/tests/data/roughing_it.txt" >"$bare/tmp/bare/text"
cp "$here/scripts/bare_root_inside.sh" "$bare/tmp/inside.sh"
exec unshare --net --mount sh -c '
    mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && exec chroot "$1" env -i "EDGEZIP_SLOWER=${EDGEZIP_SLOWER:-1}" sh /tmp/inside.sh' sh "$bare"
