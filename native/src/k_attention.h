/* Attention over a cache of half precision or of 8 bits. Order of operations, per query row and head:
 *   score_j = scale * sum_d q_d k_jd: 16 sums by d mod 16 in rising d, reduced as in vf_sum16
 *             8 bits: q to 8 bits as in k_quantize.h, its scales times `scale`, and a product as of Q8_0
 *   m       = max over the visible cells
 *   p_j     = exp(score_j - m) with vf_exp; exactly 0 for hidden cells and where score_j - m < -50, which no
 *             float sum would notice, so that no product becomes a (slow) denormal
 *   total   = 16 sums of p_j by j mod 16, in rising j, reduced as in vf_sum16
 *   out_d   = (sum_j p_j v_jd, in rising j) * (1 / total)
 *             8 bits: the cells in blocks of EZ_CELLS, in rising order; in each, for each 32 numbers, the weights
 *             u_j = p_j scale_j to 16 bits: top = max u_j, w_j = round(u_j * (32767 / top)), all 0 where top < 1e-30;
 *             the block gives [sum_j w_j byte_jd], an exact integer, times top * (1 / 32767)
 * A hidden cell adds 0 and so changes nothing: the result depends on the visible cells and their places only. */

/* Head sizes are multiples of 16; ops_attention.c leaves others to upstream. */

EZ_INLINE vf ez_cell(const uint8_t * p, int d, int wide) {
    return wide ? vf_load((const float *) p + d) : vf_load_half((const uint16_t *) p + d);
}

/* Cells of one head lie apart, one or two cache lines each, which hardware does not foresee well: fetch those of
 * later ones while other heads go over the present ones. */
EZ_INLINE void ez_fetch_cell(const uint8_t * p, int numbers) {
    for (int i = 0; i < numbers; i += 32) {
        __builtin_prefetch(p + 2 * i);
    }
}

/* Scores of W cells, not yet scaled. */
EZ_INLINE vf ez_scores(const float * q, const uint8_t * cells, size_t stride, int dk, int wide) {
    vf sums[W];
    EZ_UNROLL for (int c = 0; c < W; c++) {
        const uint8_t * k = cells + (size_t) c * stride;
        vf lanes[EZ_GROUP];
        if (!wide) {
            ez_fetch_cell(k + EZ_CELLS_AHEAD * stride, dk);
        }
        EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) lanes[i] = vf_mul(vf_load(q + i * W), ez_cell(k, i * W, wide));
        for (int d = 16; d < dk; d += 16) {
            EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) {
                lanes[i] = vf_add(lanes[i], vf_mul(vf_load(q + d + i * W), ez_cell(k, d + i * W, wide)));
            }
        }
        for (int n = EZ_GROUP / 2; n >= 1; n /= 2) {
            for (int i = 0; i < n; i++) lanes[i] = vf_add(lanes[i], lanes[i + n]);
        }
        sums[c] = lanes[0];
    }
    return vf_reduce(sums);
}

#if W == 16
#define EZ_SCORE_ROWS 2
/* The same for two rows at once: a cell is widened once, and pairs of cells are reduced as they come. */
EZ_INLINE void ez_scores_2(vf * r, const float * q0, const float * q1, const uint8_t * cells, size_t stride, int dk) {
    vf a[8], b[8];
    EZ_UNROLL for (int c = 0; c < 8; c++) {
        vf sums[2][2]; /* row, cell */
        EZ_UNROLL for (int i = 0; i < 2; i++) {
            const uint8_t * k = cells + (size_t) (c + 8 * i) * stride;
            ez_fetch_cell(k + EZ_CELLS_AHEAD * stride, dk);
            const vf first = ez_cell(k, 0, 0);
            sums[0][i] = vf_mul(vf_load(q0), first);
            sums[1][i] = vf_mul(vf_load(q1), first);
            for (int d = 16; d < dk; d += 16) {
                const vf x = ez_cell(k, d, 0);
                sums[0][i] = vf_add(sums[0][i], vf_mul(vf_load(q0 + d), x));
                sums[1][i] = vf_add(sums[1][i], vf_mul(vf_load(q1 + d), x));
            }
        }
        a[c] = vf_reduce_pair(sums[0][0], sums[0][1]);
        b[c] = vf_reduce_pair(sums[1][0], sums[1][1]);
    }
    r[0] = vf_reduce_pairs(a);
    r[1] = vf_reduce_pairs(b);
}
#else
#define EZ_SCORE_ROWS 1 /* two rows' sums of W cells need too many registers */
#endif

