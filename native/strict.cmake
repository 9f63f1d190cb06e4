# Injected into llama.cpp's build after project(ggml), by CMAKE_PROJECT_ggml_INCLUDE. Runs in ggml's own
# directory scope, before any of its targets exist.
#
# 1. The processor is made unknown, which selects upstream's generic C kernels.
# 2. Every ggml source is compiled with fixed-arithmetic flags and a forced prefix header that hides the
#    instruction set from upstream's #if branches.
# 3. After ggml's targets exist (DEFER), our sources are added to them, the seam tiled.cpp is replaced by
#    ours, and ggml-cpu.c's calls to a few operators are renamed to our versions.
include(${CMAKE_CURRENT_LIST_DIR}/cmake/strict_flags.cmake)
set(EDGEZIP_NATIVE_DIR ${CMAKE_CURRENT_LIST_DIR} CACHE INTERNAL "")

set(CMAKE_SYSTEM_PROCESSOR "edgezip-strict")
foreach(name GGML_NATIVE GGML_LLAMAFILE GGML_CPU_REPACK GGML_OPENMP GGML_CPU_KLEIDIAI GGML_CPU_ALL_VARIANTS
             GGML_BACKEND_DL GGML_ACCELERATE GGML_BLAS GGML_METAL GGML_CUDA GGML_VULKAN GGML_LTO
             GGML_CPU_HBM GGML_CCACHE GGML_BUILD_TESTS GGML_BUILD_EXAMPLES)
    set(${name} OFF CACHE BOOL "" FORCE)
    set(${name} OFF)
endforeach()

add_compile_options(
    "$<$<COMPILE_LANGUAGE:C,CXX>:${EDGEZIP_STRICT_FLAGS}>"
    "$<$<COMPILE_LANGUAGE:C,CXX>:SHELL:-include \"${EDGEZIP_NATIVE_DIR}/src/prefix.h\">")

include(${EDGEZIP_NATIVE_DIR}/cmake/targets.cmake)
cmake_language(DEFER CALL edgezip_strict_targets)
