/* EZ_LEVEL 0: one lane, plain C. The reference that the other levels are held against.
 * SPDX-License-Identifier: Apache-2.0 */
#include "half.h"

#define W 1
#define EZ_BIAS 128
typedef float vf;
typedef int32_t vi;
typedef int8_t ez_x;                        /* how activations are stored for va_dot */
typedef struct { uint8_t b[4]; } vw, vb;
typedef int32_t va;

EZ_INLINE vf vf_set1(float x) { return x; }
EZ_INLINE vf vf_load(const float * p) { return *p; }
EZ_INLINE void vf_store(float * p, vf a) { *p = a; }
EZ_INLINE vf vf_load_half(const uint16_t * p) { return ez_half_to_float(*p); }
EZ_INLINE vf vf_load_bf16(const uint16_t * p) {
    const uint32_t bits = (uint32_t) *p << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
EZ_INLINE void vf_store_half(uint16_t * p, vf a) { *p = ez_float_to_half(a); }
EZ_INLINE vf vf_add(vf a, vf b) { return a + b; }
EZ_INLINE vf vf_sub(vf a, vf b) { return a - b; }
EZ_INLINE vf vf_mul(vf a, vf b) { return a * b; }
EZ_INLINE vf vf_div(vf a, vf b) { return a / b; }
EZ_INLINE vf vf_max(vf a, vf b) { return a > b ? a : b; }
EZ_INLINE vf vf_min(vf a, vf b) { return a < b ? a : b; }
EZ_INLINE vf vf_abs(vf a) { return a < 0.0f ? -a : a; }
/* p where x >= limit, else +0 */
EZ_INLINE vf vf_zero_below(vf p, vf x, vf limit) { return x >= limit ? p : 0.0f; }
EZ_INLINE float vf_sum_lanes(vf a) { return a; }
EZ_INLINE float vf_max_lanes(vf a) { return a; }
EZ_INLINE vf vf_reduce(const vf * a) { return a[0]; }
EZ_INLINE vf vf_from_vi(vi a) { return (float) a; }
EZ_INLINE vi vf_round(vf a) { return (int32_t) ((a + 12582912.0f) - 12582912.0f); } /* |a| < 2^22, ties to even */
EZ_INLINE vf vf_pow2i(vf n) {
    const uint32_t bits = (uint32_t) ((int32_t) n + 127) << 23;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
EZ_INLINE vf vf_scale_exponent(vf p, vf n) {
    uint32_t bits, times;
    memcpy(&bits, &p, 4);
    memcpy(&times, &n, 4);
    bits += times << 23;
    memcpy(&p, &bits, 4);
    return p;
}

EZ_INLINE vi vi_zero(void) { return 0; }
EZ_INLINE vi vi_set1(int32_t x) { return x; }
EZ_INLINE vi vi_add(vi a, vi b) { return a + b; }
EZ_INLINE vi vi_mul(vi a, vi b) { return a * b; }
#define vi_mul_short vi_mul
EZ_INLINE vi vi_load_s8(const int8_t * p) { return *p; }
EZ_INLINE vi vi_load_u8(const uint8_t * p) { return *p; }
EZ_INLINE vi vi_and(vi a, int32_t mask) { return a & mask; }
EZ_INLINE vi vi_shr(vi a, int n) { return (vi) ((uint32_t) a >> n); }

EZ_INLINE void vi_store_s8(int8_t * p, vi a) { *p = (int8_t) a; }
EZ_INLINE int32_t vi_sum_lanes(vi a) { return a; }
EZ_INLINE void ez_x_store(ez_x * p, vi a) { vi_store_s8(p, a); }

EZ_INLINE vb vb_load(const uint8_t * p) {
    vb w;
    memcpy(w.b, p, 4);
    return w;
}
#define EZ_EACH_BYTE(a, e) \
    for (int i = 0; i < 4; i++) { \
        (a).b[i] = (uint8_t) (e); \
    } \
    return a
EZ_INLINE vb vb_and(vb a, int mask) { EZ_EACH_BYTE(a, a.b[i] & mask); }
EZ_INLINE vb vb_or(vb a, vb o) { EZ_EACH_BYTE(a, a.b[i] | o.b[i]); }
EZ_INLINE vb vb_shl(vb a, int n) { EZ_EACH_BYTE(a, a.b[i] << n); }
EZ_INLINE vb vb_shr(vb a, int n) { EZ_EACH_BYTE(a, a.b[i] >> n); }
EZ_INLINE vb vb_high(vb a) { return vb_shr(a, 4); }
EZ_INLINE vb vb_look_up(const uint8_t * table, vb a) { EZ_EACH_BYTE(a, table[a.b[i]]); }

#undef EZ_EACH_BYTE

typedef vi vu;
EZ_INLINE vu vu_zero(void) { return 0; }
EZ_INLINE vu vu_dot(vu a, vb values, const int8_t * weights) {
    for (int n = 0; n < 4; n++) {
        a += (int8_t) values.b[n] * weights[n];
    }
    return a;
}
EZ_INLINE vi vu_sum(vu a) { return a; }
EZ_INLINE vw vw_of(vb a) { return a; }
EZ_INLINE vw vw_load(const uint8_t * p) { return vb_load(p); }

EZ_INLINE va va_start(int32_t sum) { return sum; }
EZ_INLINE va va_dot(va a, vw w, const ez_x * x, int i) {
    for (int n = 0; n < 4; n++) {
        a += (int32_t) w.b[n] * x[4 * i + n];
    }
    return a;
}
EZ_INLINE vi va_sum(va a) { return a; }
