/* EZ_LEVEL 2 and 3: AVX2 and F16C, eight lanes. Level 3 takes dot products from AVX-VNNI, level 2 from 16-bit
 * multiply-add, those of narrow weights and of values from maddubs, which multiplies bytes and adds pairs of products in 16 bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#define W 8
#define EZ_BIAS 128
typedef __m256 vf;
typedef __m256i vi;
typedef __m256i vb;

EZ_INLINE vf vf_set1(float x) { return _mm256_set1_ps(x); }
EZ_INLINE vf vf_load(const float * p) { return _mm256_loadu_ps(p); }
EZ_INLINE void vf_store(float * p, vf a) { _mm256_storeu_ps(p, a); }
EZ_INLINE vf vf_load_half(const uint16_t * p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p)); }
EZ_INLINE vf vf_load_bf16(const uint16_t * p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) p)), 16));
}
EZ_INLINE void vf_store_half(uint16_t * p, vf a) {
    _mm_storeu_si128((__m128i *) p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
EZ_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
EZ_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
EZ_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
EZ_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
EZ_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
EZ_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
EZ_INLINE vf vf_abs(vf a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF))); }
EZ_INLINE vf vf_zero_below(vf p, vf x, vf limit) {
    return _mm256_and_ps(p, _mm256_cmp_ps(x, limit, _CMP_GE_OQ));
}
EZ_INLINE float vf_sum_lanes(vf v) {
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
EZ_INLINE float vf_max_lanes(vf v) {
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}
EZ_INLINE vf vf_swap_pairs(vf a) { return _mm256_permute_ps(a, _MM_SHUFFLE(2, 3, 0, 1)); }
EZ_INLINE vf ez_add_halves(vf a, vf b) { /* a's sums in the low half, b's in the high half */
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
EZ_INLINE vf vf_reduce(const vf * a) {
    const __m256 p0 = ez_add_halves(a[0], a[4]), p1 = ez_add_halves(a[1], a[5]);
    const __m256 p2 = ez_add_halves(a[2], a[6]), p3 = ez_add_halves(a[3], a[7]);
    const __m256 q0 = _mm256_add_ps(_mm256_shuffle_ps(p0, p1, _MM_SHUFFLE(1, 0, 1, 0)),
                                    _mm256_shuffle_ps(p0, p1, _MM_SHUFFLE(3, 2, 3, 2)));
    const __m256 q1 = _mm256_add_ps(_mm256_shuffle_ps(p2, p3, _MM_SHUFFLE(1, 0, 1, 0)),
                                    _mm256_shuffle_ps(p2, p3, _MM_SHUFFLE(3, 2, 3, 2)));
    return _mm256_add_ps(_mm256_shuffle_ps(q0, q1, _MM_SHUFFLE(2, 0, 2, 0)),
                         _mm256_shuffle_ps(q0, q1, _MM_SHUFFLE(3, 1, 3, 1)));
}
EZ_INLINE vf vf_from_vi(vi a) { return _mm256_cvtepi32_ps(a); }
EZ_INLINE vi vf_round(vf a) { return _mm256_cvtps_epi32(a); }
EZ_INLINE vf vf_pow2i(vf n) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
EZ_INLINE vf vf_scale_exponent(vf p, vf n) {
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(n), 23)));
}

EZ_INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
EZ_INLINE vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
EZ_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
EZ_INLINE vi vi_mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
EZ_INLINE vi vi_mul_short(vi a, vi b) { return _mm256_madd_epi16(a, b); }
EZ_INLINE vi vi_load_u8(const uint8_t * p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) p)); }
EZ_INLINE vi vi_and(vi a, int32_t mask) { return _mm256_and_si256(a, _mm256_set1_epi32(mask)); }
EZ_INLINE vi vi_shr(vi a, int n) { return _mm256_srli_epi32(a, n); }
EZ_INLINE vi vi_load_s8(const int8_t * p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) p)); }

