/* Activations to 8 bits. Order of operations, per block of B = 32 or 256 consecutive numbers:
 *   amax = max |x|; d = amax / 127; inv = 127 / amax; q = round to nearest even of x * inv
 * and amax < 1e-30 counts as an all-zero block (d = 0, q = 0). d stays a float. Maxima are exact in any order.
 * Beside them go exact integer sums of q over 32 (16 for Q6_K, as many as share a scale), times minus the zero point
 * of the weights (8 for Q4_0, 32 for Q6_K, EZ_BIAS for Q8_0 where this level's dot products take unsigned bytes), which
 * is where the products' sums start; for Q4_K, which has minima instead, the plain sums. */

EZ_INLINE void ez_quantize_block(uint8_t * q, float * d, int32_t * sums, const float * x, int n, int per_sum,
                                 int factor, int narrow) {
    vf m = vf_abs(vf_load(x));
    EZ_UNROLL for (int i = W; i < n; i += W) {
        m = vf_max(m, vf_abs(vf_load(x + i)));
    }
    const float amax = vf_max_lanes(m);
    if (!(amax >= 1e-30f)) {
        *d = 0.0f;
        memset(q, 0, (size_t) n * (narrow ? sizeof(ez_n) : sizeof(ez_x)));
        memset(sums, 0, (size_t) (n / per_sum) * sizeof(int32_t));
        return;
    }
    *d = amax / 127.0f;
    const vf inv = vf_set1(127.0f / amax);
    for (int start = 0; start < n; start += per_sum) {
        vi sum = vi_zero();
        EZ_UNROLL for (int i = start; i < start + per_sum; i += W) {
            const vi numbers = vf_round(vf_mul(vf_load(x + i), inv));
            if (narrow) {
                ez_n_store((ez_n *) q + i, numbers);
            } else {
                ez_x_store((ez_x *) q + i, numbers);
            }
            sum = vi_add(sum, numbers);
        }
        sums[start / per_sum] = factor * vi_sum_lanes(sum);
    }
}

/* `narrow`: for products with narrow weights. */
EZ_INLINE void ez_quantize_row(uint8_t * column, const float * x, int k, int block, int per_sum, int factor, int narrow) {
    const size_t block_bytes = (size_t) block * (narrow ? sizeof(ez_n) : sizeof(ez_x));
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / block; b++) {
        ez_quantize_block(column + (size_t) b * block_bytes, d + b, sums + block / per_sum * b, x + block * b, block, per_sum,
                          factor, narrow);
    }
}

static void EZ_NAME(ez_quantize_q8_0)(uint8_t * column, const float * x, int k) {
    ez_quantize_row(column, x, k, 32, 32, -EZ_BIAS, 0);
}
static void EZ_NAME(ez_quantize_q4_0)(uint8_t * column, const float * x, int k) {
    ez_quantize_row(column, x, k, 32, 32, -8, 1);
}
static void EZ_NAME(ez_quantize_q4_k)(uint8_t * column, const float * x, int k) {
    ez_quantize_row(column, x, k, 256, 32, 1, 1);
}
static void EZ_NAME(ez_quantize_q6_k)(uint8_t * column, const float * x, int k) {
    ez_quantize_row(column, x, k, 256, 16, -32, 1);
}