/* Scores of n cells; up to W - 1 more are computed, and ignored later, when `readable` allows. */
EZ_INLINE void ez_score_row(float * s, const float * q, const uint8_t * cells, size_t stride, int n, int readable, int dk,
                            float scale, int wide) {
    int j = 0;
    for (; j < n && j + W <= readable; j += W) {
        const uint8_t * at = cells + (size_t) j * stride;
        const vf r = dk == 64 ? ez_scores(q, at, stride, 64, wide) : ez_scores(q, at, stride, dk, wide);
        vf_store(s + j, vf_mul(r, vf_set1(scale)));
    }
    for (; j < n; j++) {
        vf lanes[EZ_GROUP];
        const uint8_t * k = cells + (size_t) j * stride;
        for (int i = 0; i < EZ_GROUP; i++) lanes[i] = vf_mul(vf_load(q + i * W), ez_cell(k, i * W, wide));
        for (int d = 16; d < dk; d += 16) {
            for (int i = 0; i < EZ_GROUP; i++) {
                lanes[i] = vf_add(lanes[i], vf_mul(vf_load(q + d + i * W), ez_cell(k, d + i * W, wide)));
            }
        }
        s[j] = vf_sum16(lanes) * scale;
    }
}

/* Scores of n cells, a whole number of vectors, for two rows; those past a row's end are ignored later. */
EZ_INLINE void ez_score_rows_2(float * const * s, const float * const * q, const uint8_t * cells, size_t stride, int n, int dk,
                               float scale) {
#if EZ_SCORE_ROWS == 2
    for (int j = 0; j < n; j += W) {
        const uint8_t * at = cells + (size_t) j * stride;
        vf r[2];
        if (dk == 64) {
            ez_scores_2(r, q[0], q[1], at, stride, 64);
        } else {
            ez_scores_2(r, q[0], q[1], at, stride, dk);
        }
        vf_store(s[0] + j, vf_mul(r[0], vf_set1(scale)));
        vf_store(s[1] + j, vf_mul(r[1], vf_set1(scale)));
    }
#else
    (void) s, (void) q, (void) cells, (void) stride, (void) n, (void) dk, (void) scale;
#endif
}

/* Scores to weights in place, zeros up to `padded`, a multiple of 16; returns 1 / total. */
EZ_INLINE float ez_softmax_row(float * s, int n, int padded, const uint16_t * mask) {
    const float lowest = -3.402823466e38f;
    for (int j = 0; mask && j < n; j++) {
        s[j] = mask[j] & 0x8000u ? lowest : s[j];
    }
    for (int j = n; j < padded; j++) {
        s[j] = lowest;
    }
    vf m = vf_load(s);
    for (int j = W; j < padded; j += W) {
        m = vf_max(m, vf_load(s + j));
    }
    const vf top = vf_set1(vf_max_lanes(m));
    vf lanes[EZ_GROUP];
    for (int i = 0; i < EZ_GROUP; i++) {
        lanes[i] = vf_set1(0.0f);
    }
    for (int j = 0; j < padded; j += 16) {
        EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) {
            const vf x = vf_sub(vf_load(s + j + i * W), top);
            const vf p = vf_zero_below(vf_exp(x), x, vf_set1(-50.0f));
            vf_store(s + j + i * W, p);
            lanes[i] = vf_add(lanes[i], p);
        }
    }
    return 1.0f / vf_sum16(lanes);
}

/* out[d .. d + VECTORS * W) of up to ROWS rows += p v over n cells. */
EZ_INLINE void ez_values_part(float * const * out, const float * const * p, const uint8_t * v, size_t stride, int n, int d,
                              int rows, int vectors, int wide) {
    vf acc[8];
    EZ_UNROLL for (int r = 0; r < rows; r++) {
        EZ_UNROLL for (int i = 0; i < vectors; i++) acc[r * vectors + i] = vf_load(out[r] + d + i * W);
    }
    for (int j = 0; j < n; j++) {
        const uint8_t * cell = v + (size_t) j * stride;
        if (!wide) {
            ez_fetch_cell(cell + EZ_CELLS_AHEAD * stride + 2 * (size_t) d, vectors * W);
        }
        EZ_UNROLL for (int i = 0; i < vectors; i++) {
            const vf x = ez_cell(cell, d + i * W, wide);
            EZ_UNROLL for (int r = 0; r < rows; r++) {
                acc[r * vectors + i] = vf_add(acc[r * vectors + i], vf_mul(vf_set1(p[r][j]), x));
            }
        }
    }
    EZ_UNROLL for (int r = 0; r < rows; r++) {
        EZ_UNROLL for (int i = 0; i < vectors; i++) vf_store(out[r] + d + i * W, acc[r * vectors + i]);
    }
}

