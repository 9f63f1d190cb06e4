/* Matrix products: takes the place of upstream's tiled/tiled.cpp, which is asked first for every product.
 *
 * Activations become columns (quantized, or copied), then each thread takes a share of the tiles and goes over
 * all columns. Weights that lie in ggml's own layout are packed into a tile on the way; the arithmetic and
 * so the bits are the same. Small batches are prepared by every thread for itself, which saves a barrier.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ops_matmul.h"

#include "ggml-backend.h"
#include "kernels.h"
#include "tiles.h"

#define ALIGN(n) (((size_t) (n) + 63) / 64 * 64)
#define OWN_COLUMNS_BELOW 4096 /* activations (numbers) that every thread prepares for itself */

static enum ez_format product_format(const struct ggml_tensor * dst) {
    const struct ggml_tensor * w = dst->src[0];
    const struct ggml_tensor * x = dst->src[1];
    if (x->type != GGML_TYPE_F32 || dst->type != GGML_TYPE_F32 || x->nb[0] != 4 || dst->nb[0] != 4 ||
        w->nb[0] != ggml_type_size(w->type)) {
        return EZ_FORMATS;
    }
    return ez_format_of(w->type, w->ne[0]);
}

static bool own_columns(const struct ggml_tensor * x) { return ggml_nelements(x) < OWN_COLUMNS_BELOW; }

static size_t columns_bytes(enum ez_format format, const struct ggml_tensor * x) {
    return ALIGN(ez_column_bytes(format, (int) x->ne[0]) * (size_t) (x->ne[1] * x->ne[2] * x->ne[3]));
}

size_t ez_matmul_workspace(int threads, const struct ggml_tensor * dst) {
    const enum ez_format format = product_format(dst);
    if (format == EZ_FORMATS) {
        return 0;
    }
    const struct ggml_tensor * x = dst->src[1];
    const size_t columns = columns_bytes(format, x) * (own_columns(x) ? (size_t) threads : 1);
    return 64 + columns + ALIGN(ez_tile_bytes(format, x->ne[0])) * (size_t) threads;
}

static void prepare_columns(enum ez_format format, const struct ggml_tensor * x, uint8_t * columns, int part, int parts) {
    const struct ez_kernels * kernels = ez_kernels();
    const int k = (int) x->ne[0];
    const size_t bytes = ez_column_bytes(format, k);
    const int64_t n = x->ne[1] * x->ne[2] * x->ne[3];
    for (int64_t c = n * part / parts; c < n * (part + 1) / parts; c++) {
        const int64_t i1 = c % x->ne[1], i2 = c / x->ne[1] % x->ne[2], i3 = c / x->ne[1] / x->ne[2];
        const float * row = (const float *) ((const char *) x->data + i1 * (int64_t) x->nb[1] +
                                             i2 * (int64_t) x->nb[2] + i3 * (int64_t) x->nb[3]);
        uint8_t * column = columns + (size_t) c * bytes;
        if (ez_is_float(format)) {
            memcpy(column, row, (size_t) k * sizeof(float));
        } else {
            kernels->quantize[format](column, row, k);
        }
    }
}

/* One matrix of the batch dimensions: tiles first .. last - 1. */
static void multiply(struct ez_gemm * g, enum ez_format format, const struct ggml_tensor * w, const uint8_t * weights,
                     uint8_t * scratch, int first, int last, bool packed) {
    const struct ez_kernels * kernels = ez_kernels();
    if (packed) {
        g->w = weights + (size_t) first * g->tile_bytes;
        kernels->gemm[format](g, first, last);
        return;
    }
    for (int t = first; t < last; t++) {
        const int rows = g->rows - t * EZ_TILE < EZ_TILE ? g->rows - t * EZ_TILE : EZ_TILE;
        ez_pack_tile(format, scratch, weights + (size_t) t * EZ_TILE * w->nb[1], w->nb[1], rows, g->k);
        g->w = scratch;
        kernels->gemm[format](g, t, t + 1);
    }
}

