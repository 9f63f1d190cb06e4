/* Scores and values of a cache of 8 bits, 16 cells of all heads in a tile (k_attention.h). */

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
    const size_t column_bytes = ez_column_bytes(EZ_Q8_0, a->dk);
    for (int r = 0; r < a->heads * a->rows; r++) {
        uint8_t * column = columns + (size_t) r * column_bytes;
        EZ_NAME(ez_quantize_q8_0)(column, a->q[r], a->dk);
        float * d = (float *) (column + ez_column_scales(a->dk));
        for (int b = 0; b < a->dk / 32; b++) {
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
            EZ_NAME(ez_gemm_q8_0)(&g, first, last);
        }
    }
}

#define EZ_WEIGHT_MOST 32767.0f

/* NaN where the scale of a cell is, else 0, for block b of 32 numbers. */
EZ_INLINE float ez_not_finite(const uint8_t * v, size_t stride, int b, int n) {
    vf sum = vf_set1(0.0f);
    for (int j = 0; j < n; j += W) {
        const ez_values * tile = (const ez_values *) (v + (size_t) (j / EZ_TILE) * stride) + b;
        sum = vf_add(sum, vf_mul(vf_load(tile->d + j % EZ_TILE), vf_set1(0.0f)));
    }
    return vf_sum_lanes(sum);
}

/* Weights of W cells from j on, before they are rounded. */
EZ_INLINE vf ez_value_weight(const float * p, const uint8_t * v, size_t stride, int b, int j) {
    const ez_values * tile = (const ez_values *) (v + (size_t) (j / EZ_TILE) * stride) + b;
    return vf_mul(vf_load(p + j), vf_load(tile->d + j % EZ_TILE));
}

/* Weights of a row's cells for block b of 32 numbers, p times the cells' scales, to 16 bits; returns what 1 stands for. p
 * is 0 from cell n to a whole vector, whose scales are finite: those of cells that were used before, or 0. */
EZ_INLINE float ez_value_weights(int16_t * to, const float * p, const uint8_t * v, size_t stride, int b, int n) {
    vf top = vf_set1(0.0f);
    EZ_UNROLL for (int j = 0; j < n; j += W) top = vf_max(top, ez_value_weight(p, v, stride, b, j));
    const float most = vf_max_lanes(top);
    const bool none = !(most >= 1e-30f);
    const vf inverse = vf_set1(none ? 0.0f : EZ_WEIGHT_MOST / most);
    EZ_UNROLL for (int j = 0; j < n; j += W) {
        vi_store_s16(to + j, vf_round(vf_mul(ez_value_weight(p, v, stride, b, j), inverse)));
    }
    if (n % 2 != 0) {
        to[n] = 0; /* the other half of a pair */
    }
    return none ? 0.0f : most * (1.0f / EZ_WEIGHT_MOST);
}

/* out[d .. d + VECTORS * W) of up to ROWS rows += what n cells in tiles `stride` apart give. Row r has for each block of 32
 * numbers the weights w + (r * blocks + block) * EZ_CELLS, of which 1 stands for unit[r * blocks + block]. */
