/* Rotary embedding with tables of cosines and sines.
 *
 * Angles are computed in double with the functions of libm.c: theta = pos * base^(-2 i / n) / factor_i, then as
 * in YaRN (Peng et al., arXiv 2309.00071) when ext_factor is not 0, and rounded to float once, after the
 * multiplication by the magnitude. A table row depends on the parameters and the position alone; rows are
 * computed 64 positions at a time when first needed and kept.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "kernels.h"
#include "ggml-cpu-impl.h"
#include "ops.h"

#define BLOCK 64         /* positions per table block */
#define BLOCKS 4096      /* positions from 262,144 on are not kept */
#define MAX_DIMS 512
#define MAX_TABLES 64

struct rope_key {
    int32_t n, halves, n_ctx_orig;
    float base, scale, ext, magnitude, fast, slow;
};

struct rope_table {
    struct rope_key key;
    float factors[MAX_DIMS / 2];
    _Atomic(float *) blocks[BLOCKS];
};

static _Atomic(struct rope_table *) tables[MAX_TABLES];

void edgezip_forward_rope(const struct ggml_compute_params * params, struct ggml_tensor * dst);
double ez_sin(double x);
double ez_cos(double x);

/* The row of one position: 2 n floats for pairs (see k_elementwise.h), n for halves. */
static size_t row_floats(const struct rope_key * key) { return (size_t) key->n * (key->halves ? 1 : 2); }

static void compute_row(float * row, const struct rope_key * key, const float * factors, int64_t position) {
    float dims[2];
    double magnitude = (double) key->magnitude;
    const int n = key->n;
    if (key->ext != 0.0f) {
        ggml_rope_yarn_corr_dims(n, key->n_ctx_orig, key->base, key->fast, key->slow, dims);
        magnitude = magnitude * (1.0 + 0.1 * log(1.0 / (double) key->scale));
    }
    for (int i = 0; i < n / 2; i++) {
        const double extrapolated = (double) position * pow((double) key->base, -2.0 * i / n) / (double) factors[i];
        double theta = (double) key->scale * extrapolated;
        if (key->ext != 0.0f) {
            const double width = (double) dims[1] - (double) dims[0];
            const double y = ((double) i - (double) dims[0]) / (width > 0.001 ? width : 0.001);
            const double mix = (1.0 - (y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y)) * (double) key->ext;
            theta = theta * (1.0 - mix) + extrapolated * mix;
        }
        const float c = (float) (ez_cos(theta) * magnitude), s = (float) (ez_sin(theta) * magnitude);
        if (key->halves) {
            row[i] = c;
            row[n / 2 + i] = s;
        } else {
            row[2 * i] = row[2 * i + 1] = c;
            row[n + 2 * i] = -s;
            row[n + 2 * i + 1] = s;
        }
    }
}

static struct rope_table * find_table(const struct rope_key * key, const float * factors) {
    const size_t bytes = (size_t) key->n / 2 * sizeof(float);
    struct rope_table * fresh = NULL;
    for (int i = 0; i < MAX_TABLES; i++) {
        struct rope_table * t = atomic_load(&tables[i]);
        if (!t) {
            fresh = fresh ? fresh : calloc(1, sizeof *fresh);
            if (!fresh) {
                return NULL;
            }
            fresh->key = *key;
            memcpy(fresh->factors, factors, bytes);
            if (atomic_compare_exchange_strong(&tables[i], &t, fresh)) {
                return fresh;
            }
        }
        if (memcmp(&t->key, key, sizeof *key) == 0 && memcmp(t->factors, factors, bytes) == 0) {
            free(fresh);
            return t;
        }
    }
    free(fresh);
    return NULL;
}

/* The row of a position; `own` receives it when it cannot be kept. */
static const float * table_row(struct rope_table * t, int64_t position, float * own) {
    const size_t floats = row_floats(&t->key);
    if (position < 0 || position >= (int64_t) BLOCK * BLOCKS) {
        compute_row(own, &t->key, t->factors, position);
        return own;
    }
    _Atomic(float *) * slot = &t->blocks[position / BLOCK];
    float * block = atomic_load_explicit(slot, memory_order_acquire);
    if (!block) {
        float * fresh = malloc(BLOCK * floats * sizeof(float));
        if (!fresh) {
            compute_row(own, &t->key, t->factors, position);
            return own;
        }
        for (int i = 0; i < BLOCK; i++) {
            compute_row(fresh + (size_t) i * floats, &t->key, t->factors, position / BLOCK * BLOCK + i);
        }
        if (atomic_compare_exchange_strong(slot, &block, fresh)) {
            block = fresh;
        } else {
            free(fresh);
        }
    }
    return block + (size_t) (position % BLOCK) * floats;
}

static bool read_key(const struct ggml_tensor * dst, struct rope_key * key) {
    const int32_t * p = (const int32_t *) dst->op_params;
    memset(key, 0, sizeof *key);
    key->n = p[1];
    key->halves = p[2] == GGML_ROPE_TYPE_NEOX;
    key->n_ctx_orig = p[4];
    memcpy(&key->base, p + 5, 4);
    memcpy(&key->scale, p + 6, 4);
    memcpy(&key->ext, p + 7, 4);
    memcpy(&key->magnitude, p + 8, 4);
    memcpy(&key->fast, p + 9, 4);
    memcpy(&key->slow, p + 10, 4);
    return (p[2] == GGML_ROPE_TYPE_NORMAL || key->halves) && p[15] == 0 && key->n >= 2 && key->n <= MAX_DIMS &&
           key->n % 2 == 0 && dst->src[0]->type == GGML_TYPE_F32 && dst->src[0]->nb[0] == 4 && dst->nb[0] == 4;
}

void edgezip_forward_rope(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    const struct ggml_tensor * x = dst->src[0];
    const int32_t * positions = (const int32_t *) dst->src[1]->data;
    struct rope_key key;
    float factors[MAX_DIMS / 2], own[2 * MAX_DIMS];
    struct rope_table * table = NULL;
    if (read_key(dst, &key)) {
        for (int i = 0; i < key.n / 2; i++) {
            factors[i] = dst->src[2] ? ((const float *) dst->src[2]->data)[i] : 1.0f;
        }
        table = find_table(&key, factors);
    }
    if (!table) {
        ggml_compute_forward_rope(params, dst);
        return;
    }
    const int64_t rows = ggml_nrows(x);
    const float * row = NULL;
    int64_t row_of = -1;
    for (int64_t r = rows * params->ith / params->nth; r < rows * (params->ith + 1) / params->nth; r++) {
        const int64_t i1 = r % x->ne[1], i2 = r / x->ne[1] % x->ne[2], i3 = r / x->ne[1] / x->ne[2];
        const float * from = (const float *) ((const char *) x->data + i1 * (int64_t) x->nb[1] +
                                              i2 * (int64_t) x->nb[2] + i3 * (int64_t) x->nb[3]);
        float * to = (float *) ((char *) dst->data + i1 * (int64_t) dst->nb[1] + i2 * (int64_t) dst->nb[2] +
                                i3 * (int64_t) dst->nb[3]);
        if (row_of != i2) {
            row = table_row(table, positions[i2], own);
            row_of = i2;
        }
        if (key.halves) {
            ez_kernels()->rope_halves(to, from, row, key.n);
        } else {
            ez_kernels()->rope_pairs(to, from, row, key.n);
        }
        if (to != from && x->ne[0] > key.n) {
            memcpy(to + key.n, from + key.n, (size_t) (x->ne[0] - key.n) * sizeof(float));
        }
    }
}
