#!/bin/sh
# Runs edgezip itself on aarch64: Debian's Python for arm64 with NumPy, Numba and the strict libraries cross-compiled,
# all under qemu-user, without root rights or a container.
#
#   aarch64_python.sh LLAMA_CPP_PYTHON FOLDER ARGUMENT...        e.g. ... unpack -o out.txt in.ez
#
# LLAMA_CPP_PYTHON is the unpacked source of llama-cpp-python 0.3.36. The first call fills FOLDER (some minutes,
# 700 MB); later ones only run `edgezip ARGUMENT...`. Needs Debian 12 or newer with
#   dpkg --add-architecture arm64; apt-get update
#   apt-get install cmake g++-aarch64-linux-gnu qemu-user python3-pip
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
native=$(cd "$(dirname "$0")/.." && pwd)
source=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2
root=$folder/root
site=$folder/site

if [ ! -e "$root/done" ]; then
    version=$(apt-cache depends python3:arm64 | sed -n 's/.*Depends: \(python3\.[0-9]*\):.*/\1/p' | head -n 1)
    version=${version:-python3.11}
    mkdir -p "$root" "$folder/debs"
    packages="libc6 libstdc++6 libgcc-s1 zlib1g libexpat1 libbz2-1.0 liblzma5 libffi8 libssl3 libgomp1"
    (cd "$folder/debs" && for package in $version $version-minimal lib$version-minimal lib$version-stdlib $packages; do
        apt-get download -qq "$package:arm64"
    done)
    for package in "$folder"/debs/*.deb; do
        dpkg -x "$package" "$root"
    done
    touch "$root/done"
fi
python=$(ls "$root"/usr/bin/python3.*[0-9] | head -n 1)

if [ ! -e "$site/done" ]; then
    platforms=""
    for glibc in 2014 _2_17 _2_27 _2_28; do
        platforms="$platforms --platform manylinux${glibc}_aarch64"
    done
    # shellcheck disable=SC2086
    python3 -m pip install -q --target "$site" --only-binary :all: --python-version "${python##*python}" \
        --implementation cp $platforms -c "$native/../constraints.txt" \
        numpy numba sentencepiece typer rich platformdirs diskcache jinja2 typing-extensions
    cp -R "$source/llama_cpp" "$site/"
    touch "$site/done"
fi

if [ ! -e "$folder/lib/libllama.so" ]; then
    cmake -S "$native" -B "$folder/build" -DEDGEZIP_LLAMA_SOURCE="$source/vendor/llama.cpp" \
        -DCMAKE_TOOLCHAIN_FILE="$native/cmake/aarch64.cmake" >"$folder/build.log" 2>&1
    cmake --build "$folder/build" -j "$(nproc)" >>"$folder/build.log" 2>&1
    mkdir -p "$folder/package" "$folder/lib"
    cmake --install "$folder/build" --prefix "$folder/lib-tree" >>"$folder/build.log" 2>&1
    cp "$folder"/lib-tree/edgezip/engine/lib/*.so "$folder/lib/"
fi

rm -rf "$folder/package"
mkdir -p "$folder/package"
cp -R "$native/../edgezip" "$folder/package/"
rm -rf "$folder/package/edgezip/engine/lib"
cp -R "$folder/lib" "$folder/package/edgezip/engine/lib"
mkdir -p "$folder/package/models"
cp -R "$native/../models/gguf" "$folder/package/models/"
PYTHONPATH=$folder/package:$site NUMBA_CACHE_DIR=$folder/cache \
    exec qemu-aarch64 -L "$root" "$python" -P -m edgezip "$@"
