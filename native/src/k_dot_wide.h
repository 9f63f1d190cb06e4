/* The product of a format with blocks of 32 weights of 8 bits. The format's header defines
 *   EZ_FORMAT                       its name
 *   EZ_GROUP_OF(w, i, lane, fetch)  weights 4 i .. 4 i + 3 of block *w as vw, fetching `ahead` when told to
 *   EZ_TOGETHER                     how many blocks, and the activations beside them, share a scale; 1 if not defined
 * Where EZ_PAIRS is defined, two vectors of rows are done at once. */
#define EZ_OF(prefix) EZ_CAT(prefix, EZ_FORMAT)
#ifndef EZ_TOGETHER
#define EZ_TOGETHER 1
#endif

EZ_INLINE void EZ_OF(ez_dot_)(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                              size_t ahead) {
    const EZ_OF(ez_) * w = (const EZ_OF(ez_) *) tile;
    for (int b = 0; b < g->k / 32 / EZ_TOGETHER; b++, w += EZ_TOGETHER) {
        va s[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = va_start(EZ_SX(c)[b]);
        EZ_UNROLL for (int i = 0; i < 8 * EZ_TOGETHER; i++) {
            const vw ws = EZ_GROUP_OF(w + i / 8, i % 8, lane, 1);
            EZ_UNROLL for (int c = 0; c < n; c++) s[c] = va_dot(s[c], ws, EZ_X(c) + 32 * EZ_TOGETHER * b, i);
        }
        const vf d = vf_load_half(w->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            acc[c] = vf_add(acc[c], vf_mul(vf_from_vi(va_sum(s[c])), vf_mul(d, vf_set1(EZ_DX(c)[b]))));
        }
    }
}

#ifdef EZ_PAIRS
/* Two vectors of rows, of two tiles or of one: acc[c] and acc[n + c]. Each activation is loaded once for both. */
EZ_INLINE void EZ_OF(ez_pair_)(const struct ez_gemm * g, const uint8_t * tile, int column, vf * acc, int n, size_t ahead) {
    const EZ_OF(ez_) * w = (const EZ_OF(ez_) *) tile;
    const EZ_OF(ez_) * v = (const EZ_OF(ez_) *) (tile + (W < EZ_TILE ? 0 : g->tile_bytes));
    const int lane = W < EZ_TILE ? W : 0; /* the first row of the second in its tile */
    for (int b = 0; b < g->k / 32 / EZ_TOGETHER; b++, w += EZ_TOGETHER, v += EZ_TOGETHER) {
        va s[EZ_COLUMNS], t[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = t[c] = va_start(EZ_SX(c)[b]);
        EZ_UNROLL for (int i = 0; i < 8 * EZ_TOGETHER; i++) {
            const vw ws = EZ_GROUP_OF(w + i / 8, i % 8, 0, 1), vs = EZ_GROUP_OF(v + i / 8, i % 8, lane, lane == 0);
            EZ_UNROLL for (int c = 0; c < n; c++) {
                const vx x = vx_load(EZ_X(c) + 32 * EZ_TOGETHER * b, i);
                s[c] = va_dot_x(s[c], ws, x);
                t[c] = va_dot_x(t[c], vs, x);
            }
        }
        const vf d = vf_load_half(w->d), e = vf_load_half(v->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            const vf dx = vf_set1(EZ_DX(c)[b]);
            acc[c] = vf_add(acc[c], vf_mul(vf_from_vi(va_sum(s[c])), vf_mul(d, dx)));
            acc[n + c] = vf_add(acc[n + c], vf_mul(vf_from_vi(va_sum(t[c])), vf_mul(e, dx)));
        }
    }
}
#endif

#define EZ_DOT EZ_OF(ez_dot_)
#ifdef EZ_PAIRS
#define EZ_PAIR EZ_OF(ez_pair_)
#endif
#define EZ_GEMM_NAME EZ_OF(ez_gemm_)
#include "k_gemm_loop.h"
#undef EZ_OF
#undef EZ_FORMAT
#undef EZ_GROUP_OF
#undef EZ_TOGETHER