EZ_INLINE void vi_store_s8(int8_t * p, vi a) {
    const __m128i x = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    _mm_storel_epi64((__m128i *) p, _mm_packs_epi16(x, x));
}
EZ_INLINE int32_t vi_sum_lanes(vi v) {
    __m128i a = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    a = _mm_add_epi32(a, _mm_srli_si128(a, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(a, _mm_srli_si128(a, 4)));
}
EZ_INLINE vb vb_load(const uint8_t * p) { return _mm256_loadu_si256((const __m256i *) p); }
EZ_INLINE vb vb_and(vb a, int mask) { return _mm256_and_si256(a, _mm256_set1_epi8((char) mask)); }
EZ_INLINE vb vb_or(vb a, vb b) { return _mm256_or_si256(a, b); }
EZ_INLINE vb vb_shl(vb a, int n) { return _mm256_slli_epi16(a, n); }
EZ_INLINE vb vb_shr(vb a, int n) { return _mm256_srli_epi16(a, n); }
EZ_INLINE vb vb_high(vb a) { return vb_and(vb_shr(a, 4), 15); }
EZ_INLINE vb vb_look_up(const uint8_t * table, vb a) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) table)), a);
}

typedef vi vu;
EZ_INLINE vu vu_zero(void) { return _mm256_setzero_si256(); }
EZ_INLINE vu vu_dot(vu a, vb values, const int8_t * weights) {
    int32_t four;
    memcpy(&four, weights, 4);
#if EZ_LEVEL == 3
    return _mm256_dpbusd_avx_epi32(a, _mm256_set1_epi32(four), values);
#else
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(four), values); /* at most 2 * 127 * 127: no saturation */
    a = _mm256_add_epi32(a, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    __asm__("" : "+x"(a));
    return a;
#endif
}
EZ_INLINE vi vu_sum(vu a) { return a; }

typedef __m256i va; /* a sum for each of 8 rows */
EZ_INLINE va va_start(int32_t sum) { return _mm256_set1_epi32(sum); }
EZ_INLINE vi va_sum(va a) { return a; }
#define EZ_PAIRS

#if EZ_LEVEL == 3

typedef int8_t ez_x;
typedef __m256i vw; /* 8 rows, 4 bytes each */
typedef __m256i vx; /* four numbers for all rows */

EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s8(p, a); }
EZ_INLINE vw vw_load(const uint8_t * p) { return _mm256_loadu_si256((const __m256i *) p); }
EZ_INLINE vw vw_of(vb a) { return a; }
EZ_INLINE vx vx_load(const ez_x * x, int i) {
    int32_t four;
    memcpy(&four, x + 4 * i, 4);
    vx xs = _mm256_set1_epi32(four); /* in a register, see simd_avx512.h */
    __asm__("" : "+x"(xs));
    return xs;
}
EZ_INLINE va va_dot_x(va a, vw w, vx x) { return _mm256_dpbusd_avx_epi32(a, w, x); }
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    int32_t four;
    memcpy(&four, x + 4 * i, 4);
    return va_dot_x(a, w, _mm256_set1_epi32(four));
}

#else

typedef int16_t ez_x;
typedef struct { __m256i even, odd; } vw; /* of 8 rows: numbers 0 and 2, and 1 and 3, in 16 bits each */
typedef vw vx;                            /* four numbers, in the same order, for all rows */

/* Four by four, in the order 0, 2, 1, 3. */
EZ_INLINE void ez_x_store(ez_x * p, vi a) {
    __m128i x = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    x = _mm_shufflehi_epi16(_mm_shufflelo_epi16(x, _MM_SHUFFLE(3, 1, 2, 0)), _MM_SHUFFLE(3, 1, 2, 0));
    _mm_storeu_si128((__m128i *) p, x);
}

