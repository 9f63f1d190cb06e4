/* Q4_0: w = d (q - 8), q of 4 bits, 32 weights to a block. Order of operations:
 *   per 32: acc = acc + [sum (q - 8) x] * (d * dx)
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint8_t q[4][64]; /* lines of 4 bits */
    uint16_t d[16];
} ez_q4_0;
#define EZ_Q4_0_BLOCK 32
#define EZ_Q4_0_ACTIVATIONS {.per_sum = 32, .factor = -8}
#endif

#ifdef EZ_PACKING
static void ez_pack_q4_0(ez_q4_0 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q4_0);
        move_halves(tile->d, rows, at + offsetof(block_q4_0, d));
        move_rows(tile->q[0], rows, at + offsetof(block_q4_0, qs), 16, 0); /* ggml too has number i in the low half, i + 16 in the high one */
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT q4_0
#define EZ_WEIGHTS vn
#define EZ_GROUP_OF(w, i) vn_of(ez_group_4((w)->q, i, lane, 1, ahead))
#define EZ_KIND vp
#include "k_dot_32.h"
#endif
