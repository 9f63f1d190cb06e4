/* F32. Order of operations: k_dot_float.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifdef EZ_LAYOUT
typedef struct { float w[16]; } ez_f32;
#define EZ_F32_BLOCK 1
#endif

#ifdef EZ_PACKING
static void ez_pack_f32(ez_f32 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
        move_rows((uint8_t *) tile[i].w, rows, (size_t) i * 4, 16, 0);
    }
    for (; i < k; i++) {
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(&tile[i].w[r], rows[r] + i * 4, 4);
        }
    }
}
#endif

#ifdef EZ_PRODUCTS
#define EZ_FORMAT f32
#define EZ_WEIGHT(w) vf_load(w)
#include "k_dot_float.h"
#endif
