/* Attention over a cache of half precision or of 8 bits. Order of operations, per query row and head:
 *   score_j = scale * sum_d q_d k_jd: 16 sums by d mod 16 in rising d, reduced as in vf_sum16
 *             8 bits: q to 8 bits as in k_quantize.h in blocks of 64 (32 where dk is no multiple of 64), its scales
 *             times `scale`; per block acc = acc + [sum of bytes q] * (d * dq), as of Q8_0
 *   m       = max over the visible cells
 *   p_j     = exp(score_j - m) with ez_exp_weight; exactly 0 for hidden cells and where score_j - m < -50, which no
 *             float sum would notice, so that no product becomes a (slow) denormal
 *   total   = 16 sums of p_j by j mod 16, in rising j, reduced as in vf_sum16
 *   out_d   = (sum_j p_j v_jd, in rising j) * (1 / total)
 *             8 bits: the cells in blocks of EZ_CELLS, in rising order; in each, for each 64 numbers (32 where dv is
 *             no multiple of 64, whose scales are their own), the weights
 *             u_j = p_j scale_j to 7 bits: top = max u_j, w_j = round(u_j * (127 / top)), all 0 where top < 1e-30;
 *             the block gives [sum_j w_j byte_jd], an exact integer, times top * (1 / 127)
 * A hidden cell adds 0 and so changes nothing: the result depends on the visible cells and their places only. */

/* Head sizes are multiples of 16; ops_attention.c leaves others to upstream. */

/* exp(x) for -50 <= x <= 0, not clamped: 2^(n + f) with n the integer nearest to x / ln 2, and a polynomial of degree 3
 * for 2^f, |f| <= 1/2, with the smallest largest error (Remez): relative 7.5e-5, a fiftieth of what rounding to 7 bits
 * makes. */
EZ_INLINE vf ez_exp_weight(vf x) {
    const vf magic = vf_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer, which the last bits then hold */
    const vf t = vf_mul(x, vf_set1(1.44269504f));
    const vf n = vf_add(t, magic);
    const vf f = vf_sub(t, vf_sub(n, magic));
    vf p = vf_set1(0.05517167f);
    p = vf_add(vf_mul(p, f), vf_set1(0.24261112f));
    p = vf_add(vf_mul(p, f), vf_set1(0.69326099f));
    p = vf_add(vf_mul(p, f), vf_set1(0.99992807f));
    return vf_scale_exponent(p, n);
}

/* Hides the cells that a row does not see, up to `padded`, a multiple of 16; returns its highest score. */
EZ_INLINE vf ez_highest_score(float * s, int n, int padded, const uint16_t * mask, struct ez_cells hidden) {
    const float lowest = -3.402823466e38f;
    for (int j = hidden.first / W * W; j < hidden.last; j += W) { /* a mask is as long as the cache, whole vectors */
        vf_store(s + j, vf_max(vf_set1(lowest), vf_add(vf_load(s + j), vf_load_half(mask + j))));
    }
    for (int j = n; j < padded; j++) {
        s[j] = lowest;
    }
    vf m[EZ_GROUP];
    EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) m[i] = vf_load(s + i * W);
    for (int j = 16; j < padded; j += 16) {
        EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) m[i] = vf_max(m[i], vf_load(s + j + i * W));
    }
    for (int i = 1; i < EZ_GROUP; i++) {
        m[0] = vf_max(m[0], m[i]);
    }
    return vf_set1(vf_max_lanes(m[0]));
}

/* Scores to p in place, zeros up to `padded`, a multiple of 16; returns 1 / total, 0 for a row that sees nothing. */
EZ_INLINE float ez_softmax_row(float * s, int n, int padded, const uint16_t * mask, struct ez_cells hidden) {
    if (n <= 0) {
        memset(s, 0, (size_t) padded * sizeof(float));
        return 0.0f;
    }
    const vf top = ez_highest_score(s, n, padded, mask, hidden);
    vf lanes[EZ_GROUP];
    for (int i = 0; i < EZ_GROUP; i++) {
        lanes[i] = vf_set1(0.0f);
    }
    for (int j = 0; j < padded; j += 16) {
        EZ_UNROLL for (int i = 0; i < EZ_GROUP; i++) {
            const vf x = vf_sub(vf_load(s + j + i * W), top);
            const vf p = vf_zero_below(ez_exp_weight(x), x, vf_set1(-50.0f));
            vf_store(s + j + i * W, p);
            lanes[i] = vf_add(lanes[i], p);
        }
    }
    return 1.0f / vf_sum16(lanes);
}

#include "k_attention_half.h"
#include "k_attention_tiles.h"

static void EZ_NAME(ez_attention)(const struct ez_attention * a) {
    const int all = a->heads * a->rows;
    float inverse[EZ_ATTENTION_ROWS]; /* 1 / total, 0 where a row sees nothing */
    int longest = 0;
    for (int r = 0; r < all; r++) {
        longest = a->n[r] > longest ? a->n[r] : longest;
        memset(a->out[r], 0, (size_t) a->dv * sizeof(float));
    }
    if (!a->tiles) {
        ez_attend_half(a, longest, inverse);
    } else if (a->dv % EZ_CACHE_BLOCK == 0) { /* as ez_to_values puts them together, for every head */
        ez_attend_tiles(a, longest, inverse, EZ_CACHE_BLOCK);
    } else {
        ez_attend_tiles(a, longest, inverse, 32);
    }
    for (int r = 0; r < all; r++) {
        for (int d = 0; d < a->dv; d += W) {
            vf_store(a->out[r] + d, vf_mul(vf_load(a->out[r] + d), vf_set1(inverse[r])));
        }
    }
}
