/* Q8_0: w = d q, q of 8 bits, 32 weights to a block. Order of operations:
 *   per 32: acc = acc + [sum q x] * (d * dx)
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint8_t q[8][64]; /* group i of 4 weights: q + 128 */
    uint16_t d[16];
} ez_q8_0;
#define EZ_Q8_0_BLOCK 32
#define EZ_Q8_0_ACTIVATIONS {.per_sum = 32, .factor = -EZ_BIAS, .wide = true}
#endif

#ifdef EZ_PACKING
static void ez_pack_q8_0(ez_q8_0 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q8_0);
        move_halves(tile->d, rows, at + offsetof(block_q8_0, d));
        move_rows(tile->q[0], rows, at + offsetof(block_q8_0, qs), 32, 128); /* x ^ 128 = x + 128 */
    }
}
#endif

#ifdef EZ_PRODUCTS
EZ_INLINE vw ez_weights_q8_0(const ez_q8_0 * w, int i, int lane, int fetch, size_t ahead) {
    const vw weights = vw_load(w->q[i] + 4 * lane);
    if (fetch) {
        EZ_PREFETCH(w->q[i], ahead);
    }
    return weights;
}

#define EZ_FORMAT q8_0
#define EZ_GROUP_OF(w, i, lane, fetch) ez_weights_q8_0(w, i, lane, fetch, ahead)
#include "k_dot_wide.h"
#endif
