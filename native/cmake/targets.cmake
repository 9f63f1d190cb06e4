# What is done to ggml's targets once they exist. Called through cmake_language(DEFER) by strict.cmake, in
# ggml's directory; the targets themselves live in ggml/src.
include(CheckCSourceCompiles)

function(edgezip_strict_targets)
    set(src ${EDGEZIP_NATIVE_DIR}/src)
    set(upstream ${CMAKE_CURRENT_SOURCE_DIR}/src)

    # The seams: matrix products and the repacking buffer type are ours.
    get_target_property(sources ggml-cpu SOURCES)
    list(REMOVE_ITEM sources ggml-cpu/tiled/tiled.cpp ggml-cpu/tiled/tiled-kernel.cpp ggml-cpu/repack.cpp)
    set_property(TARGET ggml-cpu PROPERTY SOURCES ${sources})
    target_compile_definitions(ggml-cpu PRIVATE GGML_USE_CPU_REPACK)
    set_source_files_properties(${upstream}/ggml-cpu/ggml-cpu.c TARGET_DIRECTORY ggml-cpu
        PROPERTIES COMPILE_DEFINITIONS EDGEZIP_REDIRECT)

    # GCC 12 makes vfmaddsub of the rotation loop in ops.cpp in spite of -ffp-contract=off (GCC PR 107647).
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        set_source_files_properties(${upstream}/ggml-cpu/ops.cpp TARGET_DIRECTORY ggml-cpu
            PROPERTIES COMPILE_OPTIONS "-fno-tree-slp-vectorize")
    endif()

    set(own fpenv.c graph.c dispatch.c tiles.c ops_matmul.c ops_rows.c ops_rope.c ops_attention.c buffer.cpp
        level_portable.c)
    if(EDGEZIP_TARGET_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
        list(APPEND own level_x86_sse2.c level_x86_avx2.c level_x86_avx512.c level_x86_avx512_vnni.c)
        set(avx2 -mavx2 -mf16c -mno-fma)
        set(avx512 -mavx2 -mf16c -mno-fma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
        set(flags_level_x86_avx2.c ${avx2})
        set(flags_level_x86_avx512.c ${avx512})
        set(flags_level_x86_avx512_vnni.c ${avx512} -mavx512vnni)
        set(CMAKE_REQUIRED_FLAGS "-mavx2 -mavxvnni") # compilers since 2021; -DEDGEZIP_AVX_VNNI=OFF leaves it out
        check_c_source_compiles("#include <immintrin.h>
            int main(void) {
                const __m256i x = _mm256_set1_epi8(1);
                return _mm256_extract_epi32(_mm256_dpbusd_avx_epi32(x, x, x), 0);
            }" EDGEZIP_AVX_VNNI)
        if(EDGEZIP_AVX_VNNI)
            list(APPEND own level_x86_avx_vnni.c)
            set(flags_level_x86_avx_vnni.c ${avx2} -mavxvnni)
            target_compile_definitions(ggml-cpu PRIVATE EDGEZIP_AVX_VNNI)
        endif()
    elseif(EDGEZIP_TARGET_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
        list(APPEND own level_arm_neon.c level_arm_dotprod.c)
        set(flags_level_arm_dotprod.c -march=armv8.2-a+dotprod)
    else()
        message(FATAL_ERROR "The strict engine has no kernels for ${EDGEZIP_TARGET_PROCESSOR}; "
            "x86-64 and aarch64 are supported.")
    endif()
    foreach(file ${own})
        # The vectorizer stays off: what is to be vectorised is written so, and the rest must not be reordered
        # into instructions that GCC fuses.
        set(options -fno-math-errno -fno-tree-vectorize -fno-tree-slp-vectorize ${flags_${file}} ${EDGEZIP_WARNINGS})
        target_sources(ggml-cpu PRIVATE ${src}/${file})
        set_source_files_properties(${src}/${file} TARGET_DIRECTORY ggml-cpu
            PROPERTIES COMPILE_OPTIONS "${options}" COMPILE_DEFINITIONS EDGEZIP_OWN_SOURCE)
    endforeach()
    target_include_directories(ggml-cpu PRIVATE ${src} ${upstream}/ggml-cpu)

    foreach(target ggml-base ggml-cpu)
        target_sources(${target} PRIVATE ${src}/libm.c)
        set_source_files_properties(${src}/libm.c TARGET_DIRECTORY ${target}
            PROPERTIES COMPILE_OPTIONS "-fno-builtin" COMPILE_DEFINITIONS EDGEZIP_OWN_SOURCE)
    endforeach()
    target_sources(ggml-base PRIVATE ${src}/pages.c)
    set_source_files_properties(${src}/pages.c TARGET_DIRECTORY ggml-base PROPERTIES COMPILE_DEFINITIONS EDGEZIP_OWN_SOURCE)
endfunction()
