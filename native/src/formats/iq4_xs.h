/* IQ4_XS: w = d s v(q), v as in IQ4_NL, 256 weights to a block, signed scales s (6 bits) for each 32. Order of operations:
 *   per 256: acc = acc + (d * dx) * [sum s_j sum v(q) x]
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16];
    int8_t scale[8][16];
    uint8_t q[8][4][64]; /* lines of 4 bits */
} ez_iq4_xs;
#define EZ_IQ4_XS_BLOCK 256
#define EZ_IQ4_XS_ACTIVATIONS {.per_sum = 32, .factor = -EZ_BIAS, .wide = true}
#endif

#ifdef EZ_PACKING
static void ez_pack_iq4_xs(ez_iq4_xs * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_iq4_xs);
        move_halves(tile->d, rows, at + offsetof(block_iq4_xs, d));
        for (int r = 0; r < EZ_TILE; r++) {
            const uint8_t * low = rows[r] + at + offsetof(block_iq4_xs, scales_l);
            uint16_t high;
            memcpy(&high, rows[r] + at + offsetof(block_iq4_xs, scales_h), 2);
            for (int j = 0; j < 8; j++) {
                tile->scale[j][r] = (int8_t) (((low[j / 2] >> 4 * (j % 2) & 15) | (high >> 2 * j & 3) << 4) - 32);
            }
        }
        move_rows(tile->q[0][0], rows, at + offsetof(block_iq4_xs, qs), 128, 0);
    }
}
#endif

#ifdef EZ_PRODUCTS
/* One or two vectors of rows: acc[c] and acc[n + c]; with two, each activation is loaded once for both. */
EZ_INLINE void ez_rows_iq4_xs(const struct ez_gemm * g, const uint8_t * const tiles[2], const int lane[2], int vectors,
                              int column, vf * acc, int n, size_t ahead) {
    for (int b = 0; b < g->k / 256; b++) {
        vi sums[2 * EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < vectors * n; c++) sums[c] = vi_zero();
        for (int j = 0; j < 8; j++) {
            va s[2 * EZ_COLUMNS];
            EZ_UNROLL for (int c = 0; c < vectors * n; c++) s[c] = va_start(EZ_SX(c % n)[8 * b + j]);
            EZ_UNROLL for (int step = 0; step < 8; step++) {
                const int i = step / 2 + 4 * (step % 2); /* groups i and i + 4 share a line */
                vw ws[2];
                EZ_UNROLL for (int v = 0; v < vectors; v++) {
                    const ez_iq4_xs * w = (const ez_iq4_xs *) tiles[v] + b;
                    ws[v] = ez_iq4(ez_group_4(w->q[j], i, lane[v], v == 0 || lane[v] == 0, ahead));
                }
                EZ_UNROLL for (int c = 0; c < n; c++) {
#ifdef EZ_PAIRS
                    if (vectors == 2) {
                        const vx x = vx_load(EZ_X(c) + 256 * b + 32 * j, i);
                        s[c] = va_dot_x(s[c], ws[0], x);
                        s[n + c] = va_dot_x(s[n + c], ws[1], x);
                        continue;
                    }
#endif
                    s[c] = va_dot(s[c], ws[0], EZ_X(c) + 256 * b + 32 * j, i);
                }
            }
            EZ_UNROLL for (int v = 0; v < vectors; v++) {
                const vi scale = vi_load_s8(((const ez_iq4_xs *) tiles[v])[b].scale[j] + lane[v]);
                EZ_UNROLL for (int c = v * n; c < (v + 1) * n; c++) sums[c] = vi_add(sums[c], vi_mul(va_sum(s[c]), scale));
            }
        }
        EZ_UNROLL for (int v = 0; v < vectors; v++) {
            const vf d = vf_load_half(((const ez_iq4_xs *) tiles[v])[b].d + lane[v]);
            EZ_UNROLL for (int c = 0; c < n; c++) {
                const vf scale = vf_mul(d, vf_set1(EZ_DX(c)[b]));
                acc[v * n + c] = vf_add(acc[v * n + c], vf_mul(scale, vf_from_vi(sums[v * n + c])));
            }
        }
    }
}

EZ_INLINE void ez_dot_iq4_xs(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                             size_t ahead) {
    const uint8_t * const tiles[2] = {tile, tile};
    const int lanes[2] = {lane, lane};
    ez_rows_iq4_xs(g, tiles, lanes, 1, column, acc, n, ahead);
}

#ifdef EZ_PAIRS
EZ_INLINE void ez_pair_iq4_xs(const struct ez_gemm * g, const uint8_t * tile, int column, vf * acc, int n, size_t ahead) {
    const uint8_t * const tiles[2] = {tile, tile + (W < EZ_TILE ? 0 : g->tile_bytes)};
    const int lanes[2] = {0, W < EZ_TILE ? W : 0};
    ez_rows_iq4_xs(g, tiles, lanes, 2, column, acc, n, ahead);
}
#define EZ_PAIR ez_pair_iq4_xs
#endif
#define EZ_DOT ez_dot_iq4_xs
#define EZ_GEMM_NAME ez_gemm_iq4_xs
#include "k_gemm_loop.h"
#endif
