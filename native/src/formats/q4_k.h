/* Q4_K: w = d s q - dmin m, q of 4 bits, 256 weights to a block, scales s and minima m (6 bits) for each 32. Order of
 * operations:
 *   per 256: acc = acc + dx * (d * [sum s_j sum q x] - dmin * [sum m_j sum x])
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16], dmin[16];
    uint8_t scale[8][16], min[8][16];
    uint8_t q[4][8][64]; /* [pair][group]: low: sub-block 2 pair, high: 2 pair + 1 */
} ez_q4_k;
#define EZ_Q4_K_BLOCK 256
#define EZ_Q4_K_ACTIVATIONS {.per_sum = 32, .factor = 1}
#endif

#ifdef EZ_PACKING
static void ez_pack_q4_k(ez_q4_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q4_K);
        move_halves(tile->d, rows, at + offsetof(block_q4_K, d));
        move_halves(tile->dmin, rows, at + offsetof(block_q4_K, dmin));
        for (int r = 0; r < EZ_TILE; r++) {
            put_k_scales(tile->scale, tile->min, r, rows[r] + at + offsetof(block_q4_K, scales));
        }
        move_rows(tile->q[0][0], rows, at + offsetof(block_q4_K, qs), 128, 0);
    }
}
#endif

#ifdef EZ_PRODUCTS
EZ_INLINE vn ez_weights_q4_k(const ez_q4_k * w, int pair, int i, int lane, size_t ahead) {
    const vb line = ez_line(w->q[pair][i % 8], lane, i < 8, ahead);
    return vn_of(i < 8 ? vb_and(line, 15) : vb_high(line));
}

#define EZ_FORMAT q4_k
#define EZ_SUB 32
#define EZ_PART 64
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, pair, i) ez_weights_q4_k(w, pair, i, lane, ahead)
#define EZ_KIND vp
#define EZ_SCALE(w, j) vi_load_u8((w)->scale[j] + lane)
#define EZ_MINIMUM(w, j) vi_load_u8((w)->min[j] + lane)
#include "k_dot_256.h"
#endif
