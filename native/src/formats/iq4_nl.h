/* IQ4_NL: w = d v(q), v a table of 16 numbers of 8 bits, 32 weights to a block. Order of operations:
 *   per 32: acc = acc + [sum v(q) x] * (d * dx)
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct {
    uint8_t q[4][64]; /* lines of 4 bits */
    uint16_t d[16];
} ez_iq4_nl;
#define EZ_IQ4_NL_BLOCK 32
#define EZ_IQ4_NL_ACTIVATIONS {.per_sum = 32, .factor = -EZ_BIAS, .wide = true}
#endif

#ifdef EZ_PACKING
static void ez_pack_iq4_nl(ez_iq4_nl * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_iq4_nl);
        move_halves(tile->d, rows, at + offsetof(block_iq4_nl, d));
        move_rows(tile->q[0], rows, at + offsetof(block_iq4_nl, qs), 16, 0); /* ggml too has number i in the low half, i + 16 in the high one */
    }
}
#endif

#ifdef EZ_PRODUCTS
/* The numbers, as vw wants them: plus EZ_BIAS. */
EZ_INLINE vw ez_iq4(vb numbers) {
#define EZ_V(v) (uint8_t) ((v) + EZ_BIAS)
    static const uint8_t table[16] = {EZ_V(-127), EZ_V(-104), EZ_V(-83), EZ_V(-65), EZ_V(-49), EZ_V(-35), EZ_V(-22), EZ_V(-10),
                                      EZ_V(1),    EZ_V(13),   EZ_V(25),  EZ_V(38),  EZ_V(53),  EZ_V(69),  EZ_V(89),  EZ_V(113)};
#undef EZ_V
    return vw_of(vb_look_up(table, numbers));
}

#define EZ_FORMAT iq4_nl
#define EZ_GROUP_OF(w, i, lane, fetch) ez_iq4(ez_group_4((w)->q, i, lane, fetch, ahead))
#include "k_dot_wide.h"
#endif
