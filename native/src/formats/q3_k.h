/* Q3_K: w = d s (q - 4), q of 3 bits, 256 weights to a block, signed scales s (6 bits) for each 16. Order of operations:
 *   per 256: acc = acc + (d * dx) * [sum s_j sum (q - 4) x]
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint16_t d[16];
    int8_t scale[16][16];
    uint8_t q[8][3][64]; /* lines of 3 bits */
} ez_q3_k;
#define EZ_Q3_K_BLOCK 256
#define EZ_Q3_K_ACTIVATIONS {.per_sum = 16, .factor = -4}
#endif

#ifdef EZ_PACKING
static void ez_pack_q3_k(ez_q3_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q3_K);
        move_halves(tile->d, rows, at + offsetof(block_q3_K, d));
        for (int r = 0; r < EZ_TILE; r++) {
            const uint8_t * row = rows[r] + at, * s = row + offsetof(block_q3_K, scales);
            for (int j = 0; j < 16; j++) { /* four low bits, in half-bytes, and two high ones; minus 32 */
                const int low = s[j % 8] >> 4 * (j / 8) & 15, high = s[8 + j % 4] >> 2 * (j / 4) & 3;
                tile->scale[j][r] = (int8_t) ((low | high << 4) - 32);
            }
            for (int j = 0; j < 8; j++) { /* 32 bytes hold two bits of four times 32 numbers, 32 others the third bits of all */
                uint32_t groups[8];
                for (int i = 0; i < 8; i++) {
                    groups[i] = four(row + offsetof(block_q3_K, qs) + 32 * (j / 4) + 4 * i, 2 * (j % 4), 3) |
                                four(row + offsetof(block_q3_K, hmask) + 4 * i, j, 1) << 2;
                }
                put_lines(tile->q[j], 3, r, groups);
            }
        }
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT q3_k
#define EZ_SUB 16
#define EZ_PART 32
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, p, i) vn_of(ez_group_3((w)->q[p], i, lane, ahead))
#define EZ_KIND vp
#define EZ_SCALE(w, j) vi_load_s8((w)->scale[j] + lane)
#include "k_dot_256.h"
#endif