EZ_INLINE void ez_pairs_part(float * const * out, const int16_t * w, const float * unit, int blocks, const uint8_t * v,
                             size_t stride, int n, int d, int rows, int vectors) {
    vi acc[16];
    EZ_UNROLL for (int i = 0; i < rows * vectors; i++) acc[i] = vi_zero();
    const int block = d / 32, lines = (vectors * W > 32 ? vectors * W / 32 : 1) + 1; /* of 64 bytes to a pair, with the scales */
    for (int first = 0; first < n; first += EZ_TILE) {
        const ez_values * tile = (const ez_values *) (v + (size_t) (first / EZ_TILE) * stride) + block;
        const uint8_t * ahead = (const uint8_t *) tile + EZ_TILES_AHEAD * stride;
        const int pairs = n - first < EZ_TILE ? (n - first + 1) / 2 : EZ_TILE / 2;
        for (int j = 0; j < pairs; j++) {
            EZ_UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(ahead + 64 * (j + i * EZ_TILE / 2), 0, EZ_SECOND_CACHE);
            EZ_UNROLL for (int i = 0; i < vectors; i++) { /* the vectors of a part lie in one block, or fill several */
                const int further = i * W / 32;
                const vi x = vi_load_pairs(&tile[further].q[j][d % 32 + i * W - 32 * further][0]);
                EZ_UNROLL for (int r = 0; r < rows; r++) {
                    int32_t two;
                    memcpy(&two, w + (size_t) (r * blocks + block + further) * EZ_CELLS + first + 2 * j, 4);
                    acc[r * vectors + i] = vi_dot_pairs(acc[r * vectors + i], x, vi_set1(two));
                }
            }
        }
    }
    EZ_UNROLL for (int r = 0; r < rows; r++) {
        EZ_UNROLL for (int i = 0; i < vectors; i++) {
            const vf sum = vf_mul(vf_from_vi(acc[r * vectors + i]), vf_set1(unit[r * blocks + block + i * W / 32]));
            vf_store(out[r] + d + i * W, vf_add(vf_load(out[r] + d + i * W), sum));
        }
    }
}

EZ_INLINE void ez_pairs_of(float * const * out, const int16_t * w, const float * unit, int blocks, const uint8_t * v,
                           size_t stride, int n, int rows) {
    const int vectors = W == 16 || rows <= 2 ? 4 : 2;
    int d = 0;
    for (; d + vectors * W <= 32 * blocks; d += vectors * W) ez_pairs_part(out, w, unit, blocks, v, stride, n, d, rows, vectors);
    for (; d + W <= 32 * blocks; d += W) ez_pairs_part(out, w, unit, blocks, v, stride, n, d, rows, 1);
}

/* The values of the cells from `first` on, at most EZ_CELLS, for the rows of one head; `scaled` has room for
 * rows * dv / 32 * EZ_CELLS floats. */
EZ_INLINE void ez_value_tiles(const struct ez_attention * a, int head, int first, int longest, int padded, float * scaled) {
    const int blocks = a->dv / 32;
    const uint8_t * v = a->v + (size_t) head * a->v_head + (size_t) (first / EZ_TILE) * a->v_stride;
    const int cells = longest - first < EZ_CELLS ? longest - first : EZ_CELLS;
    int16_t * weights = (int16_t *) scaled;
    float * unit = scaled + a->rows * blocks * (EZ_CELLS / 2);
    for (int b = 0; b < blocks; b++) {
        const float nan = ez_not_finite(v, a->v_stride, b, cells);
        for (int r = 0; r < a->rows; r++) {
            const float * p = a->scratch + (size_t) (head * a->rows + r) * (size_t) padded + first;
            int16_t * w = weights + (r * blocks + b) * EZ_CELLS;
            unit[r * blocks + b] = nan + (cells == EZ_CELLS ? ez_value_weights(w, p, v, a->v_stride, b, EZ_CELLS)
                                                            : ez_value_weights(w, p, v, a->v_stride, b, cells));
        }
    }
    float * const * out = a->out + head * a->rows;
    for (int r = 0; r < a->rows;) {
        const int left = a->rows - r, rows = left >= 4 ? 4 : left;
        const int16_t * w = weights + r * blocks * EZ_CELLS;
        switch (rows) {
        case 4: ez_pairs_of(out + r, w, unit + r * blocks, blocks, v, a->v_stride, cells, 4); break;
        case 3: ez_pairs_of(out + r, w, unit + r * blocks, blocks, v, a->v_stride, cells, 3); break;
        case 2: ez_pairs_of(out + r, w, unit + r * blocks, blocks, v, a->v_stride, cells, 2); break;
        default: ez_pairs_of(out + r, w, unit + r * blocks, blocks, v, a->v_stride, cells, 1); break;
        }
        r += rows;
    }
}
