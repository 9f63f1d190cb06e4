#!/bin/sh
# The whole proof: builds the strict libraries for x86-64-v1, -v3, -v4 and aarch64 (cross compiler, qemu-user) and
# compares one hash of the logits over models, threads, batch shapes, orders, vector levels and contexts.
#
#   prove.sh LLAMA_SOURCE BUILD_FOLDER MODEL.gguf...      (python -m tests.native.random_llama writes one per type)
#
# libllama is compiled once for x86-64 (it does no arithmetic that logits see but the graph's constants) and once for
# aarch64; ggml-base and ggml-cpu are compiled for each. Takes about 15 minutes of one core. Prints one line
# per run and exits with 1 when a hash differs.
set -eu
if [ $# -lt 3 ]; then
    echo "usage: prove.sh LLAMA_SOURCE BUILD_FOLDER MODEL.gguf..." >&2
    exit 2
fi
native=$(cd "$(dirname "$0")/.." && pwd)
llama=$1
build=$2
shift 2
common="-DEDGEZIP_LLAMA_SOURCE=$llama -DEDGEZIP_TOOLS=ON"
command -v ninja >/dev/null && common="$common -G Ninja"
command -v ccache >/dev/null && common="$common -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"

configure() { # name, options
    name=$1
    shift
    # shellcheck disable=SC2086
    cmake -S "$native" -B "$build/$name" $common "$@" >"$build/$name.log" 2>&1
}

mkdir -p "$build"
variants=""
if [ "$(uname -m)" = x86_64 ]; then
    variants="v1"
    configure v1
    cmake --build "$build/v1" --target logits_hash kernel_check >>"$build/v1.log" 2>&1
    for v in v3 v4; do
        grep -q avx2 /proc/cpuinfo || continue
        [ $v = v4 ] && ! grep -q avx512vl /proc/cpuinfo && continue
        configure $v -DEDGEZIP_MARCH=x86-64-$v
        cmake --build "$build/$v" --target ggml-cpu kernel_check >>"$build/$v.log" 2>&1
        cp "$build/v1/bin/libllama.so" "$build/v1/bin/logits_hash" "$build/$v/bin/"
        variants="$variants $v"
    done
else
    variants="native"
    configure native
    cmake --build "$build/native" --target logits_hash kernel_check >>"$build/native.log" 2>&1
fi
if command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64 >/dev/null; then
    configure aarch64 -DCMAKE_TOOLCHAIN_FILE="$native/cmake/aarch64.cmake"
    cmake --build "$build/aarch64" --target logits_hash kernel_check >>"$build/aarch64.log" 2>&1
    variants="$variants aarch64"
fi

wrong=0
expect=""
check() { # what, hash
    echo "$2  $1"
    [ -n "$expect" ] || expect=$2
    [ "$expect" = "$2" ] || wrong=1
}
under() { [ "$1" = aarch64 ] && echo "qemu-aarch64 -L /usr/aarch64-linux-gnu" || true; }

for v in $variants; do
    lines=$($(under "$v") "$build/$v/bin/kernel_check")
    levels=$(echo "$lines" | cut -d' ' -f2- | paste -sd, -)
    check "kernels: $v ($levels)" "$(echo "$lines" | cut -d' ' -f1 | sort -u)"
done
for model; do
    for size in "--length 24" "--length 530 --sequences 1" "--length 90 --sequences 2 --window 40 --evict 13"; do
        expect=""
        for v in $variants; do
            for shape in "--threads 1 --rows 64" "--threads 2 --rows 65 --shuffle 3" "--threads 3 --rows 7 --shuffle 4" \
                "--rows 1 --streams 1" "--threads 8 --rows 8 --ubatch 16" "--level 0 --rows 64" "--level 1 --rows 64" \
                "--level 2 --rows 64" "--level 3 --rows 64" "--level 4 --rows 64" "--mapped 1 --rows 2"; do
                case "$v $shape" in aarch64*"--level "[34]*) continue ;; esac # has two levels
                case "$v $size $shape" in
                    aarch64*530*) # emulated: fewer of the long ones
                        case "$shape" in *"--rows 64"*) ;; *) continue ;; esac ;;
                esac
                # shellcheck disable=SC2086
                hash=$($(under "$v") "$build/$v/bin/logits_hash" "$model" --flash 1 $size $shape)
                check "$(basename "$model") $size $shape: $v" "$hash"
            done
        done
    done
done
[ $wrong = 0 ] && echo "all equal" || echo "NOT equal"
exit $wrong
