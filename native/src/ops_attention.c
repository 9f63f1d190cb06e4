/* Flash attention (GGML_OP_FLASH_ATTN_EXT) with our kernel: a cache of F16, or Q8_0 for keys and Q8_1 for values,
 * masks of 0 and minus infinity, no sinks, no soft cap, no ALiBi. Everything else goes to upstream's reference path,
 * which is not split over threads within a row; but a cache of 8 bits is in tiles (ops_rows.c), which only our
 * kernel reads.
 *
 * A task is one stream, some K/V heads and up to EZ_ATTENTION_ROWS query rows that use them. Decoding, with few rows
 * per head, reads the cache once and does little with it: neighbouring heads then go over the same cells together,
 * so that memory is read in order.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "kernels.h"
#include "ggml-cpu-impl.h"
#include "ops.h"

void edgezip_forward_flash_attn_ext(const struct ggml_compute_params * params, struct ggml_tensor * dst);

#define HALF_MINUS_INFINITY UINT16_C(0xFC00)
#define IN_EACH UINT64_C(0x0001000100010001) /* times 16 bits: the same in four entries */

static uint64_t four_entries(const uint16_t * mask) {
    uint64_t four;
    memcpy(&four, mask, sizeof four);
    return four;
}

/* 0 where 16 entries of a mask are what `all` has four times. */
static uint64_t other_than(uint64_t all, const uint16_t * mask) {
    return (four_entries(mask) ^ all) | (four_entries(mask + 4) ^ all) | (four_entries(mask + 8) ^ all) |
           (four_entries(mask + 12) ^ all);
}

/* Cells up to the last visible one, of a mask of a multiple of 16; *hidden are those from the first hidden one before it
 * to the last, in whole 16s. -1: the mask has other values than 0 and minus infinity. */
static int visible_cells(const uint16_t * mask, int cells, struct ez_cells * hidden) {
    int n = cells;
    while (n > 0 && other_than(IN_EACH * HALF_MINUS_INFINITY, mask + n - 16) == 0) {
        n -= 16;
    }
    int first = 0, last = n;
    while (first < last && other_than(0, mask + first) == 0) {
        first += 16;
    }
    while (first < last && other_than(0, mask + last - 16) == 0) {
        last -= 16;
    }
    while (n > 0 && mask[n - 1] == HALF_MINUS_INFINITY) {
        n--;
    }
    for (int j = first; j < last; j++) {
        if (mask[j] != 0 && mask[j] != HALF_MINUS_INFINITY) {
            return -1;
        }
    }
    *hidden = (struct ez_cells) {first, last};
    return n;
}

static bool rows_of_half(const struct ggml_tensor * t) {
    return t->type == GGML_TYPE_F16 && t->nb[0] == 2 && t->ne[0] % 16 == 0 && t->ne[1] % 16 == 0;
}

/* A cache in tiles: all heads of a cell side by side. */
static bool tiles(const struct ggml_tensor * t, enum ggml_type type) {
    return t->type == type && t->ne[0] % 32 == 0 && t->nb[2] == ggml_row_size(t->type, t->ne[0]) &&
           t->nb[1] == t->nb[2] * (size_t) t->ne[2] && t->ne[1] % EZ_TILE == 0 && t->nb[3] % (EZ_TILE * t->nb[1]) == 0;
}

static bool supported(const struct ggml_tensor * dst) {
    const struct ggml_tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *mask = dst->src[3];
    float max_bias, soft_cap;
    memcpy(&max_bias, (const float *) dst->op_params + 1, 4);
    memcpy(&soft_cap, (const float *) dst->op_params + 2, 4);
    return q->type == GGML_TYPE_F32 && q->nb[0] == 4 && dst->src[4] == NULL &&
           ((rows_of_half(k) && rows_of_half(v)) || (tiles(k, GGML_TYPE_Q8_0) && tiles(v, GGML_TYPE_Q8_1))) &&
           max_bias == 0.0f && soft_cap == 0.0f &&
           (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[0] % 16 == 0)) &&
           dst->nb[0] == 4 && k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0 && k->ne[3] == q->ne[3] &&
           v->ne[3] == q->ne[3];
}

