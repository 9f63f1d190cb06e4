/* Q2_K: w = d s q - dmin m, q of 2 bits, 256 weights to a block, scales s and minima m (4 bits) for each 16. Order of
 * operations:
 *   per 256: acc = acc + dx * (d * [sum s_j sum q x] - dmin * [sum m_j sum x])
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16], dmin[16];
    uint8_t scale_min[16][16]; /* low half-byte: scale, high: minimum */
    uint8_t q[8][2][64];       /* lines of 2 bits */
} ez_q2_k;
#define EZ_Q2_K_BLOCK 256
#define EZ_Q2_K_ACTIVATIONS {.per_sum = 16, .factor = 1}
#endif

#ifdef EZ_PACKING
static void ez_pack_q2_k(ez_q2_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q2_K);
        move_halves(tile->d, rows, at + offsetof(block_q2_K, d));
        move_halves(tile->dmin, rows, at + offsetof(block_q2_K, dmin));
        for (int r = 0; r < EZ_TILE; r++) {
            const uint8_t * row = rows[r] + at;
            for (int j = 0; j < 16; j++) {
                tile->scale_min[j][r] = row[offsetof(block_q2_K, scales) + (size_t) j];
            }
            for (int j = 0; j < 8; j++) { /* 32 bytes hold numbers of four */
                uint32_t groups[8];
                for (int i = 0; i < 8; i++) {
                    groups[i] = four(row + offsetof(block_q2_K, qs) + 32 * (j / 4) + 4 * i, 2 * (j % 4), 3);
                }
                put_lines(tile->q[j], 2, r, groups);
            }
        }
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT q2_k
#define EZ_SUB 16
#define EZ_PART 32
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, p, i) vn_of(ez_group_2((w)->q[p], i, lane, ahead))
#define EZ_KIND vp
#define EZ_SCALE(w, j) vi_and(vi_load_u8((w)->scale_min[j] + lane), 15)
#define EZ_MINIMUM(w, j) vi_shr(vi_load_u8((w)->scale_min[j] + lane), 4)
#include "k_dot_256.h"
#endif
