/* BF16, the upper 16 bits of F32. Order of operations: k_dot_float.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct { uint16_t w[16]; } ez_bf16;
#define EZ_BF16_BLOCK 1
#endif

#ifdef EZ_PACKING
static void ez_pack_bf16(ez_bf16 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t i = 0; i < k; i++) {
        move_halves(tile[i].w, rows, (size_t) i * 2);
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT bf16
#define EZ_WEIGHT(w) vf_load_bf16(w)
#include "k_dot_float.h"
#endif
