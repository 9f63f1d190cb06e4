/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_OPS_MATMUL_H
#define EZ_OPS_MATMUL_H

#include <stdbool.h>

#include "ggml-cpu-impl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Workspace of a matrix product whose weights have kernels, else 0. */
size_t ez_matmul_workspace(int threads, const struct ggml_tensor * dst);

/* Computes dst = src0 x src1; the weights are tiles (packed) or ggml's rows. False: no kernel for these types. */
bool ez_matmul(const struct ggml_compute_params * params, struct ggml_tensor * dst, bool packed);

#ifdef __cplusplus
}
#endif
#endif
