/* Q5_K: w = d s q - dmin m, q of 5 bits, 256 weights to a block, scales s and minima m (6 bits) for each 32. Order of
 * operations:
 *   per 256: acc = acc + dx * (d * [sum s_j sum q x] - dmin * [sum m_j sum x])
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16], dmin[16];
    uint8_t scale[8][16], min[8][16];
    uint8_t q[8][5][64]; /* lines of 5 bits */
} ez_q5_k;
#define EZ_Q5_K_BLOCK 256
#define EZ_Q5_K_ACTIVATIONS {.per_sum = 32, .factor = 1}
#endif

#ifdef EZ_PACKING
static void ez_pack_q5_k(ez_q5_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q5_K);
        move_halves(tile->d, rows, at + offsetof(block_q5_K, d));
        move_halves(tile->dmin, rows, at + offsetof(block_q5_K, dmin));
        for (int r = 0; r < EZ_TILE; r++) {
            const uint8_t * low = rows[r] + at + offsetof(block_q5_K, qs), * high = rows[r] + at + offsetof(block_q5_K, qh);
            put_k_scales(tile->scale, tile->min, r, rows[r] + at + offsetof(block_q5_K, scales));
            for (int j = 0; j < 8; j++) { /* 32 bytes hold two sub-blocks; their fifth bits are bit j of 32 others */
                uint32_t groups[8];
                for (int i = 0; i < 8; i++) {
                    groups[i] = four(low + 32 * (j / 2) + 4 * i, 4 * (j % 2), 15) | four(high + 4 * i, j, 1) << 4;
                }
                put_lines(tile->q[j], 5, r, groups);
            }
        }
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT q5_k
#define EZ_SUB 32
#define EZ_PART 32
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, j, i) vn_of(ez_group_5((w)->q[j], i, lane, ahead))
#define EZ_STEP(step) ((step) / 2 + 4 * ((step) % 2)) /* groups i and i + 4 share a line */
#define EZ_KIND vd
#define EZ_SCALE(w, j) vi_load_u8((w)->scale[j] + lane)
#define EZ_MINIMUM(w, j) vi_load_u8((w)->min[j] + lane)
#include "k_dot_256.h"
#endif
