/* Chooses the kernels: the highest level that the CPU and the operating system support, or less when limited
 * for tests (edgezip_simd_limit, or the environment variable EDGEZIP_SIMD_LEVEL).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "edgezip.h"
#include "kernels.h"

extern const struct ez_kernels ez_kernels_level_0, ez_kernels_level_1, ez_kernels_level_2;

#if defined(__x86_64__)
#include <cpuid.h>

extern const struct ez_kernels ez_kernels_level_3, ez_kernels_level_4, ez_kernels_level_5;

/* Not every compiler's __builtin_cpu_supports knows F16C and AVX-VNNI: bit 29 of ECX in leaf 1, bit 4 of EAX in leaf 7,
 * subleaf 1. That the operating system keeps the registers is part of "avx2". */
static bool has_avx2(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#ifdef EDGEZIP_AVX_VNNI
static bool has_avx_vnni(void) {
    unsigned a, b, c, d;
    if (!has_avx2() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1) {
        return false;
    }
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#define AVX_VNNI &ez_kernels_level_3
#else /* the compiler is too old */
static bool has_avx_vnni(void) { return false; }
#define AVX_VNNI NULL
#endif

/* A CPU can have a level and lack one below it. */
static bool has_level(int level) {
    __builtin_cpu_init();
    switch (level) {
    case 0:
    case 1: return true;
    case 2: return has_avx2();
    case 3: return has_avx_vnni();
    case 4: return has_avx512();
    case 5: return has_avx512() && __builtin_cpu_supports("avx512vnni");
    default: return false;
    }
}

static const struct ez_kernels * const levels[] = {
    &ez_kernels_level_0, &ez_kernels_level_1, &ez_kernels_level_2, AVX_VNNI, &ez_kernels_level_4, &ez_kernels_level_5,
};

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
static bool has_level(int level) { return level < 2 || getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#else
static bool has_level(int level) { return level <= 2; } /* every 64-bit Apple and Windows machine since 2018; untested */
#endif

static const struct ez_kernels * const levels[] = {
    &ez_kernels_level_0, &ez_kernels_level_1, &ez_kernels_level_2,
};
#endif

#define LEVELS ((int) (sizeof(levels) / sizeof(levels[0])))

static atomic_int current = -1;

int edgezip_simd_limit(int level) {
    int chosen = level < 0 || level >= LEVELS ? LEVELS - 1 : level;
    while (!has_level(chosen)) {
        chosen--;
    }
    atomic_store(&current, chosen);
    return chosen;
}

int edgezip_simd_level(void) {
    const int level = atomic_load_explicit(&current, memory_order_relaxed);
    if (level >= 0) {
        return level;
    }
    const char * limit = getenv("EDGEZIP_SIMD_LEVEL");
    return edgezip_simd_limit(limit && *limit ? atoi(limit) : -1);
}

const struct ez_kernels * ez_kernels(void) { return levels[edgezip_simd_level()]; }

const char * edgezip_simd_name(void) { return ez_kernels()->name; }
