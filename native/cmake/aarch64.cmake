# Toolchain file for a cross build with Debian's gcc-aarch64-linux-gnu, to be run under qemu-user:
#   cmake -S native -B build-arm -DCMAKE_TOOLCHAIN_FILE=$PWD/native/cmake/aarch64.cmake -DEDGEZIP_TOOLS=ON ...
#   qemu-aarch64 -L /usr/aarch64-linux-gnu build-arm/bin/kernel_check
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
