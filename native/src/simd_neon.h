/* EZ_LEVEL 1 and 2 on aarch64: NEON, four lanes; level 2 takes dot products from the dotprod extension.
 * vw_load moves bytes to the signed range by x ^ 128 = x - 128, hence EZ_BIAS 0.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arm_neon.h>

#define W 4
#define EZ_BIAS 0
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint8x16_t vb;

EZ_INLINE vf vf_set1(float x) { return vdupq_n_f32(x); }
EZ_INLINE vf vf_load(const float * p) { return vld1q_f32(p); }
EZ_INLINE void vf_store(float * p, vf a) { vst1q_f32(p, a); }
EZ_INLINE vf vf_load_half(const uint16_t * p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
EZ_INLINE vf vf_load_bf16(const uint16_t * p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
EZ_INLINE void vf_store_half(uint16_t * p, vf a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); }
EZ_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
EZ_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
EZ_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
EZ_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
EZ_INLINE vf vf_max(vf a, vf b) { return vmaxq_f32(a, b); }
EZ_INLINE vf vf_min(vf a, vf b) { return vminq_f32(a, b); }
EZ_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
EZ_INLINE vf vf_zero_below(vf p, vf x, vf limit) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(p), vcgeq_f32(x, limit)));
}
EZ_INLINE float vf_sum_lanes(vf a) {
    const float32x2_t b = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(b, 0) + vget_lane_f32(b, 1);
}
EZ_INLINE float vf_max_lanes(vf a) { return vmaxvq_f32(a); }
EZ_INLINE vf vf_swap_pairs(vf a) { return vrev64q_f32(a); }
EZ_INLINE vf vf_reduce(const vf * a) {
    const float32x4_t ab = vaddq_f32(vcombine_f32(vget_low_f32(a[0]), vget_low_f32(a[1])),
                                     vcombine_f32(vget_high_f32(a[0]), vget_high_f32(a[1])));
    const float32x4_t cd = vaddq_f32(vcombine_f32(vget_low_f32(a[2]), vget_low_f32(a[3])),
                                     vcombine_f32(vget_high_f32(a[2]), vget_high_f32(a[3])));
    return vaddq_f32(vuzp1q_f32(ab, cd), vuzp2q_f32(ab, cd));
}
EZ_INLINE vf vf_from_vi(vi a) { return vcvtq_f32_s32(a); }
EZ_INLINE vi vf_round(vf a) { return vcvtnq_s32_f32(a); }
EZ_INLINE vf vf_pow2i(vf n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}
EZ_INLINE vf vf_scale_exponent(vf p, vf n) {
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(vreinterpretq_s32_f32(n), 23)));
}

EZ_INLINE vi vi_zero(void) { return vdupq_n_s32(0); }
EZ_INLINE vi vi_set1(int32_t x) { return vdupq_n_s32(x); }
EZ_INLINE vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
EZ_INLINE vi vi_mul(vi a, vi b) { return vmulq_s32(a, b); }
#define vi_mul_short vi_mul
EZ_INLINE vi vi_load_u8(const uint8_t * p) {
    uint32_t four;
    memcpy(&four, p, 4);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))))));
}
EZ_INLINE vi vi_and(vi a, int32_t mask) { return vandq_s32(a, vdupq_n_s32(mask)); }
EZ_INLINE vi vi_shr(vi a, int n) { return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n))); }
EZ_INLINE vi vi_load_s8(const int8_t * p) {
    uint32_t four;
    memcpy(&four, p, 4);
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)))));
}

EZ_INLINE void vi_store_s8(int8_t * p, vi a) {
    const int8x8_t b = vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(a)));
    const int32_t four = vget_lane_s32(vreinterpret_s32_s8(b), 0);
    memcpy(p, &four, 4);
}
EZ_INLINE void vi_store_s16(int16_t * p, vi a) { vst1_s16(p, vmovn_s32(a)); }
EZ_INLINE int32_t vi_sum_lanes(vi a) { return vaddvq_s32(a); }

EZ_INLINE vb vb_load(const uint8_t * p) { return vld1q_u8(p); }
EZ_INLINE vb vb_and(vb a, int mask) { return vandq_u8(a, vdupq_n_u8((uint8_t) mask)); }
EZ_INLINE vb vb_or(vb a, vb b) { return vorrq_u8(a, b); }
EZ_INLINE vb vb_shl(vb a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t) n)); }
EZ_INLINE vb vb_shr(vb a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t) -n)); }
EZ_INLINE vb vb_high(vb a) { return vshrq_n_u8(a, 4); }
EZ_INLINE vb vb_look_up(const uint8_t * table, vb a) { return vqtbl1q_u8(vld1q_u8(table), a); }

#if EZ_LEVEL == 2

typedef int8_t ez_x;
typedef int8x16_t vw;
typedef int32x4_t va;

EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s8(p, a); }
EZ_INLINE vw vw_of(vb x) { return vreinterpretq_s8_u8(x); }
EZ_INLINE va va_start(int32_t sum) { return vdupq_n_s32(sum); }
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    const int8x16_t sixteen = vld1q_s8(x + i / 4 * 16); /* loaded once for four i */
    switch (i % 4) {                                    /* known to the compiler, which wants a constant lane */
    case 0: return vdotq_laneq_s32(a, w, sixteen, 0);
    case 1: return vdotq_laneq_s32(a, w, sixteen, 1);
    case 2: return vdotq_laneq_s32(a, w, sixteen, 2);
    default: return vdotq_laneq_s32(a, w, sixteen, 3);
    }
}
EZ_INLINE vi va_sum(va a) { return a; }