struct task {
    const struct ggml_tensor *q, *k, *v, *mask, *dst;
    int64_t stream, head; /* first K/V head */
    int64_t heads;        /* K/V heads */
    int64_t first, last;  /* rows of each: query * group + head in group */
    int64_t group;        /* query heads per K/V head */
    float scale;
};

/* False when a mask holds other values than 0 and minus infinity. */
static bool run_task(const struct task * t, float ** scratch, size_t * scratch_floats) {
    const float * q[EZ_ATTENTION_ROWS];
    float * out[EZ_ATTENTION_ROWS];
    int n[EZ_ATTENTION_ROWS];
    const uint16_t * masks[EZ_ATTENTION_ROWS];
    struct ez_cells hidden[EZ_ATTENTION_ROWS];
    int longest = 0;
    const int per_head = (int) (t->last - t->first), rows = per_head * (int) t->heads;
    for (int r = 0; r < rows; r++) {
        const int64_t row = t->first + r % per_head, query = row / t->group;
        const int64_t head = (t->head + r / per_head) * t->group + row % t->group;
        q[r] = (const float *) ((const char *) t->q->data + query * (int64_t) t->q->nb[1] +
                                head * (int64_t) t->q->nb[2] + t->stream * (int64_t) t->q->nb[3]);
        out[r] = (float *) ((char *) t->dst->data + head * (int64_t) t->dst->nb[1] + query * (int64_t) t->dst->nb[2] +
                            t->stream * (int64_t) t->dst->nb[3]);
        n[r] = (int) t->k->ne[1];
        masks[r] = NULL;
        hidden[r] = (struct ez_cells) {0, 0};
        const int alike = r >= per_head ? r - per_head : r > 0 && (row - 1) / t->group == query ? r - 1 : -1;
        if (alike >= 0) {
            n[r] = n[alike];
            masks[r] = masks[alike];
            hidden[r] = hidden[alike];
        } else if (t->mask) {
            const uint16_t * mask = (const uint16_t *) ((const char *) t->mask->data + query * (int64_t) t->mask->nb[1] +
                                                        t->stream % t->mask->ne[3] * (int64_t) t->mask->nb[3]);
            n[r] = visible_cells(mask, n[r], &hidden[r]);
            masks[r] = mask;
        }
        if (n[r] < 0) {
            return false;
        }
        longest = n[r] > longest ? n[r] : longest;
    }
    const int dk = (int) t->k->ne[0], dv = (int) t->v->ne[0];
    const bool in_tiles = t->k->type == GGML_TYPE_Q8_0;
    const size_t per_head_rows = in_tiles ? EZ_TILE : 1; /* cells that lie side by side within a head */
    const size_t floats = ez_attention_scratch(rows, longest, dk, dv);
    if (floats > *scratch_floats) {
        free(*scratch);
        *scratch = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
        GGML_ASSERT(*scratch);
        *scratch_floats = floats;
    }
    const struct ez_attention a = {
        .heads = (int) t->heads, .rows = per_head, .dk = dk, .dv = dv, .cells = (int) t->k->ne[1], .q = q, .out = out, .n = n, .mask = masks,
        .hidden = hidden,
        .k = (const uint8_t *) t->k->data + t->head * (int64_t) (per_head_rows * t->k->nb[2]) + t->stream * (int64_t) t->k->nb[3],
        .v = (const uint8_t *) t->v->data + t->head * (int64_t) (per_head_rows * t->v->nb[2]) + t->stream * (int64_t) t->v->nb[3],
        .tiles = in_tiles, .k_stride = per_head_rows * t->k->nb[1], .k_head = per_head_rows * t->k->nb[2],
        .v_stride = per_head_rows * t->v->nb[1], .v_head = per_head_rows * t->v->nb[2],
        .scale = t->scale, .scratch = *scratch,
    };
    ez_kernels()->attention(&a);
    return true;
}

