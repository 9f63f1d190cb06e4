/* Chooses the kernels: the highest level that the CPU and the operating system support, or less when limited
 * for tests (edgezip_simd_limit, or the environment variable EDGEZIP_SIMD_LEVEL).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>

#include "edgezip.h"
#include "kernels.h"

extern const struct ez_kernels ez_kernels_level_0, ez_kernels_level_1, ez_kernels_level_2;

#if defined(__x86_64__)
extern const struct ez_kernels ez_kernels_level_3, ez_kernels_level_4;

static int best_level(void) {
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))) {
        return 1;
    }
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))) {
        return 2;
    }
    return __builtin_cpu_supports("avx512vnni") ? 4 : 3;
}

static const struct ez_kernels * const levels[] = {
    &ez_kernels_level_0, &ez_kernels_level_1, &ez_kernels_level_2, &ez_kernels_level_3, &ez_kernels_level_4,
};

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
static int best_level(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? 2 : 1; }
#else
static int best_level(void) { return 2; } /* every 64-bit Apple and Windows machine since 2018; untested */
#endif

static const struct ez_kernels * const levels[] = {
    &ez_kernels_level_0, &ez_kernels_level_1, &ez_kernels_level_2,
};
#endif

static atomic_int current = -1;

int edgezip_simd_limit(int level) {
    const int best = best_level();
    const int chosen = level < 0 || level > best ? best : level;
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
