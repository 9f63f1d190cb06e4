/* Operators on rows that our kernels take over: rms_norm (alone or with the multiplication after it), SwiGLU, and
 * storing rows of the cache as F16, or as Q8_0 (keys) and Q8_1 (values): 16 rows then are one tile (kernels.h), as
 * large as they would be. ggml-cpu.c's calls arrive here (prefix.h); whatever is not F32 and
 * contiguous in the usual way goes on to upstream's generic code, which is deterministic too.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"
#include "ggml-cpu-impl.h"
#include "ops.h"

void edgezip_forward_rms_norm(const struct ggml_compute_params * params, struct ggml_tensor * dst);
void edgezip_forward_rms_norm_mul_fused(const struct ggml_compute_params * params, struct ggml_tensor * norm,
                                        struct ggml_tensor * mul);
void edgezip_forward_glu(const struct ggml_compute_params * params, struct ggml_tensor * dst);
void edgezip_forward_set_rows(const struct ggml_compute_params * params, struct ggml_tensor * dst);

static char * row_at(const struct ggml_tensor * t, int64_t i1, int64_t i2, int64_t i3) {
    return (char *) t->data + i1 * (int64_t) t->nb[1] + i2 * (int64_t) t->nb[2] + i3 * (int64_t) t->nb[3];
}

/* Rows first .. last - 1 of `n` are this thread's. */
static void share(const struct ggml_compute_params * params, int64_t n, int64_t * first, int64_t * last) {
    *first = n * params->ith / params->nth;
    *last = n * (params->ith + 1) / params->nth;
}

static void norm_rows(const struct ggml_compute_params * params, const struct ggml_tensor * norm, struct ggml_tensor * dst,
                      const struct ggml_tensor * weight) {
    const struct ggml_tensor * x = norm->src[0];
    float eps;
    memcpy(&eps, norm->op_params, sizeof eps);
    int64_t first, last;
    share(params, ggml_nrows(x), &first, &last);
    for (int64_t r = first; r < last; r++) {
        const int64_t i1 = r % x->ne[1], i2 = r / x->ne[1] % x->ne[2], i3 = r / x->ne[1] / x->ne[2];
        const float * w = weight ? (const float *) row_at(weight, i1 % weight->ne[1], i2 % weight->ne[2], i3 % weight->ne[3])
                                 : NULL;
        ez_kernels()->rms_norm((float *) row_at(dst, i1, i2, i3), (const float *) row_at(x, i1, i2, i3), w,
                               (int) x->ne[0], eps);
    }
}

void edgezip_forward_rms_norm(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    const struct ggml_tensor * x = dst->src[0];
    if (x->type != GGML_TYPE_F32 || x->nb[0] != 4 || dst->nb[0] != 4) {
        ggml_compute_forward_rms_norm(params, dst);
        return;
    }
    norm_rows(params, dst, dst, NULL);
}

/* Upstream has checked: all F32, the weight as long as a row and contiguous along it. */
void edgezip_forward_rms_norm_mul_fused(const struct ggml_compute_params * params, struct ggml_tensor * norm,
                                        struct ggml_tensor * mul) {
    if (norm->src[0]->nb[0] != 4 || mul->nb[0] != 4) {
        ggml_compute_forward_rms_norm_mul_fused(params, norm, mul);
        return;
    }
    norm_rows(params, norm, mul, mul->src[0] == norm ? mul->src[1] : mul->src[0]);
}

void edgezip_forward_glu(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    const struct ggml_tensor * a = dst->src[0];
    const struct ggml_tensor * b = dst->src[1];
    if (ggml_get_glu_op(dst) != GGML_GLU_OP_SWIGLU || a->type != GGML_TYPE_F32 || !ggml_is_contiguous_1(a) ||
        !ggml_is_contiguous_1(dst) || (b && !ggml_is_contiguous_1(b))) {
        ggml_compute_forward_glu(params, dst);
        return;
    }
    const int64_t n = b ? a->ne[0] : a->ne[0] / 2;
    const int64_t swapped = ggml_get_op_params_i32(dst, 1) ? n : 0;
    /* In pieces of at most 256, so that one long row is shared too. Elements do not depend on each other. */
    const int64_t pieces = (n + 255) / 256;
    int64_t first, last;
    share(params, ggml_nrows(a) * pieces, &first, &last);
    for (int64_t i = first; i < last; i++) {
        const int64_t r = i / pieces, start = i % pieces * 256;
        const float * x = (const float *) ((const char *) a->data + r * (int64_t) a->nb[1]);
        const float * gate = b ? (const float *) ((const char *) b->data + r * (int64_t) b->nb[1]) : x + n - swapped;
        x += b ? 0 : swapped;
        ez_kernels()->swiglu((float *) ((char *) dst->data + r * (int64_t) dst->nb[1]) + start, x + start, gate + start,
                             (int) (n - start < 256 ? n - start : 256));
    }
}

void edgezip_forward_set_rows(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    const struct ggml_tensor * x = dst->src[0];
    const struct ggml_tensor * index = dst->src[1];
    const bool half = dst->type == GGML_TYPE_F16 && x->ne[0] >= 16;
    const bool keys = dst->type == GGML_TYPE_Q8_0, values = dst->type == GGML_TYPE_Q8_1;
    const bool tiles = (keys || values) && x->ne[0] % 32 == 0 && dst->ne[1] % EZ_TILE == 0;
    if (!(half || tiles) || x->type != GGML_TYPE_F32 || index->type != GGML_TYPE_I64 || x->nb[0] != 4) {
        ggml_compute_forward_set_rows(params, dst);
        return;
    }
    int64_t first, last;
    share(params, ggml_nrows(x), &first, &last);
    for (int64_t r = first; r < last; r++) {
        const int64_t i1 = r % x->ne[1], i2 = r / x->ne[1] % x->ne[2], i3 = r / x->ne[1] / x->ne[2];
        const int64_t to = *(const int64_t *) ((const char *) index->data + i1 * (int64_t) index->nb[0] +
                                               i2 % index->ne[1] * (int64_t) index->nb[1] +
                                               i3 % index->ne[2] * (int64_t) index->nb[2]);
        GGML_ASSERT(to >= 0 && to < dst->ne[1]);
        const float * row = (const float *) row_at(x, i1, i2, i3);
        if (half) {
            ez_kernels()->to_half((uint16_t *) row_at(dst, to, i2, i3), row, (int) x->ne[0]);
            continue;
        }
        char * tile = row_at(dst, to - to % EZ_TILE, i2, i3);
        if (keys) {
            ez_kernels()->to_keys((ez_q8_0 *) tile, (int) (to % EZ_TILE), row, (int) x->ne[0]);
        } else {
            ez_kernels()->to_values((ez_values *) tile, (int) (to % EZ_TILE), row, (int) x->ne[0]);
        }
    }
}
