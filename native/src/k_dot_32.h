/* The product of a format with blocks of 32 weights. The format's header defines
 *   EZ_FORMAT           its name
 *   EZ_GROUP_OF(w, i)   weights 4 i .. 4 i + 3 of block *w as EZ_WEIGHTS (with `lane` and `ahead`)
 *   EZ_KIND             how they are summed: vp or vd
 *   EZ_OFFSET           where each block has an offset m beside its scale d */
#define EZ_OF(prefix) EZ_CAT(prefix, EZ_FORMAT)
#define EZ_ACC(suffix) EZ_CAT(EZ_KIND, suffix)
#ifdef EZ_OFFSET
#define EZ_START(c) 0
#else
#define EZ_START(c) EZ_SX(c)[b]
#endif

EZ_INLINE void EZ_OF(ez_dot_)(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                              size_t ahead) {
    const EZ_OF(ez_) * w = (const EZ_OF(ez_) *) tile;
    for (int b = 0; b < g->k / 32; b++, w++) {
        EZ_KIND s[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = EZ_ACC(_start)(EZ_START(c));
        EZ_UNROLL for (int step = 0; step < 8; step++) {
            const int i = step / 2 + 4 * (step % 2); /* groups i and i + 4 share a line */
            const EZ_WEIGHTS ws = EZ_GROUP_OF(w, i);
            EZ_UNROLL for (int c = 0; c < n; c++) s[c] = EZ_ACC(_dot)(s[c], ws, EZ_N(c) + 32 * b, i, i >= 4);
        }
        const vf d = vf_load_half(w->d + lane);
#ifdef EZ_OFFSET
        const vf m = vf_load_half(w->m + lane);
#endif
        EZ_UNROLL for (int c = 0; c < n; c++) {
            const vf sum = vf_from_vi(EZ_ACC(_sum)(s[c], EZ_START(c)));
            vf value = vf_mul(sum, vf_mul(d, vf_set1(EZ_DX(c)[b])));
#ifdef EZ_OFFSET
            value = vf_add(value, vf_mul(m, vf_set1(EZ_SCALED_SX(c)[b])));
#endif
            acc[c] = vf_add(acc[c], value);
        }
    }
}

#define EZ_DOT EZ_OF(ez_dot_)
#define EZ_GEMM_NAME EZ_OF(ez_gemm_)
#include "k_gemm_loop.h"
#undef EZ_OF
#undef EZ_ACC
#undef EZ_START
#undef EZ_FORMAT
#undef EZ_GROUP_OF
#undef EZ_WEIGHTS
#undef EZ_KIND
#undef EZ_OFFSET
