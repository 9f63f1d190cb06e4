# Sets EDGEZIP_LLAMA_SOURCE to a folder with the unpatched source of llama.cpp.
#
# It is the source that the pinned llama-cpp-python vendors, so that library and bindings match.
# In this order: -DEDGEZIP_LLAMA_SOURCE, the environment variable of that name, an unpacked copy
# from an earlier run, the source archive from an earlier run, the package index through pip.
#
# Also a script: cmake [-DPython_EXECUTABLE=...] -P llama_source.cmake only fetches and unpacks.

set(EDGEZIP_LLAMA_VERSION 0.3.36)
set(EDGEZIP_LLAMA_SHA256 832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e)

function(_edgezip_download archive)
    set(python "${Python_EXECUTABLE}")
    if(NOT python)
        set(python "${Python3_EXECUTABLE}")
    endif()
    if(NOT python)
        find_program(python NAMES python3 python NO_CACHE REQUIRED)
    endif()
    get_filename_component(name "${archive}" NAME)
    set(part "${archive}.part")
    file(REMOVE_RECURSE "${part}")
    file(WRITE "${part}/requirements.txt"
        "llama-cpp-python==${EDGEZIP_LLAMA_VERSION} --hash=sha256:${EDGEZIP_LLAMA_SHA256}\n")
    message(STATUS "Downloading the source of llama.cpp (llama-cpp-python "
        "${EDGEZIP_LLAMA_VERSION}, 76 MB)")
    # pip asks the archive for its metadata; its build backend is ours too, hence no isolation.
    execute_process(
        COMMAND "${python}" -m pip download --disable-pip-version-check --no-deps
            --no-binary llama-cpp-python --no-build-isolation --require-hashes
            -r requirements.txt -d .
        WORKING_DIRECTORY "${part}"
        RESULT_VARIABLE result)
    if(NOT result EQUAL 0 OR NOT EXISTS "${part}/${name}")
        message(FATAL_ERROR "Cannot download llama-cpp-python ${EDGEZIP_LLAMA_VERSION} with "
            "${python} -m pip. Check the network, put ${name} into the folder of ${archive}, or "
            "set EDGEZIP_LLAMA_SOURCE to the folder vendor/llama.cpp of that release.")
    endif()
    file(RENAME "${part}/${name}" "${archive}")
    file(REMOVE_RECURSE "${part}")
endfunction()

function(_edgezip_unpack archive folder)
    file(SHA256 "${archive}" sha256)
    if(NOT sha256 STREQUAL EDGEZIP_LLAMA_SHA256)
        message(FATAL_ERROR "${archive} has SHA-256 ${sha256} instead of "
            "${EDGEZIP_LLAMA_SHA256}: remove it and try again.")
    endif()
    message(STATUS "Unpacking the source of llama.cpp")
    set(top "llama_cpp_python-${EDGEZIP_LLAMA_VERSION}/vendor/llama.cpp")
    set(wanted "")
    # Left out: models, documents, tools, tests and examples, which are most of the archive.
    foreach(entry CMakeLists.txt LICENSE AUTHORS cmake common ggml include licenses src vendor)
        list(APPEND wanted "${top}/${entry}")
    endforeach()
    file(REMOVE_RECURSE "${folder}.part")
    file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${folder}.part" PATTERNS ${wanted})
    # Renamed when complete: an interrupted run leaves nothing that looks whole.
    file(RENAME "${folder}.part/${top}" "${folder}")
    file(REMOVE_RECURSE "${folder}.part")
endfunction()

function(_edgezip_find_llama result)
    if(EDGEZIP_LLAMA_SOURCE)
        set(folder "${EDGEZIP_LLAMA_SOURCE}")
    elseif(NOT "$ENV{EDGEZIP_LLAMA_SOURCE}" STREQUAL "")
        set(folder "$ENV{EDGEZIP_LLAMA_SOURCE}")
    else()
        get_filename_component(cache "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../build" ABSOLUTE)
        string(APPEND cache "/llama-cpp")
        string(SUBSTRING "${EDGEZIP_LLAMA_SHA256}" 0 12 short)
        set(folder "${cache}/source-${short}")
        set(archive "${cache}/llama_cpp_python-${EDGEZIP_LLAMA_VERSION}.tar.gz")
        if(NOT EXISTS "${folder}")
            if(NOT EXISTS "${archive}")
                _edgezip_download("${archive}")
            endif()
            _edgezip_unpack("${archive}" "${folder}")
        endif()
    endif()
    file(TO_CMAKE_PATH "${folder}" folder)
    get_filename_component(folder "${folder}" ABSOLUTE)
    foreach(needed CMakeLists.txt include/llama.h ggml/CMakeLists.txt)
        if(NOT EXISTS "${folder}/${needed}")
            message(FATAL_ERROR "${folder} is not the source of llama.cpp: no ${needed} in it. "
                "Unset EDGEZIP_LLAMA_SOURCE to have it downloaded, or remove the folder.")
        endif()
    endforeach()
    set(${result} "${folder}" PARENT_SCOPE)
endfunction()

_edgezip_find_llama(EDGEZIP_LLAMA_SOURCE)
message(STATUS "Source of llama.cpp: ${EDGEZIP_LLAMA_SOURCE}")

if(NOT CMAKE_SCRIPT_MODE_FILE)
    # Its licence asks to go where the compiled library goes.
    install(FILES "${EDGEZIP_LLAMA_SOURCE}/LICENSE" DESTINATION edgezip/engine/lib
        RENAME LICENSE.llama.cpp)
endif()
