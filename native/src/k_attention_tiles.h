/* Scores and values of a cache of 8 bits, 16 cells of all heads in a tile (k_attention.h). */

/* Products with keys of which EZ_CACHE_BLOCK numbers have one scale. */
typedef ez_q8_0 ez_keys;
#define EZ_FORMAT keys
#define EZ_TOGETHER (EZ_CACHE_BLOCK / 32)
#define EZ_GROUP_OF(w, i, lane, fetch) ez_weights_q8_0(w, i, lane, fetch, ahead)
#include "k_dot_wide.h"

#define EZ_KEY_TILES 4 /* tiles of keys that all heads of a call go over before the next ones */

/* Part `i` of `n` of fetching the tiles from `first` to `last`: `bytes` of each, those of the call's heads. In parts, as other
 * work is to be done meanwhile; in the order of memory, which hardware then fetches ahead of these loads. */
EZ_INLINE void ez_fetch_tiles(const uint8_t * tiles, size_t stride, size_t bytes, int first, int last, int i, int n) {
    const size_t all = (size_t) (last - first) * bytes, end = all * (size_t) (i + 1) / (size_t) n;
    size_t done = all * (size_t) i / (size_t) n / 64 * 64, at = done % bytes;
    const uint8_t * tile = tiles + ((size_t) first + done / bytes) * stride;
    for (; done < end; done += 64, at += 64) {
        if (at >= bytes) {
            tile += stride;
            at = 0;
        }
        __builtin_prefetch(tile + at, 0, EZ_SECOND_CACHE);
    }
}

/* Scores of all cells, keys in tiles: a matrix product for each head. Decoding, with few rows, reads each key for little
 * work: its heads go over a few tiles before the next ones, and fetch later tiles together. */
EZ_INLINE void ez_score_tiles(const struct ez_attention * a, int longest, int padded, uint8_t * columns) {
    const struct ez_activations as_of_q8_0 = EZ_Q8_0_ACTIVATIONS;
    const struct ez_activations as_of_keys = {.per_sum = EZ_CACHE_BLOCK, .factor = -EZ_BIAS, .wide = true};
    const bool together = a->dk % EZ_CACHE_BLOCK == 0; /* as ez_to_keys puts them, for every head */
    const int blocks = a->dk / (together ? EZ_CACHE_BLOCK : 32);
    const size_t column_bytes = ez_column_bytes(EZ_Q8_0, a->dk);
    for (int r = 0; r < a->heads * a->rows; r++) {
        uint8_t * column = columns + (size_t) r * column_bytes;
        if (together) {
            ez_quantize_row(column, a->q[r], a->dk, EZ_CACHE_BLOCK, as_of_keys);
        } else {
            ez_quantize_row(column, a->q[r], a->dk, 32, as_of_q8_0);
        }
        float * d = (float *) (column + ez_column_scales(a->dk));
        for (int b = 0; b < blocks; b++) {
            d[b] = d[b] * a->scale;
        }
    }
    const bool few = a->rows <= EZ_ATTENTION_ROWS / 2;
    const int tiles = (longest + EZ_TILE - 1) / EZ_TILE, block = few ? EZ_KEY_TILES : tiles;
    for (int first = 0; first < tiles; first += block) {
        const int last = first + block < tiles ? first + block : tiles;
        for (int h = 0; h < a->heads; h++) {
            if (few) {
                ez_fetch_tiles(a->k, a->k_stride, (size_t) a->heads * a->k_head, first + EZ_TILES_AHEAD,
                               last + EZ_TILES_AHEAD, h, a->heads);
            }
            const size_t row = (size_t) (h * a->rows);
            const struct ez_gemm g = {
                .w = a->k + (size_t) h * a->k_head + (size_t) first * a->k_stride, .tile_bytes = a->k_stride, .rows = longest,
                .k = a->dk, .ahead = a->k_stride, .x = columns + row * column_bytes,
                .column_bytes = column_bytes, .columns = a->rows, .y = a->scratch + row * (size_t) padded,
                .y_stride = (size_t) padded,
            };
            if (together) {
                EZ_NAME(ez_gemm_keys)(&g, first, last);
            } else {
                EZ_NAME(ez_gemm_q8_0)(&g, first, last);
            }
        }
    }
}

#define EZ_WEIGHT_MOST 127.0f

/* NaN where the scale of a cell is, else 0, for block b of 32 numbers. */
EZ_INLINE float ez_not_finite(const uint8_t * v, size_t stride, int b, int n) {
    vf sum = vf_set1(0.0f);
    for (int j = 0; j < n; j += W) {
        const ez_values * tile = (const ez_values *) (v + (size_t) (j / EZ_TILE) * stride) + b;
        sum = vf_add(sum, vf_mul(vf_load(tile->d + j % EZ_TILE), vf_set1(0.0f)));
    }
    return vf_sum_lanes(sum);
}