EZ_INLINE void ez_values_of(float * const * out, const float * const * p, const uint8_t * v, size_t stride, int n, int dv,
                            int rows, int wide) {
    int d = 0;
    if (rows == 2) {
        for (; d + 4 * W <= dv; d += 4 * W) ez_values_part(out, p, v, stride, n, d, 2, 4, wide);
        for (; d + W <= dv; d += W) ez_values_part(out, p, v, stride, n, d, 2, 1, wide);
    } else if (rows == 1) {
        for (; d + 4 * W <= dv; d += 4 * W) ez_values_part(out, p, v, stride, n, d, 1, 4, wide);
        for (; d + W <= dv; d += W) ez_values_part(out, p, v, stride, n, d, 1, 1, wide);
    } else {
        for (; d + 2 * W <= dv; d += 2 * W) ez_values_part(out, p, v, stride, n, d, 4, 2, wide);
        for (; d + W <= dv; d += W) ez_values_part(out, p, v, stride, n, d, 4, 1, wide);
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
        const uint8_t * ahead = (const uint8_t *) tile + (EZ_CELLS / EZ_TILE) * stride;
        const int pairs = n - first < EZ_TILE ? (n - first + 1) / 2 : EZ_TILE / 2;
        for (int j = 0; j < pairs; j++) {
            EZ_UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(ahead + 64 * (j + i * EZ_TILE / 2));
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

EZ_INLINE void ez_widen(float * to, const uint8_t * cells, size_t stride, int n, int d) {
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < d; i += W) {
            vf_store(to + (size_t) j * (size_t) d + i, vf_load_half((const uint16_t *) (cells + (size_t) j * stride) + i));
        }
    }
}

/* Scores of the cells from `first` on, at most EZ_CELLS, for the rows of one head. */
EZ_INLINE void ez_score_block(const struct ez_attention * a, int head, int first, int longest, int padded, float * wide) {
    const int share = a->rows >= 3; /* widening once pays */
    const uint8_t * k = a->k + (size_t) head * a->k_head + (size_t) first * a->k_stride;
    const int left = longest - first, readable = a->cells - first < EZ_CELLS ? a->cells - first : EZ_CELLS;
    const int cells = left < EZ_CELLS ? left : EZ_CELLS;
    const int rounded = (cells + W - 1) / W * W < readable ? (cells + W - 1) / W * W : readable;
    if (share) {
        ez_widen(wide, k, a->k_stride, rounded, a->dk);
    }
    if (a->rows == 2 && EZ_SCORE_ROWS == 2 && rounded % W == 0) {
        const int r = head * 2;
        float * s[2] = {a->scratch + (size_t) r * (size_t) padded + first, a->scratch + (size_t) (r + 1) * (size_t) padded + first};
        ez_score_rows_2(s, a->q + r, k, a->k_stride, rounded, a->dk, a->scale);
        return;
    }
    for (int r = head * a->rows; r < (head + 1) * a->rows; r++) {
        float * s = a->scratch + (size_t) r * (size_t) padded + first;
        const int n = a->n[r] - first < cells ? a->n[r] - first : cells;
        if (n > 0 && share) {
            ez_score_row(s, a->q[r], (const uint8_t *) wide, (size_t) a->dk * 4, n, rounded, a->dk, a->scale, 1);
        } else if (n > 0) {
            ez_score_row(s, a->q[r], k, a->k_stride, n, rounded, a->dk, a->scale, 0);
        }
    }
}

#define EZ_KEY_TILES_AHEAD 8 /* tiles whose keys are fetched ahead: one takes some 30 ns, memory more than 100 */

/* Scores of all cells for the rows of one head, keys in tiles: a matrix product. */
EZ_INLINE void ez_score_tiles(const struct ez_attention * a, int head, int longest, int padded, uint8_t * columns) {
    const size_t column_bytes = ez_column_bytes(EZ_Q8_0, a->dk);
    for (int r = 0; r < a->rows; r++) {
        uint8_t * column = columns + (size_t) r * column_bytes;
        EZ_NAME(ez_quantize_q8_0)(column, a->q[head * a->rows + r], a->dk);
        float * d = (float *) (column + ez_column_scales(a->dk));
        for (int b = 0; b < a->dk / 32; b++) {
            d[b] = d[b] * a->scale;
        }
    }
    const struct ez_gemm g = {
        .w = a->k + (size_t) head * a->k_head, .tile_bytes = a->k_stride, .rows = longest, .k = a->dk,
        .ahead = EZ_KEY_TILES_AHEAD * a->k_stride, .x = columns, .column_bytes = column_bytes, .columns = a->rows,
        .y = a->scratch + (size_t) (head * a->rows) * (size_t) padded, .y_stride = (size_t) padded,
    };
    EZ_NAME(ez_gemm_q8_0)(&g, 0, (longest + EZ_TILE - 1) / EZ_TILE);
}

/* The values of the cells from `first` on, at most EZ_CELLS, for the rows of one head. */
EZ_INLINE void ez_value_block(const struct ez_attention * a, int head, int first, int longest, int padded, float * wide) {
    const int share = a->rows >= 3;
    const uint8_t * v = a->v + (size_t) head * a->v_head + (size_t) first * a->v_stride;
    const int cells = longest - first < EZ_CELLS ? longest - first : EZ_CELLS;
    const float * p[EZ_ATTENTION_ROWS];
    for (int r = 0; r < a->rows; r++) {
        p[r] = a->scratch + (size_t) (head * a->rows + r) * (size_t) padded + first;
    }
    if (share) {
        ez_widen(wide, v, a->v_stride, cells, a->dv);
    }
    float * const * out = a->out + head * a->rows;
    for (int r = 0; r < a->rows;) {
        const int left = a->rows - r;
        const int rows = left >= 4 ? 4 : !share && left == 2 ? 2 : 1;
        const uint8_t * widened = (const uint8_t *) wide;
        if (rows == 4) {
            ez_values_of(out + r, p + r, widened, (size_t) a->dv * 4, cells, a->dv, 4, 1);
        } else if (share) {
            ez_values_of(out + r, p + r, widened, (size_t) a->dv * 4, cells, a->dv, 1, 1);
        } else if (rows == 2) {
            ez_values_of(out + r, p + r, v, a->v_stride, cells, a->dv, 2, 0);
        } else {
            ez_values_of(out + r, p + r, v, a->v_stride, cells, a->dv, 1, 0);
        }
        r += rows;
    }
}

/* The same for values in tiles; `scaled` has room for rows * dv / 32 * EZ_CELLS floats. */
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

static void EZ_NAME(ez_attention)(const struct ez_attention * a) {
    const int all = a->heads * a->rows;
    int longest = 0;
    for (int r = 0; r < all; r++) {
        longest = a->n[r] > longest ? a->n[r] : longest;
    }
    const int padded = (longest + 63) / 64 * 64;
    float * wide = a->scratch + (size_t) all * (size_t) padded;

    for (int h = 0; h < a->heads && a->tiles; h++) {
        ez_score_tiles(a, h, longest, padded, (uint8_t *) wide);
    }
    for (int first = 0; first < longest && !a->tiles; first += EZ_CELLS) {
        for (int h = 0; h < a->heads; h++) {
            ez_score_block(a, h, first, longest, padded, wide);
        }
    }

    for (int j = 0; j < EZ_CELLS_AHEAD && j < longest && a->rows < 3 && !a->tiles; j++) {
        for (int h = 0; h < a->heads; h++) {
            ez_fetch_cell(a->v + (size_t) h * a->v_head + (size_t) j * a->v_stride, a->dv);
        }
    }

    float inverse[EZ_ATTENTION_ROWS];
    for (int r = 0; r < all; r++) {
        float * s = a->scratch + (size_t) r * (size_t) padded;
        inverse[r] = a->n[r] > 0 ? ez_softmax_row(s, a->n[r], (longest + 15) / 16 * 16, a->mask[r]) : 0.0f;
        if (a->n[r] <= 0) {
            memset(s, 0, (size_t) padded * sizeof(float));
        }
        memset(a->out[r], 0, (size_t) a->dv * sizeof(float));
    }

    float * scaled = wide + EZ_CELLS * (size_t) (a->dk > a->dv ? a->dk : a->dv);
    for (int first = 0; first < longest; first += EZ_CELLS) {
        for (int h = 0; h < a->heads; h++) {
            if (a->tiles) {
                ez_value_tiles(a, h, first, longest, padded, scaled);
            } else {
                ez_value_block(a, h, first, longest, padded, wide);
            }
        }
    }
    for (int r = 0; r < all; r++) {
        for (int d = 0; d < a->dv; d += W) {
            vf_store(a->out[r] + d, vf_mul(vf_load(a->out[r] + d), vf_set1(inverse[r])));
        }
    }
}
