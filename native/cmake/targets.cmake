# What is done to ggml's targets once they exist. Called through cmake_language(DEFER) by strict.cmake, in
# ggml's directory; the targets themselves live in ggml/src.
function(edgezip_strict_targets)
    set(src ${EDGEZIP_NATIVE_DIR}/src)
    target_sources(ggml-base PRIVATE ${src}/libm.c)
    target_sources(ggml-cpu PRIVATE ${src}/libm.c ${src}/fpenv.c ${src}/graph.c)
    foreach(target ggml-base ggml-cpu)
        set_source_files_properties(${src}/libm.c TARGET_DIRECTORY ${target}
            PROPERTIES COMPILE_OPTIONS "-fno-builtin" COMPILE_DEFINITIONS EDGEZIP_OWN_SOURCE)
    endforeach()
    set_source_files_properties(${src}/fpenv.c ${src}/graph.c TARGET_DIRECTORY ggml-cpu
        PROPERTIES COMPILE_DEFINITIONS EDGEZIP_OWN_SOURCE)
    set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/src/ggml-cpu/ggml-cpu.c TARGET_DIRECTORY ggml-cpu
        PROPERTIES COMPILE_DEFINITIONS EDGEZIP_REDIRECT)
endfunction()
