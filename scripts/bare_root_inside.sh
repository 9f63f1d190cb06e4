# Runs inside of the bare root; see bare_root.sh.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_DISABLE_PIP_VERSION_CHECK=1
for tool in cc gcc c++ cmake make ninja git; do
    if command -v "$tool"; then echo "this root has $tool"; exit 1; fi
done
# step LIMIT WHAT COMMAND...: runs it, prints the seconds, and those of CPU time, and fails if it took
# longer than LIMIT, times EDGEZIP_SLOWER where other work slows this machine down.
cat >/tmp/step.py <<'END'
import os, resource, subprocess, sys, time
limit, what, *command = sys.argv[1:]
start = time.monotonic()
code = subprocess.run(command).returncode
seconds = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{what:<44} {seconds:6.2f} s, CPU {used.ru_utime + used.ru_stime:6.2f} s", flush=True)
sys.exit(code or seconds > float(limit) * float(os.environ.get("EDGEZIP_SLOWER", "1")))
END
step() { python3 /tmp/step.py "$@"; }
python3 --version
step 30 "virtual environment" python3 -m venv /opt/edgezip
step 60 "pip install --no-index" /opt/edgezip/bin/pip install -q --no-index --find-links /wheels edgezip
cd /tmp/bare
# As a service user: no home of its own, no right to write where edgezip is.
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH=/opt/edgezip/bin:$PATH"
mkdir -p home && chown 65534 home .
step 3 "first pack of 4,000 bytes, empty HOME" $nobody HOME=/tmp/bare/home edgezip pack -q text
step 3 "first unpack, empty HOME" $nobody HOME=/tmp/bare/home edgezip unpack -q -o back text.ez
cmp text back
rm -f text.ez back
step 3 "pack, HOME=/nonexistent" $nobody HOME=/nonexistent edgezip pack -q text
step 3 "second call, HOME=/nonexistent" $nobody HOME=/nonexistent edgezip unpack -q -o back text.ez
cmp text back
ls -l text text.ez
test -z "$(find /tmp/edgezip-* /tmp/bare/home -name '*.kernel' 2>/dev/null)" || { echo "kernels were compiled"; exit 1; }
$nobody HOME=/nonexistent edgezip doctor
du -sh /opt/edgezip
echo "a bare root: installed, packed, unpacked, nothing compiled"
