/* The product of a format of floats (tiles [k][16]) and float activations. The format's header defines EZ_FORMAT, its
 * name, and EZ_WEIGHT(w), which loads W weights and widens them exactly. Order of operations, per output:
 *   four sums, sum i over k = i, i + 4, i + 8, ... in rising order: s_i = s_i + w * x, starting at +0
 *   result = (s_0 + s_2) + (s_1 + s_3) */
#define EZ_OF(prefix) EZ_CAT(prefix, EZ_FORMAT)
#undef EZ_COLUMNS
#define EZ_COLUMNS EZ_FLOAT_COLUMNS

EZ_INLINE void EZ_OF(ez_dot_)(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                              size_t ahead) {
    (void) ahead;
    const EZ_OF(ez_) * w = (const EZ_OF(ez_) *) tile;
    vf s[4][EZ_COLUMNS];
    EZ_UNROLL for (int i = 0; i < 4; i++) {
        EZ_UNROLL for (int c = 0; c < n; c++) s[i][c] = vf_set1(0.0f);
    }
    int k = 0;
#define EZ_STEP(i)                                                                                       \
    do {                                                                                                 \
        const vf ws = EZ_WEIGHT(w[k + (i)].w + lane);                                                    \
        EZ_UNROLL for (int c = 0; c < n; c++) {                                                          \
            const float x = ((const float *) (g->x + (size_t) (column + c) * g->column_bytes))[k + (i)]; \
            s[i][c] = vf_add(s[i][c], vf_mul(ws, vf_set1(x)));                                           \
        }                                                                                                \
    } while (0)
    for (; k + 4 <= g->k; k += 4) {
        EZ_STEP(0);
        EZ_STEP(1);
        EZ_STEP(2);
        EZ_STEP(3);
    }
    if (k + 0 < g->k) EZ_STEP(0);
    if (k + 1 < g->k) EZ_STEP(1);
    if (k + 2 < g->k) EZ_STEP(2);
#undef EZ_STEP
    EZ_UNROLL for (int c = 0; c < n; c++) {
        acc[c] = vf_add(vf_add(s[0][c], s[2][c]), vf_add(s[1][c], s[3][c]));
    }
}

#define EZ_DOT EZ_OF(ez_dot_)
#define EZ_GEMM_NAME EZ_OF(ez_gemm_)
#include "k_gemm_loop.h"
#undef EZ_COLUMNS
#define EZ_COLUMNS EZ_INTEGER_COLUMNS
#undef EZ_OF
#undef EZ_FORMAT
#undef EZ_WEIGHT