EZ_INLINE vw vw_of(vb x) {
    const vw w = {_mm256_and_si256(x, _mm256_set1_epi16(255)), _mm256_srli_epi16(x, 8)};
    return w;
}
EZ_INLINE vw vw_load(const uint8_t * p) { return vw_of(vb_load(p)); }
EZ_INLINE vx vx_load(const ez_x * x, int i) {
    int32_t even, odd;
    memcpy(&even, x + 4 * i, 4);
    memcpy(&odd, x + 4 * i + 2, 4);
    vx xs = {_mm256_set1_epi32(even), _mm256_set1_epi32(odd)};
    __asm__("" : "+x"(xs.even), "+x"(xs.odd));
    return xs;
}
EZ_INLINE va va_dot_x(va a, vw w, vx x) {
    a = _mm256_add_epi32(a, _mm256_madd_epi16(w.even, x.even));
    __asm__("" : "+x"(a));
    a = _mm256_add_epi32(a, _mm256_madd_epi16(w.odd, x.odd));
    __asm__("" : "+x"(a));
    return a;
}
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) { return va_dot_x(a, w, vx_load(x, i)); }

#define EZ_NARROW
typedef int8_t ez_n;
typedef struct { __m256i one, pair; } vc; /* as 32 bits, and twice as 16 bits */

EZ_INLINE void ez_n_store(ez_n * p, vi a) { vi_store_s8(p, a); }
EZ_INLINE vc vc_of(vi x) {
    const vc c = {x, _mm256_blend_epi16(x, _mm256_slli_epi32(x, 16), 0xAA)};
    return c;
}
EZ_INLINE vi ez_plus(vi a, int32_t sum) { return _mm256_add_epi32(a, _mm256_set1_epi32(sum)); }
EZ_INLINE vi ez_plus_scaled(vi a, vc scale, int32_t sum) {
    return _mm256_add_epi32(a, _mm256_mullo_epi32(scale.one, _mm256_set1_epi32(sum)));
}

/* Two partial sums of 16 bits per row. No step saturates: of 32 products of 4-bit weights each is at most
 * 16 * 15 * 127 = 30480. */
typedef __m256i vn; /* 8 rows, 4 bytes each */
typedef __m256i vp;
EZ_INLINE vn vn_of(vb a) { return a; }
EZ_INLINE vp vp_add(vp a, vn w, __m256i four) {
    a = _mm256_add_epi16(a, _mm256_maddubs_epi16(w, four));
    __asm__("" : "+x"(a));
    return a;
}
EZ_INLINE vp vp_start(int32_t sum) {
    (void) sum;
    return _mm256_setzero_si256();
}
EZ_INLINE vp vp_dot(vp a, vn w, const ez_n * x, int i, int second) {
    (void) second;
    int32_t four;
    memcpy(&four, x + 4 * i, 4);
    return vp_add(a, w, _mm256_set1_epi32(four));
}
EZ_INLINE vi vp_sum(vp a, int32_t sum) { return ez_plus(_mm256_madd_epi16(a, _mm256_set1_epi16(1)), sum); }
EZ_INLINE vi vp_scaled(vp a, vc scale, int32_t sum) {
    return ez_plus_scaled(_mm256_madd_epi16(a, scale.pair), scale, sum);
}

/* Twice that, for each half of the products: of 16 products of 5-bit weights each is at most 8 * 31 * 127 = 31496, of 8
 * products of 6-bit weights 4 * 63 * 127 = 32004. */
typedef struct { vp a, b; } vd;
EZ_INLINE vd vd_start(int32_t sum) {
    const vd a = {vp_start(sum), vp_start(sum)};
    return a;
}
EZ_INLINE vd vd_dot(vd a, vn w, const ez_n * x, int i, int second) {
    if (second) {
        a.b = vp_dot(a.b, w, x, i, 0);
    } else {
        a.a = vp_dot(a.a, w, x, i, 0);
    }
    return a;
}
EZ_INLINE vi vd_sum(vd a, int32_t sum) { return _mm256_add_epi32(vp_sum(a.a, sum), vp_sum(a.b, 0)); }
EZ_INLINE vi vd_scaled(vd a, vc scale, int32_t sum) {
    const vi products = _mm256_add_epi32(vp_scaled(a.a, scale, 0), vp_scaled(a.b, scale, 0));
    return ez_plus_scaled(products, scale, sum);
}

#endif
