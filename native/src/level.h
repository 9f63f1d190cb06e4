/* All kernels at one level; included by level_*.c, which define EZ_LEVEL, EZ_LEVEL_NAME and the table's name.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "half.h"
#include "kernels.h"
#include "simd.h"

#define ez_sqrt(x) sqrtf(x)
#define EZ_CHUNK_BYTES (24 * 1024)

/* Columns that share a block of weights: as many as the registers hold. */
#if EZ_LEVEL == 0 || W == 16
#define EZ_FLOAT_COLUMNS 4
#else
#define EZ_FLOAT_COLUMNS 2
#endif
#if W == 16 && EZ_LEVEL == 5
#define EZ_INTEGER_COLUMNS 8
#elif defined(__x86_64__) && EZ_LEVEL == 1
#define EZ_INTEGER_COLUMNS 2
#else
#define EZ_INTEGER_COLUMNS 4
#endif
#define EZ_COLUMNS EZ_INTEGER_COLUMNS

#define EZ_PAIR_TILES (2 * W / EZ_TILE) /* that two vectors of rows fill */
#define EZ_PAIR_COLUMNS (W == 16 ? 4 : 1) /* fewest that pairs are for: with fewer, two tiles' weights come too slowly */

#include "k_quantize.h"
#include "k_dot.h"
#define EZ_PRODUCTS
#include "formats.h"
#undef EZ_PRODUCTS
#include "k_elementwise.h"
#include "k_attention.h"

#define EZ_QUANTIZE_ROW(name, NAME) [EZ_##NAME] = EZ_NAME(ez_quantize_##name),
#define EZ_GEMM_ROW(name, NAME) [EZ_##NAME] = EZ_NAME(ez_gemm_##name),

const struct ez_kernels EZ_NAME(ez_kernels_level) = {
    .name = EZ_LEVEL_NAME,
    .quantize = {EZ_INTEGER_FORMATS(EZ_QUANTIZE_ROW)},
    .gemm = {EZ_INTEGER_FORMATS(EZ_GEMM_ROW) EZ_FLOAT_FORMATS(EZ_GEMM_ROW)},
    .rms_norm = EZ_NAME(ez_rms_norm),
    .swiglu = EZ_NAME(ez_swiglu),
    .rope_pairs = EZ_NAME(ez_rope_pairs),
    .rope_halves = EZ_NAME(ez_rope_halves),
    .to_half = EZ_NAME(ez_to_half),
    .to_keys = EZ_NAME(ez_to_keys),
    .to_values = EZ_NAME(ez_to_values),
    .attention = EZ_NAME(ez_attention),
};
