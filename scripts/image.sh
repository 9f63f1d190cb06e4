#!/bin/sh
# Builds the image of the Dockerfile and uses it as a filter, without Docker and without a registry:
# with buildah, and a bare Debian with Python and pip in place of the base image.
#
#   sh scripts/release.sh && sh scripts/image.sh [FOLDER]
#
# Needs root, buildah and debootstrap (apt-get install buildah debootstrap). FOLDER is a root with
# python3-pip that is there already; else one is fetched into build/roots.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
bare=${1:-$here/build/roots/bookworm-pip}
if [ ! -x "$bare/usr/bin/pip" ]; then
    [ $# = 0 ] || { echo "$bare has no usr/bin/pip" >&2; exit 1; }
    # Under another name until it is complete; what a run that was stopped has left is taken away.
    rm -rf --one-file-system "$bare" "$bare.part"
    mkdir -p "$bare.part"
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv bookworm "$bare.part" \
        ${EDGEZIP_MIRROR:+"$EDGEZIP_MIRROR"}
    mv "$bare.part" "$bare"
fi
# Debian's pip refuses to install for all users, and that of the base image does not.
rm -f "$bare"/usr/lib/python3*/EXTERNALLY-MANAGED
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
buildah() {
    command buildah --root "$work/root" --runroot "$work/run" --storage-driver vfs "$@"
}
base=$(sed -n 's/^FROM //p' "$here/Dockerfile")
started=$(buildah from scratch)
buildah copy -q "$started" "$bare" / >"$work/log"
buildah commit -q "$started" "docker.io/library/$base" >>"$work/log"
buildah bud --isolation chroot --pull-never -t edgezip "$here"
image=$(buildah from --pull-never edgezip)
inside() {
    buildah run --isolation chroot "$image" -- "$@"
}
inside id
head -c 4000 "$here/tests/data/roughing_it.txt" >"$work/text"
inside edgezip -c <"$work/text" >"$work/text.ez"
inside edgezip -dc <"$work/text.ez" >"$work/back"
cmp "$work/text" "$work/back"
ls -l "$work/text" "$work/text.ez"
inside sh -c 'find / -xdev -newer /etc/passwd -name "*.kernel" 2>/dev/null | grep -v /coding/shipped/' \
    && { echo "kernels were compiled" >&2; exit 1; }
inside edgezip doctor
buildah inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.WorkingDir}}' "$image"
echo "the image: built, packed and unpacked as a filter, nothing compiled"
