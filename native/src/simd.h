/* One vocabulary of vector operations for every instruction set. EZ_LEVEL selects it:
 *   x86-64: 0 portable C (W = 1), 1 SSE2 (4), 2 AVX2 + F16C (8), 3 with AVX-VNNI (8), 4 AVX-512 F/BW/DQ/VL (16),
 *           5 with VNNI (16)
 *   aarch64: 0 portable C, 1 NEON (4), 2 NEON with dotprod (4)
 * W is the number of 32-bit lanes of vf (float) and vi (int32_t). Kernels are written in terms of W, and in
 * groups of 16 lanes held in 16/W vectors wherever lanes are summed, so that every level does the same
 * operations in the same order for each output. There is no fused multiply-add here.
 *
 * vf_scale_exponent: p * 2^n, given n + 1.5 * 2^23; p and the result are normal numbers.
 *
 * vi_mul_short multiplies a signed number of 16 bits by one from 0 to 32767, each in a lane of 32 bits: less work on x86
 * than vi_mul.
 *
 * Integer dot products: vb holds 4 bytes of each of W rows as they lie in memory, vw the same as weights to multiply,
 * unsigned (on NEON signed: below 128, or moved there by vw_load); va accumulates them times 4 signed bytes that all rows
 * share, group i (from 0) of those at the given address, of which whole 16s must be readable. A sum starts at
 * the number given. va_sum gives one exact int32 per row. Where EZ_PAIRS is defined, vx holds such 4 bytes for
 * several products. On x86, where va_dot multiplies and adds in two steps, an empty asm statement holds the sum: GCC would
 * add the products of a whole block in an order of its own, and keep them in memory meanwhile. vb_shl and vb_shr may let
 * in bits of neighbouring bytes.
 *
 * Attention's weights are from 0 to 127, and bytes of values signed: vu_dot adds to sums for W rows the products of 4 such
 * bytes of each, as they lie in memory, with the 4 weights at the given address; vu_sum gives them.
 *
 * Narrow weights have less than 8 bits. vn holds them, ez_n is how activations are stored beside them, vc holds a scale
 * per row. Two kinds of sum: vp of at most 32 products of 4-bit weights; vd of 32 of 5 bits or 16 of 6 bits, which is told
 * what belongs to the second half of them. The integer at which a sum starts is given twice, at the start and at the end.
 * Where a level does nothing else for them (no EZ_NARROW), all of them are vw and va.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_SIMD_H
#define EZ_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__clang__) /* does not know GCC's pragma, and without one keeps sums in memory */
#define EZ_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EZ_UNROLL _Pragma("GCC unroll 64")
#endif
#define EZ_INLINE static inline __attribute__((always_inline, unused))
#define EZ_CAT2(a, b) a##b
#define EZ_CAT(a, b) EZ_CAT2(a, b)
/* Name of a kernel at this level, e.g. ez_rms_norm_2. */
#define EZ_NAME(name) EZ_CAT(EZ_CAT(name, _), EZ_LEVEL)

#if EZ_LEVEL == 0
#include "simd_portable.h"
#elif defined(__x86_64__) && EZ_LEVEL == 1
#include "simd_sse2.h"
#elif defined(__x86_64__) && EZ_LEVEL <= 3
#include "simd_avx2.h"
#elif defined(__x86_64__)
#include "simd_avx512.h"
#elif defined(__aarch64__)
#include "simd_neon.h"
#endif

#ifndef EZ_NARROW
typedef ez_x ez_n;
typedef vw vn;
typedef va vp, vd;
typedef vi vc;
#define ez_n_store ez_x_store
#define vc_of(a) (a)
#define vn_of vw_of
EZ_INLINE va ez_dot(va a, vw w, const ez_x * x, int i, int second) {
    (void) second;
    return va_dot(a, w, x, i);
}
EZ_INLINE vi ez_sum(va a, int32_t sum) {
    (void) sum;
    return va_sum(a);
}
EZ_INLINE vi ez_scaled(va a, vc scale, int32_t sum) {
    (void) sum;
    return vi_mul(va_sum(a), scale);
}
#define vp_start va_start
#define vd_start va_start
#define vp_dot ez_dot
#define vd_dot ez_dot
#define vp_sum ez_sum
#define vd_sum ez_sum
#define vp_scaled ez_scaled
#define vd_scaled ez_scaled
#endif

#define EZ_GROUP (16 / W) /* vectors in a group of 16 lanes */

/* Sum of 16 lanes: l with l + 8, then + 4, + 2, + 1. */
EZ_INLINE float vf_sum16(vf * a) {
    for (int n = EZ_GROUP / 2; n >= 1; n /= 2) {
        for (int i = 0; i < n; i++) {
            a[i] = vf_add(a[i], a[i + n]);
        }
    }
    return vf_sum_lanes(a[0]);
}

/* exp(x) for finite x, in 13 multiplications and additions: x = n ln2 + r with n the nearest integer, ln2 in
 * two parts, a degree-6 polynomial in Horner form, and a multiplication by 2^n. Arguments are clamped to
 * [-87, 88]. Largest error about 1 unit in the last place. */
EZ_INLINE vf vf_exp(vf x) {
    x = vf_min(vf_max(x, vf_set1(-87.0f)), vf_set1(88.0f));
    const vf magic = vf_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    const vf n = vf_sub(vf_add(vf_mul(x, vf_set1(1.44269504f)), magic), magic);
    vf r = vf_sub(x, vf_mul(n, vf_set1(0.693359375f)));
    r = vf_sub(r, vf_mul(n, vf_set1(-2.12194440e-4f)));
    vf p = vf_set1(1.0f / 720.0f);
    p = vf_add(vf_mul(p, r), vf_set1(1.0f / 120.0f));
    p = vf_add(vf_mul(p, r), vf_set1(1.0f / 24.0f));
    p = vf_add(vf_mul(p, r), vf_set1(1.0f / 6.0f));
    p = vf_add(vf_mul(p, r), vf_set1(0.5f));
    p = vf_add(vf_mul(p, r), vf_set1(1.0f));
    p = vf_add(vf_mul(p, r), vf_set1(1.0f));
    return vf_mul(p, vf_pow2i(n));
}

#endif