/* The cells' scales, of W from j on, for block b of 32 numbers. */
EZ_INLINE vf ez_value_scales(const uint8_t * v, size_t stride, int b, int j) {
    const ez_values * tile = (const ez_values *) (v + (size_t) (j / EZ_TILE) * stride) + b;
    return vf_load(tile->d + j % EZ_TILE);
}

/* The largest u of n cells, whole tiles. */
EZ_INLINE float ez_largest_weight(const float * p, const uint8_t * v, size_t stride, int b, int n) {
    vf top = vf_set1(0.0f);
    EZ_UNROLL for (int j = 0; j < n; j += W) top = vf_max(top, vf_mul(vf_load(p + j), ez_value_scales(v, stride, b, j)));
    return vf_max_lanes(top);
}

EZ_INLINE void ez_round_weights(int8_t * to, float inverse, const float * p, const uint8_t * v, size_t stride, int b, int n) {
    EZ_UNROLL for (int j = 0; j < n; j += W) {
        const vf u = vf_mul(vf_load(p + j), ez_value_scales(v, stride, b, j));
        vi_store_s8(to + j, vf_round(vf_mul(u, vf_set1(inverse))));
    }
}

/* What the values of a call's rows are multiplied by: for block i of EZ_CELLS cells, row r and block b of `wide` numbers
 * EZ_CELLS weights from w + ((i * rows + r) * blocks + b) * EZ_CELLS on, 1 of which stands for
 * unit[(i * rows + r) * blocks + b]. */
struct ez_weights {
    int8_t * w;
    float * unit;
    int rows, blocks;
};

/* Weights of `whole` cells of a row, whole tiles, from their p. Those that the row does not see have p = 0; the scales of the
 * last ones are of cells that were used before, or 0. The largest of all blocks are found first, so that nothing waits for
 * one and for the division by it. */
EZ_INLINE void ez_weigh_row(const struct ez_attention * a, const struct ez_weights * to, int row, const float * p, int whole, int wide) {
    const uint8_t * v = a->v + (size_t) (row / a->rows) * a->v_head;
    const size_t block_bytes = EZ_CELLS / EZ_TILE * a->v_stride;
    for (int b = 0; b < to->blocks; b++) {
        for (int i = 0; i * EZ_CELLS < whole; i++) {
            const int n = whole - i * EZ_CELLS, at = (i * to->rows + row) * to->blocks + b, of = b * wide / 32;
            const uint8_t * cells = v + (size_t) i * block_bytes;
            to->unit[at] = n >= EZ_CELLS ? ez_largest_weight(p + i * EZ_CELLS, cells, a->v_stride, of, EZ_CELLS)
                                         : ez_largest_weight(p + i * EZ_CELLS, cells, a->v_stride, of, n);
        }
        for (int i = 0; i * EZ_CELLS < whole; i++) {
            const int n = whole - i * EZ_CELLS, at = (i * to->rows + row) * to->blocks + b, of = b * wide / 32;
            const uint8_t * cells = v + (size_t) i * block_bytes;
            const float most = to->unit[at];
            const bool none = !(most >= 1e-30f);
            const float inverse = none ? 0.0f : EZ_WEIGHT_MOST / most;
            if (n >= EZ_CELLS) {
                ez_round_weights(to->w + at * EZ_CELLS, inverse, p + i * EZ_CELLS, cells, a->v_stride, of, EZ_CELLS);
            } else {
                ez_round_weights(to->w + at * EZ_CELLS, inverse, p + i * EZ_CELLS, cells, a->v_stride, of, n);
            }
            to->unit[at] = none ? 0.0f : most * (1.0f / EZ_WEIGHT_MOST);
        }
    }
}

/* out[d .. d + VECTORS * W) of up to ROWS rows from `row` on += what block `i` of the cells gives, n of them, whole tiles. */
EZ_INLINE void ez_values_part_of_tiles(float * const * out, const struct ez_weights * a, int row, int i, const uint8_t * v,
                                       size_t stride, int n, const float * not_finite, int d, int rows, int vectors, int wide) {
    vu acc[16];
    const int block = d / 32, blocks = vectors * W > 32 ? vectors * W / 32 : 1; /* a part lies in one block, or fills several */
    const int lines = (blocks * (int) sizeof(ez_values) / 64 + 3) / 4, at = (i * a->rows + row) * a->blocks + d / wide;
    EZ_UNROLL for (int k = 0; k < rows * vectors; k++) acc[k] = vu_zero();
    for (int tile = 0; tile < n / EZ_TILE; tile++) {
        const ez_values * values = (const ez_values *) (v + (size_t) tile * stride) + block;
        const uint8_t * ahead = (const uint8_t *) values + EZ_TILES_AHEAD * stride;
        EZ_UNROLL for (int j = 0; j < EZ_TILE / 4; j++) {
            EZ_UNROLL for (int k = 0; k < lines; k++) __builtin_prefetch(ahead + 64 * (j * lines + k), 0, EZ_SECOND_CACHE);
            vb x[4];
            EZ_UNROLL for (int k = 0; k < vectors; k++) {
                x[k] = vb_load((const uint8_t *) values[k * W / 32].q[j][d % 32 + k * W % 32]);
            }
            EZ_UNROLL for (int r = 0; r < rows; r++) {
                const int8_t * w = a->w + (at + r * a->blocks) * EZ_CELLS + tile * EZ_TILE + 4 * j;
                EZ_UNROLL for (int k = 0; k < vectors; k++) {
                    acc[r * vectors + k] = vu_dot(acc[r * vectors + k], x[k], w + k * W / wide * EZ_CELLS);
                }
            }
        }
    }
    EZ_UNROLL for (int r = 0; r < rows; r++) {
        EZ_UNROLL for (int k = 0; k < vectors; k++) {
            const int further = k * W / wide;
            const float unit = a->unit[at + r * a->blocks + further] + not_finite[d / wide + further];
            const vf sum = vf_mul(vf_from_vi(vu_sum(acc[r * vectors + k])), vf_set1(unit));
            vf_store(out[r] + d + k * W, vf_add(vf_load(out[r] + d + k * W), sum));
        }
    }
}