/* K/V heads of a task: as many as fill the first cache level with EZ_CELLS of their cells, one where the rows of one
 * head suffice for a task or the other threads would be idle. */
static int64_t heads_together(const struct task * t, int64_t rows, int threads) {
    int64_t most = 512 / (int64_t) ggml_row_size(t->v->type, t->v->ne[0]);
    most = most < t->k->ne[2] ? most : t->k->ne[2];
    if (most * rows > EZ_ATTENTION_ROWS || most < 1) {
        return 1;
    }
    const int64_t tasks = (t->k->ne[2] + most - 1) / most * t->q->ne[3];
    return tasks < threads ? 1 : most;
}

/* Sets stream, heads and rows of task i. */
static void place_task(struct task * t, int64_t i, int64_t parts, int64_t together) {
    const int64_t heads = t->k->ne[2], head_parts = (heads + together - 1) / together;
    const int64_t rows = t->q->ne[1] * t->group, part = i % parts;
    t->head = i / parts % head_parts * together;
    t->heads = heads - t->head < together ? heads - t->head : together;
    t->stream = i / parts / head_parts;
    t->first = rows * part / parts;
    t->last = rows * (part + 1) / parts;
}

/* The first cells of the task that the thread turns to next: nothing foresees where they lie. */
static void fetch_first_cells(const struct task * t) {
    const bool in_tiles = t->k->type == GGML_TYPE_Q8_0;
    const int64_t together = in_tiles ? EZ_TILE : 1, most = in_tiles ? EZ_TILES_AHEAD : EZ_CELLS_AHEAD;
    const int64_t head = together * (int64_t) t->k->nb[2], step = together * (int64_t) t->k->nb[1]; /* bytes */
    const char * at = (const char *) t->k->data + t->stream * (int64_t) t->k->nb[3] + t->head * head;
    for (int64_t j = 0; j < most && j * together < t->k->ne[1]; j++) {
        for (int64_t i = 0; i < t->heads * head; i += 64) {
            __builtin_prefetch(at + j * step + i, 0, EZ_SECOND_CACHE);
        }
    }
}

static void upstream_reference(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    struct ggml_compute_params reference = *params;
    reference.use_ref = true;
    ggml_compute_forward_flash_attn_ext(&reference, dst);
}

void edgezip_forward_flash_attn_ext(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    if (!supported(dst)) {
        if (dst->src[1]->type == GGML_TYPE_Q8_0) {
            GGML_ABORT("edgezip: this attention is not supported with a cache of 8 bits");
        }
        upstream_reference(params, dst);
        return;
    }
    struct task t = {.q = dst->src[0], .k = dst->src[1], .v = dst->src[2], .mask = dst->src[3], .dst = dst};
    memcpy(&t.scale, (const float *) dst->op_params, 4);
    t.group = t.q->ne[2] / t.k->ne[2];
    const int64_t rows = t.q->ne[1] * t.group, heads = t.k->ne[2];
    const int64_t parts = (rows + EZ_ATTENTION_ROWS - 1) / EZ_ATTENTION_ROWS;
    const int64_t together = heads_together(&t, rows, params->nth);
    const int64_t head_parts = (heads + together - 1) / together;
    const int64_t tasks = parts * head_parts * t.q->ne[3];
    float * scratch = NULL;
    size_t scratch_floats = 0;
    /* Interleaved, because later queries see more cells. */
    for (int64_t i = params->ith; i < tasks; i += params->nth) {
        if (parts == 1 && i + params->nth < tasks) {
            place_task(&t, i + params->nth, parts, together);
            fetch_first_cells(&t);
        }
        place_task(&t, i, parts, together);
        if (!run_task(&t, &scratch, &scratch_floats)) {
            GGML_ABORT("edgezip: attention masks other than 0 and minus infinity are not supported");
        }
    }
    free(scratch);
}
