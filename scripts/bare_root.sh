#!/bin/sh
# Installs the wheels in dist/ in a bare Debian without network, compiler and CMake, and packs.
#
#   sh scripts/bare_root.sh [SUITE|FOLDER [DIST]]
#
# SUITE (bookworm) is fetched with debootstrap (apt-get install debootstrap) into build/roots; FOLDER is
# a root that is there already and has python3 with venv; its /opt/edgezip, /wheels and /tmp/bare are
# replaced. Needs root, for chroot and for a network namespace without network. Prints what each step
# took; fails if one takes longer than it may.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
suite=${1:-bookworm}
dist=${2:-$here/dist}
[ -f "$dist/SHA256SUMS" ] || { echo "no wheels in $dist: run scripts/release.sh before" >&2; exit 1; }
if [ -d "$suite" ]; then
    bare=$(CDPATH='' cd -- "$suite" && pwd -P)
    [ "$bare" != / ] || { echo "this is no root for trying" >&2; exit 1; }
else
    bare=$here/build/roots/$suite
    if [ ! -x "$bare/usr/bin/python3" ]; then
        # Under another name until it is complete; what a run that was stopped has left is taken away.
        rm -rf --one-file-system "$bare" "$bare.part"
        mkdir -p "$bare.part"
        debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$bare.part" \
            ${EDGEZIP_MIRROR:+"$EDGEZIP_MIRROR"}
        mv "$bare.part" "$bare"
    fi
fi
rm -rf "$bare/opt/edgezip" "$bare/wheels" "$bare/tmp/edgezip-"* "$bare/tmp/bare"
cp -r "$dist" "$bare/wheels"
mkdir -p "$bare/tmp/bare" && chmod 1777 "$bare/tmp" && chmod 777 "$bare/tmp/bare"
head -c 4000 "$here/tests/data/roughing_it.txt" >"$bare/tmp/bare/text"
cp "$here/scripts/bare_root_inside.sh" "$bare/tmp/inside.sh"
exec unshare --net --mount sh -c '
    mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && exec chroot "$1" env -i "EDGEZIP_SLOWER=${EDGEZIP_SLOWER:-1}" sh /tmp/inside.sh' sh "$bare"
