/* AVX-512 and AVX-VNNI on a CPU that has AVX2 only, for kernel_check: put in front of the compiler's own immintrin.h. SIMDe
 * (Debian: libsimde-dev) has most of AVX-512 in plain C; what its version 0.7.4 lacks, or has wrong, follows. The names
 * that it does not define would be the compiler's own, which need the real instructions.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_EMULATED_IMMINTRIN_H
#define EZ_EMULATED_IMMINTRIN_H

#include_next <immintrin.h>
#include <stdint.h>
#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

typedef simde__m512 ez_f;          /* 16 floats */
typedef simde__m512_private ez_fa; /* as an array */
typedef simde__m512i ez_i;
typedef simde__m512i_private ez_ia;

static inline ez_f ez_emulated_half(__m256i h) {
    ez_fa r;
    r.m256[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(h));
    r.m256[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1));
    return simde__m512_from_private(r);
}
static inline __m256i ez_emulated_to_half(ez_f a) {
    const ez_fa p = simde__m512_to_private(a);
    const __m128i low = _mm256_cvtps_ph(p.m256[0], 0), high = _mm256_cvtps_ph(p.m256[1], 0);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
static inline __m256 ez_emulated_extract(ez_f a, int i) { return simde__m512_to_private(a).m256[i]; }
static inline float ez_emulated_max(ez_f a) {
    const ez_fa p = simde__m512_to_private(a);
    float most = p.f32[0];
    for (int i = 1; i < 16; i++) most = p.f32[i] > most ? p.f32[i] : most;
    return most;
}
static inline int ez_emulated_sum(ez_i a) {
    const ez_ia p = simde__m512i_to_private(a);
    uint32_t sum = 0;
    for (int i = 0; i < 16; i++) sum += (uint32_t) p.i32[i];
    return (int) sum;
}
static inline ez_f ez_emulated_permute(ez_f a, int control) {
    const ez_fa p = simde__m512_to_private(a);
    ez_fa r;
    for (int i = 0; i < 16; i++) r.f32[i] = p.f32[i / 4 * 4 + (control >> 2 * (i % 4) & 3)];
    return simde__m512_from_private(r);
}
static inline ez_f ez_emulated_shuffle(ez_f a, ez_f b, int control) {
    const ez_fa p = simde__m512_to_private(a), q = simde__m512_to_private(b);
    ez_fa r;
    for (int i = 0; i < 16; i++) r.f32[i] = (i < 8 ? p : q).f32[4 * (control >> 2 * (i / 4) & 3) + i % 4];
    return simde__m512_from_private(r);
}
static inline ez_f ez_emulated_to_float(ez_i a) {
    const ez_ia p = simde__m512i_to_private(a);
    ez_fa r;
    for (int i = 0; i < 16; i++) r.f32[i] = (float) p.i32[i];
    return simde__m512_from_private(r);
}
static inline ez_i ez_emulated_round(ez_f a) {
    const ez_fa p = simde__m512_to_private(a);
    ez_ia r;
    for (int i = 0; i < 2; i++) r.m256i[i] = _mm256_cvtps_epi32(p.m256[i]);
    return simde__m512i_from_private(r);
}
/* Conversions between integers: `from` has n numbers of type t, the result is r's member m. */
#define EZ_WIDEN(name, from, t, n, m)                \
    static inline ez_i name(from a) {                \
        t x[n];                                      \
        ez_ia r;                                     \
        memcpy(x, &a, sizeof x);                     \
        for (int i = 0; i < n; i++) r.m[i] = x[i];   \
        return simde__m512i_from_private(r);         \
    }
EZ_WIDEN(ez_emulated_s8_32, __m128i, int8_t, 16, i32)
EZ_WIDEN(ez_emulated_s8_16, __m256i, int8_t, 32, i16)
EZ_WIDEN(ez_emulated_u8_32, __m128i, uint8_t, 16, i32)
EZ_WIDEN(ez_emulated_u8_16, __m256i, uint8_t, 32, i16)
EZ_WIDEN(ez_emulated_u16_32, __m256i, uint16_t, 16, i32)
#define EZ_NARROW_TO(name, to, t)                                    \
    static inline to name(ez_i a) {                                  \
        const ez_ia p = simde__m512i_to_private(a);                  \
        t x[16];                                                     \
        to r;                                                        \
        for (int i = 0; i < 16; i++) x[i] = (t) p.i32[i];            \
        memcpy(&r, x, sizeof r);                                     \
        return r;                                                    \
    }
EZ_NARROW_TO(ez_emulated_32_16, __m256i, int16_t)
EZ_NARROW_TO(ez_emulated_32_8, __m128i, int8_t)
static inline __m256i ez_emulated_dot(__m256i a, __m256i w, __m256i x) {
    int32_t sums[8];
    uint8_t u[32];
    int8_t s[32];
    memcpy(sums, &a, 32), memcpy(u, &w, 32), memcpy(s, &x, 32);
    for (int i = 0; i < 32; i++) sums[i / 4] += u[i] * s[i];
    memcpy(&a, sums, 32);
    return a;
}

#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_extractf32x8_ps
#undef _mm512_reduce_max_ps
#undef _mm512_reduce_add_epi32
#undef _mm512_permute_ps
#undef _mm512_shuffle_f32x4
#undef _mm512_madd_epi16
#define _mm512_cvtph_ps(a) ez_emulated_half(a)
#define _mm512_cvtps_ph(a, rounding) ez_emulated_to_half(a)
#define _mm512_extractf32x8_ps(a, i) ez_emulated_extract(a, i)
#define _mm512_reduce_max_ps(a) ez_emulated_max(a)
#define _mm512_reduce_add_epi32(a) ez_emulated_sum(a)
#define _mm512_permute_ps(a, control) ez_emulated_permute(a, control)
#define _mm512_shuffle_f32x4(a, b, control) ez_emulated_shuffle(a, b, control)
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
#define _mm512_cvtepi32_ps(a) ez_emulated_to_float(a)
#define _mm512_cvtps_epi32(a) ez_emulated_round(a)
#define _mm512_cvtepi8_epi32(a) ez_emulated_s8_32(a)
#define _mm512_cvtepi8_epi16(a) ez_emulated_s8_16(a)
#define _mm512_cvtepu8_epi32(a) ez_emulated_u8_32(a)
#define _mm512_cvtepu8_epi16(a) ez_emulated_u8_16(a)
#define _mm512_cvtepu16_epi32(a) ez_emulated_u16_32(a)
#define _mm512_cvtepi32_epi16(a) ez_emulated_32_16(a)
#define _mm512_cvtepi32_epi8(a) ez_emulated_32_8(a)
#define _mm256_dpbusd_avx_epi32(a, w, x) ez_emulated_dot(a, w, x)
#define _mm256_dpwssd_avx_epi32(a, x, y) _mm256_add_epi32(a, _mm256_madd_epi16(x, y))

#define __asm__(...) /* the kernels' statements want registers that are not there, and generate nothing */
#endif
