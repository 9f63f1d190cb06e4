# Compiler flags that fix the floating-point arithmetic. Included by native/CMakeLists.txt for libllama and
# by strict.cmake for ggml; sets EDGEZIP_STRICT_FLAGS.
#
# EDGEZIP_MARCH is the instruction set of everything but the kernels that are chosen at run time. The
# libraries that are shipped use the default (every CPU of the architecture runs them); other values exist
# to prove that the result does not depend on them.
set(EDGEZIP_MARCH "" CACHE STRING "-march of the strict libraries (empty: the architecture's baseline)")

if(NOT EDGEZIP_TARGET_PROCESSOR)
    # strict.cmake overwrites CMAKE_SYSTEM_PROCESSOR later; keep what the target really is.
    set(EDGEZIP_TARGET_PROCESSOR ${CMAKE_SYSTEM_PROCESSOR} CACHE INTERNAL "")
endif()

set(EDGEZIP_STRICT_FLAGS "")
if(MSVC)
    # Untested.
    list(APPEND EDGEZIP_STRICT_FLAGS /fp:precise)
else()
    # No fused multiply-add, no reassociation, and no libm call evaluated at compile time (a compiler
    # folds with its own rounding) or merged with another.
    list(APPEND EDGEZIP_STRICT_FLAGS -ffp-contract=off -fno-fast-math -fno-unsafe-math-optimizations)
    foreach(name exp expf exp2 exp2f expm1f log logf log2 log2f log10 log10f pow powf sin sinf cos cosf
                 sincos sincosf tan tanf tanhf erff)
        list(APPEND EDGEZIP_STRICT_FLAGS -fno-builtin-${name})
    endforeach()
    set(march "${EDGEZIP_MARCH}")
    if(NOT march AND EDGEZIP_TARGET_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND NOT APPLE)
        set(march x86-64)
    endif()
    if(march)
        # Comes after CMAKE_C_FLAGS, so that a -march=native in CFLAGS has no effect.
        list(APPEND EDGEZIP_STRICT_FLAGS -march=${march})
        if(march MATCHES "x86-64-v[34]|haswell|skylake|native")
            list(APPEND EDGEZIP_STRICT_FLAGS -mno-fma)
        endif()
        # GCC 12 emits vfmaddsub from its vectorizer in spite of -ffp-contract=off (GCC PR 107647), and
        # AVX-512 cannot be had without it.
        if(march MATCHES "x86-64-v4|skylake-avx512|native")
            list(APPEND EDGEZIP_STRICT_FLAGS -fno-tree-vectorize -fno-tree-slp-vectorize)
        endif()
    endif()
endif()
