/* EZ_LEVEL 1: SSE2, four lanes. Dot products through 16-bit multiply-add, which is exact for all bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <emmintrin.h>

#include "half.h"

#define W 4
#define EZ_BIAS 128
typedef __m128 vf;
typedef __m128i vi;
typedef int16_t ez_x;
typedef __m128i vb;
typedef struct { __m128i a, b; } vw; /* rows 0-1, rows 2-3, as 16-bit numbers */
typedef struct { __m128i a, b; } va; /* two partial sums per row */

EZ_INLINE vf vf_set1(float x) { return _mm_set1_ps(x); }
EZ_INLINE vf vf_load(const float * p) { return _mm_loadu_ps(p); }
EZ_INLINE void vf_store(float * p, vf a) { _mm_storeu_ps(p, a); }
EZ_INLINE vf vf_load_half(const uint16_t * p) {
    const __m128i h = _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *) p), _mm_setzero_si128());
    const __m128i sign = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x8000)), 16);
    const __m128i bits = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x7FFF)), 13);
    const __m128i special = _mm_and_si128(_mm_cmpgt_epi32(bits, _mm_set1_epi32(0x0F7FFFFF)),
                                          _mm_set1_epi32(0x7F800000));
    const __m128 x = _mm_mul_ps(_mm_castsi128_ps(bits), _mm_set1_ps(0x1p112f));
    return _mm_castsi128_ps(_mm_or_si128(_mm_or_si128(_mm_castps_si128(x), special), sign));
}
EZ_INLINE vf vf_load_bf16(const uint16_t * p) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *) p)));
}
EZ_INLINE void vf_store_half(uint16_t * p, vf a) {
    float x[4];
    _mm_storeu_ps(x, a);
    for (int i = 0; i < 4; i++) {
        p[i] = ez_float_to_half(x[i]);
    }
}
EZ_INLINE vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
EZ_INLINE vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
EZ_INLINE vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
EZ_INLINE vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
EZ_INLINE vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
EZ_INLINE vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
EZ_INLINE vf vf_abs(vf a) { return _mm_and_ps(a, _mm_castsi128_ps(_mm_set1_epi32(0x7FFFFFFF))); }
EZ_INLINE vf vf_zero_below(vf p, vf x, vf limit) { return _mm_and_ps(p, _mm_cmpge_ps(x, limit)); }
EZ_INLINE float vf_sum_lanes(vf a) {
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
EZ_INLINE float vf_max_lanes(vf a) {
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}
EZ_INLINE vf vf_swap_pairs(vf a) { return _mm_shuffle_ps(a, a, _MM_SHUFFLE(2, 3, 0, 1)); }
EZ_INLINE vf vf_reduce(const vf * a) {
    const __m128 ab = _mm_add_ps(_mm_movelh_ps(a[0], a[1]), _mm_movehl_ps(a[1], a[0]));
    const __m128 cd = _mm_add_ps(_mm_movelh_ps(a[2], a[3]), _mm_movehl_ps(a[3], a[2]));
    return _mm_add_ps(_mm_shuffle_ps(ab, cd, _MM_SHUFFLE(2, 0, 2, 0)), _mm_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 1, 3, 1)));
}
EZ_INLINE vf vf_from_vi(vi a) { return _mm_cvtepi32_ps(a); }
EZ_INLINE vi vf_round(vf a) { return _mm_cvtps_epi32(a); }
EZ_INLINE vf vf_pow2i(vf n) {
    return _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(_mm_cvtps_epi32(n), _mm_set1_epi32(127)), 23));
}
EZ_INLINE vf vf_scale_exponent(vf p, vf n) {
    return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(p), _mm_slli_epi32(_mm_castps_si128(n), 23)));
}

EZ_INLINE vi vi_zero(void) { return _mm_setzero_si128(); }
EZ_INLINE vi vi_set1(int32_t x) { return _mm_set1_epi32(x); }
EZ_INLINE vi vi_add(vi a, vi b) { return _mm_add_epi32(a, b); }
EZ_INLINE vi vi_mul(vi a, vi b) { /* low 32 bits */
    const __m128i even = _mm_mul_epu32(a, b);
    const __m128i odd = _mm_mul_epu32(_mm_srli_si128(a, 4), _mm_srli_si128(b, 4));
    return _mm_unpacklo_epi32(_mm_shuffle_epi32(even, _MM_SHUFFLE(0, 0, 2, 0)),
                              _mm_shuffle_epi32(odd, _MM_SHUFFLE(0, 0, 2, 0)));
}
EZ_INLINE vi vi_mul_short(vi a, vi b) { return _mm_madd_epi16(a, b); }
EZ_INLINE vi vi_load_u8(const uint8_t * p) {
    int32_t four;
    memcpy(&four, p, 4);
    const __m128i zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(four), zero), zero);
}
EZ_INLINE vi vi_and(vi a, int32_t mask) { return _mm_and_si128(a, _mm_set1_epi32(mask)); }
EZ_INLINE vi vi_shr(vi a, int n) { return _mm_srli_epi32(a, n); }
EZ_INLINE vi vi_load_s8(const int8_t * p) {
    int32_t four;
    memcpy(&four, p, 4);
    __m128i x = _mm_cvtsi32_si128(four);
    x = _mm_unpacklo_epi8(x, x);
    return _mm_srai_epi32(_mm_unpacklo_epi16(x, x), 24);
}

