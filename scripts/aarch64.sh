#!/bin/sh
# Unpacks with the aarch64 wheel in dist/, under qemu-user, what was packed on this machine.
#
#   sh scripts/release.sh --aarch64 && sh scripts/aarch64.sh [ROOT]
#
# ROOT has Debian 12 for arm64 with Python; else its packages are fetched with debootstrap and laid out in
# build/roots/bookworm-arm64, where nothing of them is run. Needs debootstrap (and root for that) and
# qemu-user. pip of this machine installs, from dist/ alone, as it would on aarch64. A call takes a minute.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
root=${1:-$here/build/roots/bookworm-arm64}
python=$here/.venv/bin/python
[ -f "$here/dist/SHA256SUMS" ] || { echo "no wheels in dist: run scripts/release.sh --aarch64 before" >&2; exit 1; }
if [ ! -x "$root/usr/bin/python3" ]; then
    [ $# = 0 ] || { echo "$root has no usr/bin/python3" >&2; exit 1; }
    # Under another name until it is complete; what a run that was stopped has left is taken away.
    rm -rf --one-file-system "$root" "$root.part"
    mkdir -p "$root.part"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm "$root.part" \
        ${EDGEZIP_MIRROR:+"$EDGEZIP_MIRROR"}
    for package in "$root.part"/var/cache/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$root.part"
    done
    mv "$root.part" "$root"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

run() {
    qemu-aarch64 -L "$root" -E HOME="$work" -E TMPDIR="$work" -E PYTHONPATH="$work/site" \
        "$root/usr/bin/python3" -P "$@"
}
set -- --platform manylinux2014_aarch64
for minor in 17 24 26 27 28 31 34 35 36; do
    set -- "$@" --platform "manylinux_2_${minor}_aarch64"
done
"$python" -m pip install -q --disable-pip-version-check --no-index --find-links "$here/dist" \
    --only-binary :all: --python-version 3.11 "$@" --target "$work/site" edgezip
for coder in auto plain; do
    head -c 2000 "$here/tests/data/roughing_it.txt" >"$work/text"
    PYTHONSAFEPATH=1 "$python" -m edgezip pack -q -f --coder $coder "$work/text"
    start=$(date +%s)
    run -m edgezip unpack -q -f -o "$work/back" "$work/text.ez"
    cmp "$work/text" "$work/back"
    echo "--coder $coder: 2,000 bytes in $(wc -c <"$work/text.ez"), unpacked on aarch64 in $(($(date +%s) - start)) s"
done
compiled=$(find "$work" -name '*.kernel' ! -path '*/coding/shipped/*')
[ -z "$compiled" ] || { echo "kernels were compiled: $compiled" >&2; exit 1; }
echo "the aarch64 wheel: unpacked what x86-64 packed, nothing compiled"
