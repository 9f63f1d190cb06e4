/* EZ_LEVEL 4 and 5: AVX-512 (F, BW, DQ, VL), sixteen lanes; level 5 takes dot products from VNNI, level 4
 * from 16-bit multiply-add, those of values from maddubs, which multiplies bytes and adds pairs of products in 16 bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define W 16
#define EZ_BIAS 128
typedef __m512 vf;
typedef __m512i vi;
typedef __m512i vb;

EZ_INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
EZ_INLINE vf vf_load(const float * p) { return _mm512_loadu_ps(p); }
EZ_INLINE void vf_store(float * p, vf a) { _mm512_storeu_ps(p, a); }
EZ_INLINE vf vf_load_half(const uint16_t * p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}
EZ_INLINE vf vf_load_bf16(const uint16_t * p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) p)), 16));
}
EZ_INLINE void vf_store_half(uint16_t * p, vf a) {
    _mm256_storeu_si256((__m256i *) p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
EZ_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
EZ_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
EZ_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
EZ_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
EZ_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
EZ_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
EZ_INLINE vf vf_abs(vf a) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7FFFFFFF)));
}
EZ_INLINE vf vf_zero_below(vf p, vf x, vf limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GE_OQ), p);
}
EZ_INLINE float vf_sum_lanes(vf v) {
    const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
EZ_INLINE float vf_max_lanes(vf v) { return _mm512_reduce_max_ps(v); }
EZ_INLINE vf vf_swap_pairs(vf a) { return _mm512_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1)); }
/* vf_reduce in two steps, so that not all of its 16 arguments need a register at once. */
EZ_INLINE vf vf_reduce_pair(vf a, vf b) { /* 8 lanes each of a[i], a[i + 8] */
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}
EZ_INLINE vf vf_reduce_pairs(const vf * p) {
    vf q[4], r[2];
    for (int i = 0; i < 4; i++) { /* quarters: a[i], a[i + 4], a[i + 8], a[i + 12] */
        q[i] = _mm512_add_ps(_mm512_shuffle_f32x4(p[i], p[i + 4], 0x88), _mm512_shuffle_f32x4(p[i], p[i + 4], 0xDD));
    }
    for (int i = 0; i < 2; i++) {
        r[i] = _mm512_add_ps(_mm512_shuffle_ps(q[2 * i], q[2 * i + 1], _MM_SHUFFLE(1, 0, 1, 0)),
                             _mm512_shuffle_ps(q[2 * i], q[2 * i + 1], _MM_SHUFFLE(3, 2, 3, 2)));
    }
    const vf s = _mm512_add_ps(_mm512_shuffle_ps(r[0], r[1], _MM_SHUFFLE(2, 0, 2, 0)),
                               _mm512_shuffle_ps(r[0], r[1], _MM_SHUFFLE(3, 1, 3, 1)));
    /* 128-bit part j holds a[4k' + ...] in the order 0, 8, 4, 12 */
    return _mm512_shuffle_f32x4(s, s, _MM_SHUFFLE(3, 1, 2, 0));
}
EZ_INLINE vf vf_reduce(const vf * a) {
    vf p[8];
    for (int i = 0; i < 8; i++) {
        p[i] = vf_reduce_pair(a[i], a[i + 8]);
    }
    return vf_reduce_pairs(p);
}
EZ_INLINE vf vf_from_vi(vi a) { return _mm512_cvtepi32_ps(a); }
EZ_INLINE vi vf_round(vf a) { return _mm512_cvtps_epi32(a); }
EZ_INLINE vf vf_pow2i(vf n) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
EZ_INLINE vf vf_scale_exponent(vf p, vf n) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(n), 23)));
}

EZ_INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
EZ_INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
EZ_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
EZ_INLINE vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
EZ_INLINE vi vi_mul_short(vi a, vi b) { return _mm512_madd_epi16(a, b); }
EZ_INLINE vi vi_load_u8(const uint8_t * p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) p)); }
EZ_INLINE vi vi_and(vi a, int32_t mask) { return _mm512_and_si512(a, _mm512_set1_epi32(mask)); }
EZ_INLINE vi vi_shr(vi a, int n) { return _mm512_srli_epi32(a, (unsigned) n); }
EZ_INLINE vi vi_load_s8(const int8_t * p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) p)); }