EZ_INLINE void ez_values_of_tiles(float * const * out, const struct ez_weights * a, int row, int i, const uint8_t * v, size_t stride,
                                  int n, const float * not_finite, int rows, int wide) {
    const int vectors = W == 16 || rows <= 2 ? 4 : 2, dv = wide * a->blocks;
    int d = 0;
    for (; d + vectors * W <= dv; d += vectors * W) {
        ez_values_part_of_tiles(out, a, row, i, v, stride, n, not_finite, d, rows, vectors, wide);
    }
    for (; d + W <= dv; d += W) ez_values_part_of_tiles(out, a, row, i, v, stride, n, not_finite, d, rows, 1, wide);
}

/* The values of block `i` of the cells, n of them, whole tiles, for the rows of one head. `not_finite` has room for a number
 * for each block of `wide` numbers. */
EZ_INLINE void ez_value_tiles(const struct ez_attention * a, const struct ez_weights * w, int head, int i, int n, float * not_finite,
                              int wide) {
    const uint8_t * v = a->v + (size_t) head * a->v_head + (size_t) (i * EZ_CELLS / EZ_TILE) * a->v_stride;
    for (int b = 0; b < w->blocks; b++) {
        not_finite[b] = ez_not_finite(v, a->v_stride, b * wide / 32, n);
    }
    for (int r = head * a->rows; r < (head + 1) * a->rows;) {
        const int left = (head + 1) * a->rows - r, rows = left >= 4 ? 4 : left;
        float * const * out = a->out + r;
        switch (rows) {
        case 4: ez_values_of_tiles(out, w, r, i, v, a->v_stride, n, not_finite, 4, wide); break;
        case 3: ez_values_of_tiles(out, w, r, i, v, a->v_stride, n, not_finite, 3, wide); break;
        case 2: ez_values_of_tiles(out, w, r, i, v, a->v_stride, n, not_finite, 2, wide); break;
        default: ez_values_of_tiles(out, w, r, i, v, a->v_stride, n, not_finite, 1, wide); break;
        }
        r += rows;
    }
}

/* wide: how many numbers of a value have one scale. */
EZ_INLINE void ez_attend_tiles(const struct ez_attention * a, int longest, float * inverse, int wide) {
    const int all = a->heads * a->rows, padded = (longest + 63) / 64 * 64, blocks = a->dv / wide;
    const int whole = (longest + EZ_TILE - 1) / EZ_TILE * EZ_TILE;
    float * rest = a->scratch + (size_t) all * (size_t) padded;
    ez_score_tiles(a, longest, padded, (uint8_t *) rest);

    float * unit = rest + a->dv / 32; /* the first ones are for not_finite */
    const struct ez_weights w = {(int8_t *) (unit + (size_t) (all * blocks) * (size_t) (padded / EZ_CELLS)), unit, all, blocks};
    /* Each tile of values fetches a later one; the first are fetched here, where there is only arithmetic to do. */
    const int value_tiles = padded / EZ_TILE < EZ_TILES_AHEAD ? padded / EZ_TILE : EZ_TILES_AHEAD;
    for (int r = 0; r < all; r++) {
        ez_fetch_tiles(a->v, a->v_stride, (size_t) a->heads * a->v_head, 0, value_tiles, r, all);
        float * s = a->scratch + (size_t) r * (size_t) padded;
        inverse[r] = ez_softmax_row(s, a->n[r], whole, a->mask[r], a->hidden[r]);
        ez_weigh_row(a, &w, r, s, whole, wide);
    }
    for (int i = 0; i * EZ_CELLS < whole; i++) {
        const int left = whole - i * EZ_CELLS;
        for (int h = 0; h < a->heads; h++) {
            ez_value_tiles(a, &w, h, i, left < EZ_CELLS ? left : EZ_CELLS, rest, wide);
        }
    }
}