#else

typedef int16_t ez_x;
typedef struct { int16x8_t lo, hi; } vw;
typedef struct { int32x4_t a, b; } va; /* rows 0-1, rows 2-3: two partial sums per row */

EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s16(p, a); }
EZ_INLINE vw vw_of(vb x) {
    const int8x16_t s = vreinterpretq_s8_u8(x);
    const vw w = {vmovl_s8(vget_low_s8(s)), vmovl_s8(vget_high_s8(s))};
    return w;
}
/* The start is in the first of a row's two parts. */
EZ_INLINE va va_start(int32_t sum) {
    const int32x4_t x = vreinterpretq_s32_s64(vdupq_n_s64((int64_t) (uint32_t) sum));
    const va a = {x, x};
    return a;
}
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    const int16x4_t xs = vld1_s16(x + 4 * i);
    a.a = vaddq_s32(a.a, vpaddq_s32(vmull_s16(vget_low_s16(w.lo), xs), vmull_s16(vget_high_s16(w.lo), xs)));
    a.b = vaddq_s32(a.b, vpaddq_s32(vmull_s16(vget_low_s16(w.hi), xs), vmull_s16(vget_high_s16(w.hi), xs)));
    return a;
}
EZ_INLINE vi va_sum(va a) { return vpaddq_s32(a.a, a.b); }

#endif

EZ_INLINE vw vw_load(const uint8_t * p) { return vw_of(veorq_u8(vld1q_u8(p), vdupq_n_u8(128))); }

typedef va vu;
EZ_INLINE vu vu_zero(void) { return va_start(0); }
EZ_INLINE vu vu_dot(vu a, vb values, const int8_t * weights) {
    int32_t four;
    memcpy(&four, weights, 4);
    const int8x16_t v = vreinterpretq_s8_u8(values), x = vreinterpretq_s8_s32(vdupq_n_s32(four));
#if EZ_LEVEL == 2
    return vdotq_s32(a, v, x);
#else
    a.a = vpadalq_s16(a.a, vmull_s8(vget_low_s8(v), vget_low_s8(x)));
    a.b = vpadalq_s16(a.b, vmull_high_s8(v, x));
    return a;
#endif
}
EZ_INLINE vi vu_sum(vu a) { return va_sum(a); }
