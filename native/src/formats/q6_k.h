/* Q6_K: w = d s (q - 32), q of 6 bits, 256 weights to a block, signed scales s (8 bits) for each 16. Order of operations:
 *   per 256: acc = acc + (d * dx) * [sum s_j sum (q - 32) x]
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16];
    int8_t scale[16][16];
    uint8_t low[32][64];  /* group 32 h + 8 quarter + l: at 16 h + 8 (quarter & 1) + l, high half-byte when quarter & 2 */
    uint8_t high[16][64]; /* its two high bits at 8 h + l, shift 2 quarter */
} ez_q6_k;
#define EZ_Q6_K_BLOCK 256
#define EZ_Q6_K_ACTIVATIONS {.per_sum = 16, .factor = -32}
#endif

#ifdef EZ_PACKING
static void ez_pack_q6_k(ez_q6_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q6_K);
        move_halves(tile->d, rows, at + offsetof(block_q6_K, d));
        for (int r = 0; r < EZ_TILE; r++) {
            for (int j = 0; j < 16; j++) {
                tile->scale[j][r] = (int8_t) rows[r][at + offsetof(block_q6_K, scales) + (size_t) j];
            }
        }
        move_rows(tile->low[0], rows, at + offsetof(block_q6_K, ql), 128, 0);
        move_rows(tile->high[0], rows, at + offsetof(block_q6_K, qh), 64, 0);
    }
}
#endif

#ifdef EZ_PRODUCTS
EZ_INLINE vn ez_weights_q6_k(const ez_q6_k * w, int h, int i, int lane, size_t ahead) {
    const int quarter = i / 8, l = i % 8;
    const vb low = ez_line(w->low[16 * h + 8 * (quarter & 1) + l], lane, quarter < 2, ahead);
    const vb high = vb_shr(ez_line(w->high[8 * h + l], lane, quarter == 2, ahead), 2 * quarter);
    return vn_of(vb_or(quarter & 2 ? vb_high(low) : vb_and(low, 15), vb_shl(vb_and(high, 3), 4)));
}

#define EZ_FORMAT q6_k
#define EZ_SUB 16
#define EZ_PART 128
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, h, i) ez_weights_q6_k(w, h, i, lane, ahead)
#define EZ_KIND vd
#define EZ_SCALE(w, j) vi_load_s8((w)->scale[j] + lane)
#include "k_dot_256.h"
#endif
