/* The product of a format with blocks of 256 weights, whose sub-blocks have integer scales. The format's header defines
 *   EZ_FORMAT              its name
 *   EZ_SUB                 weights in a sub-block
 *   EZ_PART                weights in a part: parts are gone through in a loop, what is inside them is unrolled
 *   EZ_GROUP_OF(w, p, i)   group i of 4 weights in part p of block *w as EZ_WEIGHTS (with `lane` and `ahead`)
 *   EZ_STEP(i)             where given, which group is the i-th of a sub-block to be multiplied
 *   EZ_KIND                how they are summed: vp or vd
 *   EZ_SCALE(w, j)         scales of sub-block j, as vi
 *   EZ_MINIMUM(w, j)       where given, its minima */
#define EZ_OF(prefix) EZ_CAT(prefix, EZ_FORMAT)
#define EZ_ACC(suffix) EZ_CAT(EZ_KIND, suffix)
#define EZ_SUBS (EZ_PART / EZ_SUB) /* in a part */
#ifndef EZ_STEP
#define EZ_STEP(i) (i)
#endif
#ifdef EZ_MINIMUM
#define EZ_START(c, j) 0
#else
#define EZ_START(c, j) EZ_SX(c)[256 / EZ_SUB * b + (j)]
#endif

EZ_INLINE void EZ_OF(ez_dot_)(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                              size_t ahead) {
    const EZ_OF(ez_) * w = (const EZ_OF(ez_) *) tile;
    for (int b = 0; b < g->k / 256; b++, w++) {
        vi sums[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) sums[c] = vi_zero();
#ifdef EZ_MINIMUM
        vi mins[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) mins[c] = vi_zero();
#endif
        for (int p = 0; p < 256 / EZ_PART; p++) {
            EZ_UNROLL for (int sub = 0; sub < EZ_SUBS; sub++) {
                const int j = EZ_SUBS * p + sub;
                EZ_KIND s[EZ_COLUMNS];
                EZ_UNROLL for (int c = 0; c < n; c++) s[c] = EZ_ACC(_start)(EZ_START(c, j));
                EZ_UNROLL for (int step = 0; step < EZ_SUB / 4; step++) {
                    const int i = EZ_STEP(step);
                    const EZ_WEIGHTS ws = EZ_GROUP_OF(w, p, EZ_SUB / 4 * sub + i);
                    EZ_UNROLL for (int c = 0; c < n; c++) {
                        s[c] = EZ_ACC(_dot)(s[c], ws, EZ_N(c) + 256 * b + EZ_SUB * j, i, i >= EZ_SUB / 8);
                    }
                }
                const vc scale = vc_of(EZ_SCALE(w, j));
                EZ_UNROLL for (int c = 0; c < n; c++) {
                    sums[c] = vi_add(sums[c], EZ_ACC(_scaled)(s[c], scale, EZ_START(c, j)));
                }
#ifdef EZ_MINIMUM /* at most 63, a sum of activations at most 32 * 127 */
                const vi min = EZ_MINIMUM(w, j);
                EZ_UNROLL for (int c = 0; c < n; c++) {
                    mins[c] = vi_add(mins[c], vi_mul_short(vi_set1(EZ_SX(c)[256 / EZ_SUB * b + j]), min));
                }
#endif
            }
        }
        const vf d = vf_load_half(w->d + lane);
#ifdef EZ_MINIMUM
        const vf dmin = vf_load_half(w->dmin + lane);
#endif
        EZ_UNROLL for (int c = 0; c < n; c++) {
#ifdef EZ_MINIMUM
            const vf value = vf_sub(vf_mul(d, vf_from_vi(sums[c])), vf_mul(dmin, vf_from_vi(mins[c])));
            acc[c] = vf_add(acc[c], vf_mul(vf_set1(EZ_DX(c)[b]), value));
#else
            acc[c] = vf_add(acc[c], vf_mul(vf_mul(d, vf_set1(EZ_DX(c)[b])), vf_from_vi(sums[c])));
#endif
        }
    }
}

#define EZ_DOT EZ_OF(ez_dot_)
#define EZ_GEMM_NAME EZ_OF(ez_gemm_)
#include "k_gemm_loop.h"
#undef EZ_OF
#undef EZ_ACC
#undef EZ_SUBS
#undef EZ_START
#undef EZ_FORMAT
#undef EZ_SUB
#undef EZ_PART
#undef EZ_GROUP_OF
#undef EZ_WEIGHTS
#undef EZ_STEP
#undef EZ_KIND
#undef EZ_SCALE
#undef EZ_MINIMUM