EZ_INLINE void vi_store_s8(int8_t * p, vi a) { _mm_storeu_si128((__m128i *) p, _mm512_cvtepi32_epi8(a)); }
EZ_INLINE void vi_store_s16(int16_t * p, vi a) { _mm256_storeu_si256((__m256i *) p, _mm512_cvtepi32_epi16(a)); }
EZ_INLINE int32_t vi_sum_lanes(vi a) { return _mm512_reduce_add_epi32(a); }

EZ_INLINE vb vb_load(const uint8_t * p) { return _mm512_loadu_si512(p); }
EZ_INLINE vb vb_and(vb a, int mask) { return _mm512_and_si512(a, _mm512_set1_epi8((char) mask)); }
EZ_INLINE vb vb_or(vb a, vb b) { return _mm512_or_si512(a, b); }
EZ_INLINE vb vb_shl(vb a, int n) { return _mm512_sll_epi16(a, _mm_cvtsi32_si128(n)); }
EZ_INLINE vb vb_shr(vb a, int n) { return _mm512_srl_epi16(a, _mm_cvtsi32_si128(n)); }
EZ_INLINE vb vb_high(vb a) { return vb_and(_mm512_srli_epi16(a, 4), 15); }
EZ_INLINE vb vb_look_up(const uint8_t * table, vb a) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *) table)), a);
}

typedef vi vu;
EZ_INLINE vu vu_zero(void) { return _mm512_setzero_si512(); }
EZ_INLINE vu vu_dot(vu a, vb values, const int8_t * weights) {
    int32_t four;
    memcpy(&four, weights, 4);
#if EZ_LEVEL == 5
    return _mm512_dpbusd_epi32(a, _mm512_set1_epi32(four), values);
#else
    const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi32(four), values); /* at most 2 * 127 * 127: no saturation */
    a = _mm512_add_epi32(a, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    __asm__("" : "+v"(a));
    return a;
#endif
}
EZ_INLINE vi vu_sum(vu a) { return a; }

#if EZ_LEVEL == 5

typedef int8_t ez_x;
typedef __m512i vw;
typedef __m512i va;

EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s8(p, a); }
EZ_INLINE vw vw_load(const uint8_t * p) { return _mm512_loadu_si512(p); }
EZ_INLINE vw vw_of(vb a) { return a; }
EZ_INLINE va va_start(int32_t sum) { return _mm512_set1_epi32(sum); }
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    int32_t four;
    memcpy(&four, x + 4 * i, 4);
    return _mm512_dpbusd_epi32(a, w, _mm512_set1_epi32(four));
}
EZ_INLINE vi va_sum(va a) { return a; }

/* Four numbers for all rows, kept in a register for several products: left to itself the compiler would load them
 * anew for each, and there are as many loads as products then. */
#define EZ_PAIRS
typedef __m512i vx;
EZ_INLINE vx vx_load(const ez_x * x, int i) {
    int32_t four;
    memcpy(&four, x + 4 * i, 4);
    vx xs = _mm512_set1_epi32(four);
    __asm__("" : "+v"(xs));
    return xs;
}
EZ_INLINE va va_dot_x(va a, vw w, vx x) { return _mm512_dpbusd_epi32(a, w, x); }

#else

typedef int16_t ez_x;
typedef struct { __m512i a, b; } vw; /* rows 0-7, rows 8-15, as 16-bit numbers */
typedef struct { __m512i a, b; } va; /* two partial sums per row */

EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s16(p, a); }
EZ_INLINE vw vw_of(vb x) {
    const vw w = {_mm512_cvtepu8_epi16(_mm512_castsi512_si256(x)),
                  _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(x, 1))};
    return w;
}
EZ_INLINE vw vw_load(const uint8_t * p) { return vw_of(vb_load(p)); }
/* The start is in the first of a row's two parts. */
EZ_INLINE va va_start(int32_t sum) {
    const __m512i x = _mm512_set1_epi64((int64_t) (uint32_t) sum);
    const va a = {x, x};
    return a;
}
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    int64_t four;
    memcpy(&four, x + 4 * i, 8);
    const __m512i xs = _mm512_set1_epi64(four);
    a.a = _mm512_add_epi32(a.a, _mm512_madd_epi16(w.a, xs));
    a.b = _mm512_add_epi32(a.b, _mm512_madd_epi16(w.b, xs));
    __asm__("" : "+v"(a.a), "+v"(a.b));
    return a;
}
EZ_INLINE vi va_sum(va a) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return _mm512_add_epi32(_mm512_permutex2var_epi32(a.a, even, a.b), _mm512_permutex2var_epi32(a.a, odd, a.b));
}

#endif
