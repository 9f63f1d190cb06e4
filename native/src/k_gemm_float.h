/* Matrix products of F32 and F16 weights (tiles [k][16]) and float activations. Order of operations, per output:
 *   four sums, sum i over k = i, i + 4, i + 8, ... in rising order: s_i = s_i + w * x, starting at +0
 *   result = (s_0 + s_2) + (s_1 + s_3)
 * F16 weights are widened exactly first. */

#undef EZ_COLUMNS
#define EZ_COLUMNS EZ_FLOAT_COLUMNS

EZ_INLINE void ez_dot_float(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            int half) {
    vf s[4][EZ_COLUMNS];
    EZ_UNROLL for (int i = 0; i < 4; i++) {
        EZ_UNROLL for (int c = 0; c < n; c++) s[i][c] = vf_set1(0.0f);
    }
    int k = 0;
#define EZ_STEP(i)                                                                                        \
    do {                                                                                                  \
        const size_t at = (size_t) (k + (i)) * EZ_TILE + (size_t) lane;                                   \
        const vf w = half ? vf_load_half((const uint16_t *) tile + at) : vf_load((const float *) tile + at); \
        EZ_UNROLL for (int c = 0; c < n; c++) {                                                           \
            const float x = ((const float *) (g->x + (size_t) (column + c) * g->column_bytes))[k + (i)];  \
            s[i][c] = vf_add(s[i][c], vf_mul(w, vf_set1(x)));                                             \
        }                                                                                                 \
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

EZ_INLINE void ez_dot_f32(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    (void) ahead;
    ez_dot_float(g, tile, lane, column, acc, n, 0);
}
EZ_INLINE void ez_dot_f16(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    (void) ahead;
    ez_dot_float(g, tile, lane, column, acc, n, 1);
}

#define EZ_DOT ez_dot_f32
#define EZ_GEMM_NAME ez_gemm_f32
#include "k_gemm_loop.h"
#define EZ_DOT ez_dot_f16
#define EZ_GEMM_NAME ez_gemm_f16
#include "k_gemm_loop.h"
