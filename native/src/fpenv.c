/* Floating-point state: rounding to nearest-even, denormals kept (no flush-to-zero, no denormals-are-zero).
 * A library built with -ffast-math changes it for the thread that loads it, and new threads inherit it.
 * Exception flags are left alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "edgezip.h"

#include "fpenv.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

/* MXCSR: rounding control (bits 13-14), flush to zero (15), denormals are zero (6). */
#define FP_MASK (0x6000u | 0x8000u | 0x0040u)

uint64_t ez_fpenv_get(void) { return _mm_getcsr(); }
void ez_fpenv_put(uint64_t state) { _mm_setcsr((unsigned) state); }

#elif defined(__aarch64__)

/* FPCR: rounding mode (bits 22-23), flush to zero (24), FZ16 (19), default NaN (25), alternative half
 * precision (26), FIZ (0), AH (1). */
#define FP_MASK ((UINT64_C(3) << 22) | (UINT64_C(1) << 24) | (UINT64_C(1) << 19) | (UINT64_C(3) << 25) | 3u)

uint64_t ez_fpenv_get(void) {
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    return state;
}
void ez_fpenv_put(uint64_t state) { __asm__ volatile("msr fpcr, %0" ::"r"(state)); }

#else
#error "The strict engine knows the floating-point state of x86-64 and aarch64 only."
#endif

void edgezip_fpenv_set(void) {
    const uint64_t state = ez_fpenv_get();
    if (state & FP_MASK) {
        ez_fpenv_put(state & ~(uint64_t) FP_MASK);
    }
}

int edgezip_fpenv_check(void) { return (ez_fpenv_get() & FP_MASK) == 0; }

int edgezip_engine_version(void) { return 4; }
