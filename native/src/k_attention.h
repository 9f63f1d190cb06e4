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

#include "k_attention_half.h"
#include "k_attention_tiles.h"

/* Scores to weights in place, zeros up to `padded`, a multiple of 16; returns 1 / total. */
EZ_INLINE float ez_softmax_row(float * s, int n, int padded, const uint16_t * mask) {
    const float lowest = -3.402823466e38f;
    for (int j = 0; mask && j < n; j += W) { /* a mask is as long as the cache, whole vectors */
        vf_store(s + j, vf_max(vf_set1(lowest), vf_add(vf_load(s + j), vf_load_half(mask + j))));
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

static void EZ_NAME(ez_attention)(const struct ez_attention * a) {
    const int all = a->heads * a->rows;
    int longest = 0;
    for (int r = 0; r < all; r++) {
        longest = a->n[r] > longest ? a->n[r] : longest;
    }
    const int padded = (longest + 63) / 64 * 64;
    float * wide = a->scratch + (size_t) all * (size_t) padded;

    if (a->tiles) {
        ez_score_tiles(a, longest, padded, (uint8_t *) wide);
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

    /* Each tile of values fetches a later one; the first are fetched here, where there is only arithmetic to do. */
    const int value_tiles = padded / EZ_TILE < EZ_TILES_AHEAD ? padded / EZ_TILE : EZ_TILES_AHEAD;
    float inverse[EZ_ATTENTION_ROWS];
    for (int r = 0; r < all; r++) {
        float * s = a->scratch + (size_t) r * (size_t) padded;
        if (a->tiles) {
            ez_fetch_tiles(a->v, a->v_stride, (size_t) a->heads * a->v_head, 0, value_tiles, r, all);
        }
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
