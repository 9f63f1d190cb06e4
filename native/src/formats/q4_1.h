/* Q4_1: w = d q + m, q of 4 bits, 32 weights to a block. Order of operations:
 *   per 32: acc = acc + ([sum q x] * (d * dx) + m * sx), sx = dx * [sum x] being the activations'
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint8_t q[4][64]; /* lines of 4 bits */
    uint16_t d[16], m[16];
} ez_q4_1;
#define EZ_Q4_1_BLOCK 32
#define EZ_Q4_1_ACTIVATIONS {.per_sum = 32, .scaled = true}
#endif

#ifdef EZ_PACKING
static void ez_pack_q4_1(ez_q4_1 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q4_1);
        move_halves(tile->d, rows, at + offsetof(block_q4_1, d));
        move_halves(tile->m, rows, at + offsetof(block_q4_1, m));
        move_rows(tile->q[0], rows, at + offsetof(block_q4_1, qs), 16, 0); /* ggml too has number i in the low half, i + 16 in the high one */
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT q4_1
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, i) vn_of(ez_group_4((w)->q, i, lane, 1, ahead))
#define EZ_KIND vp
#define EZ_OFFSET
#include "k_dot_32.h"
#endif
