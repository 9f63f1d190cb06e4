/* Scores and values of a cache of half precision (k_attention.h). */

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

EZ_INLINE void ez_attend_half(const struct ez_attention * a, int longest, float * inverse) {
    const int all = a->heads * a->rows, padded = (longest + 63) / 64 * 64;
    float * wide = a->scratch + (size_t) all * (size_t) padded;
    for (int first = 0; first < longest; first += EZ_CELLS) {
        for (int h = 0; h < a->heads; h++) {
            ez_score_block(a, h, first, longest, padded, wide);
        }
    }
    for (int j = 0; j < EZ_CELLS_AHEAD && j < longest && a->rows < 3; j++) {
        for (int h = 0; h < a->heads; h++) {
            ez_fetch_cell(a->v + (size_t) h * a->v_head + (size_t) j * a->v_stride, a->dv);
        }
    }
    for (int r = 0; r < all; r++) {
        float * s = a->scratch + (size_t) r * (size_t) padded;
        inverse[r] = ez_softmax_row(s, a->n[r], (longest + 15) / 16 * 16, a->mask[r], a->hidden[r]);
    }
    for (int first = 0; first < longest; first += EZ_CELLS) {
        for (int h = 0; h < a->heads; h++) {
            ez_value_block(a, h, first, longest, padded, wide);
        }
    }
}