EZ_INLINE void vi_store_s8(int8_t * p, vi a) {
    const __m128i x = _mm_packs_epi32(a, a);
    const int32_t four = _mm_cvtsi128_si32(_mm_packs_epi16(x, x));
    memcpy(p, &four, 4);
}
EZ_INLINE void vi_store_s16(int16_t * p, vi a) { _mm_storel_epi64((__m128i *) p, _mm_packs_epi32(a, a)); }
EZ_INLINE int32_t vi_sum_lanes(vi a) {
    a = _mm_add_epi32(a, _mm_srli_si128(a, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(a, _mm_srli_si128(a, 4)));
}
EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s16(p, a); }

EZ_INLINE vb vb_load(const uint8_t * p) { return _mm_loadu_si128((const __m128i *) p); }
EZ_INLINE vb vb_and(vb a, int mask) { return _mm_and_si128(a, _mm_set1_epi8((char) mask)); }
EZ_INLINE vb vb_or(vb a, vb b) { return _mm_or_si128(a, b); }
EZ_INLINE vb vb_shl(vb a, int n) { return _mm_sll_epi16(a, _mm_cvtsi32_si128(n)); }
EZ_INLINE vb vb_shr(vb a, int n) { return _mm_srl_epi16(a, _mm_cvtsi32_si128(n)); }
EZ_INLINE vb vb_high(vb a) { return vb_and(_mm_srli_epi16(a, 4), 15); }
EZ_INLINE vb vb_look_up(const uint8_t * table, vb a) { /* SSE2 has no instruction for it */
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *) bytes, a);
    for (int i = 0; i < 16; i++) {
        bytes[i] = table[bytes[i]];
    }
    return vb_load(bytes);
}

EZ_INLINE vw vw_of(vb a) {
    const __m128i zero = _mm_setzero_si128();
    const vw w = {_mm_unpacklo_epi8(a, zero), _mm_unpackhi_epi8(a, zero)};
    return w;
}
EZ_INLINE vw vw_load(const uint8_t * p) { return vw_of(vb_load(p)); }

/* The start is in the first of a row's two parts. */
EZ_INLINE va va_start(int32_t sum) {
    const __m128i x = _mm_set1_epi64x((int64_t) (uint32_t) sum);
    const va a = {x, x};
    return a;
}
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    __m128i xs = _mm_loadl_epi64((const __m128i *) (x + 4 * i));
    xs = _mm_unpacklo_epi64(xs, xs);
    a.a = _mm_add_epi32(a.a, _mm_madd_epi16(w.a, xs));
    a.b = _mm_add_epi32(a.b, _mm_madd_epi16(w.b, xs));
    __asm__("" : "+x"(a.a), "+x"(a.b));
    return a;
}
EZ_INLINE vi va_sum(va a) {
    const __m128 x = _mm_castsi128_ps(a.a), y = _mm_castsi128_ps(a.b);
    return _mm_add_epi32(_mm_castps_si128(_mm_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0))),
                         _mm_castps_si128(_mm_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1))));
}

typedef va vu;
EZ_INLINE vu vu_zero(void) { return va_start(0); }
EZ_INLINE vu vu_dot(vu a, vb values, const int8_t * weights) {
    int32_t four;
    memcpy(&four, weights, 4);
    const __m128i x = _mm_unpacklo_epi8(_mm_set1_epi32(four), _mm_setzero_si128());
    const __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(values, values), 8);
    const __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(values, values), 8);
    a.a = _mm_add_epi32(a.a, _mm_madd_epi16(low, x));
    a.b = _mm_add_epi32(a.b, _mm_madd_epi16(high, x));
    __asm__("" : "+x"(a.a), "+x"(a.b));
    return a;
}
EZ_INLINE vi vu_sum(vu a) { return va_sum(a); }
