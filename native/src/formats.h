/* The formats of weights: one line and one header each. A header has three parts:
 *   EZ_LAYOUT    kernels.h   ez_NAME, one block of a tile, and how activations are quantized beside it
 *   EZ_PACKING   tiles.c     ez_pack_NAME, from ggml's rows to a tile
 *   EZ_PRODUCTS  level.h     ez_gemm_NAME, the matrix product at one level, with its order of operations
 * SPDX-License-Identifier: Apache-2.0 */
#include "formats/q8_0.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_k.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/f32.h"
#include "formats/f16.h"
#include "formats/bf16.h"

/* Names as in ez_NAME, and as in EZ_NAME and GGML_TYPE_NAME. */
#define EZ_INTEGER_FORMATS(F)                                                                                   \
    F(q8_0, Q8_0) F(q4_0, Q4_0) F(q4_1, Q4_1) F(q5_0, Q5_0) F(q5_1, Q5_1) F(q2_k, Q2_K) F(q3_k, Q3_K)           \
    F(q4_k, Q4_K) F(q5_k, Q5_K) F(q6_k, Q6_K) F(iq4_nl, IQ4_NL) F(iq4_xs, IQ4_XS)
#define EZ_FLOAT_FORMATS(F) F(f32, F32) F(f16, F16) F(bf16, BF16)