bool ez_matmul(const struct ggml_compute_params * params, struct ggml_tensor * dst, bool packed) {
    const struct ggml_tensor * w = dst->src[0];
    const struct ggml_tensor * x = dst->src[1];
    const enum ez_format format = product_format(dst);
    if (format == EZ_FORMATS || params->wsize < ez_matmul_workspace(params->nth, dst)) {
        return false;
    }
    const bool own = own_columns(x);
    const size_t column_bytes = ez_column_bytes(format, (int) x->ne[0]);
    uint8_t * base = (uint8_t *) ALIGN((uintptr_t) params->wdata);
    uint8_t * columns = base + (own ? columns_bytes(format, x) * (size_t) params->ith : 0);
    uint8_t * scratch = base + columns_bytes(format, x) * (own ? (size_t) params->nth : 1) +
                        ALIGN(ez_tile_bytes(format, x->ne[0])) * (size_t) params->ith;
    if (own) {
        prepare_columns(format, x, columns, 0, 1);
    } else {
        prepare_columns(format, x, columns, params->ith, params->nth);
        ggml_barrier(params->threadpool);
    }

    struct ez_gemm g = {
        .tile_bytes = ez_tile_bytes(format, w->ne[0]),
        .rows = (int) w->ne[1],
        .k = (int) w->ne[0],
        .far = w->buffer && ggml_backend_buffer_get_size(w->buffer) > EZ_MOST_NEAR,
        .column_bytes = column_bytes,
        .columns = (int) x->ne[1],
        .y_stride = dst->nb[1] / sizeof(float),
    };
    const int64_t tiles = (w->ne[1] + EZ_TILE - 1) / EZ_TILE;
    const int64_t all = tiles * x->ne[2] * x->ne[3];
    const int64_t end = all * (params->ith + 1) / params->nth;
    for (int64_t at = all * params->ith / params->nth; at < end;) {
        const int64_t matrix = at / tiles, i2 = matrix % x->ne[2], i3 = matrix / x->ne[2];
        const int64_t first = at - matrix * tiles;
        const int64_t last = end - matrix * tiles < tiles ? end - matrix * tiles : tiles;
        const int64_t j2 = i2 / (x->ne[2] / w->ne[2]), j3 = i3 / (x->ne[3] / w->ne[3]);
        const uint8_t * weights = (const uint8_t *) w->data + j2 * (int64_t) w->nb[2] + j3 * (int64_t) w->nb[3];
        g.x = columns + (size_t) (matrix * x->ne[1]) * column_bytes;
        g.y = (float *) ((char *) dst->data + i2 * (int64_t) dst->nb[2] + i3 * (int64_t) dst->nb[3]);
        multiply(&g, format, w, weights, scratch, (int) first, (int) last, packed);
        at = matrix * tiles + last;
    }
    return true;
}

/* The seam that upstream's ggml-cpu.c calls. */
size_t ggml_tiled_wdata_size(int n_tasks, struct ggml_tensor * dst);
bool ggml_compute_forward_mul_mat_tiled(const struct ggml_compute_params * params, struct ggml_tensor * dst);
bool ggml_compute_forward_mul_mat_id_tiled(const struct ggml_compute_params * params, struct ggml_tensor * dst,
                                           int64_t cur_a, int64_t cne1, const int32_t * expert_rows, char * scratch);

size_t ggml_tiled_wdata_size(int n_tasks, struct ggml_tensor * dst) {
    return dst->op == GGML_OP_MUL_MAT ? ez_matmul_workspace(n_tasks, dst) : 0;
}

bool ggml_compute_forward_mul_mat_tiled(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    return ez_matmul(params, dst, false);
}

/* Mixtures of experts keep upstream's generic kernels: deterministic, slow. */
bool ggml_compute_forward_mul_mat_id_tiled(const struct ggml_compute_params * params, struct ggml_tensor * dst,
                                           int64_t cur_a, int64_t cne1, const int32_t * expert_rows, char * scratch) {
    (void) params, (void) dst, (void) cur_a, (void) cne1, (void) expert_rows, (void) scratch;
    return false;
}
