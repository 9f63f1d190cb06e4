# Runs inside of the bare root; see bare_root.sh.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_DISABLE_PIP_VERSION_CHECK=1
for tool in cc gcc c++ cmake make ninja git; do
    if command -v "$tool"; then echo "this root has $tool"; exit 1; fi
done
now() { date +%s.%N; }
# step LIMIT WHAT COMMAND...: runs it, prints the seconds, fails if they are more than LIMIT.
step() {
    limit=$1 what=$2
    shift 2
    start=$(now)
    "$@"
    python3 -c "
import sys
seconds = $(now) - $start
print('%-44s %6.2f s' % ('$what', seconds), flush=True)
sys.exit(seconds > $limit * float('${EDGEZIP_SLOWER:-1}'))"
}
python3 --version
step 30 "virtual environment" python3 -m venv /opt/edgezip
step 60 "pip install --no-index" /opt/edgezip/bin/pip install -q --no-index --find-links /wheels edgezip
cd /tmp/bare
# As a service user: no home of its own, no right to write where edgezip is.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -i "PATH=/opt/edgezip/bin:$PATH" "$@"; }
mkdir -p home && chown 65534 home .
step 3 "first pack of 4,000 bytes, empty HOME" as_nobody HOME=/tmp/bare/home edgezip pack -q text
step 3 "first unpack, empty HOME" as_nobody HOME=/tmp/bare/home edgezip unpack -q -o back text.ez
cmp text back
rm -f text.ez back
step 3 "pack, HOME=/nonexistent" as_nobody HOME=/nonexistent edgezip pack -q text
step 3 "second call, HOME=/nonexistent" as_nobody HOME=/nonexistent edgezip unpack -q -o back text.ez
cmp text back
ls -l text text.ez
test -z "$(find /tmp/edgezip-* /tmp/bare/home -name '*.kernel' 2>/dev/null)" || { echo "kernels were compiled"; exit 1; }
as_nobody HOME=/nonexistent edgezip doctor
du -sh /opt/edgezip
echo "a bare root: installed, packed, unpacked, nothing compiled"
