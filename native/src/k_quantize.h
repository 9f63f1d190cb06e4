/* Activations to 8 bits. Order of operations, per block of B = 32 or 256 consecutive numbers:
 *   amax = max |x|; d = amax / 127; inv = 127 / amax; q = round to nearest even of x * inv
 * and amax < 1e-30 counts as an all-zero block (d = 0, q = 0). d stays a float. The sums of q over 32 (B = 32)
 * or 16 (B = 256) are exact integers. Maxima are exact in any order. */

EZ_INLINE void ez_quantize_block(ez_x * q, float * d, int32_t * sums, const float * x, int n, int per_sum) {
    vf m = vf_abs(vf_load(x));
    EZ_UNROLL for (int i = W; i < n; i += W) {
        m = vf_max(m, vf_abs(vf_load(x + i)));
    }
    const float amax = vf_max_lanes(m);
    if (!(amax >= 1e-30f)) {
        *d = 0.0f;
        memset(q, 0, (size_t) n * sizeof(ez_x));
        memset(sums, 0, (size_t) (n / per_sum) * sizeof(int32_t));
        return;
    }
    *d = amax / 127.0f;
    const vf inv = vf_set1(127.0f / amax);
    for (int start = 0; start < n; start += per_sum) {
        vi sum = vi_zero();
        EZ_UNROLL for (int i = start; i < start + per_sum; i += W) {
            const vi numbers = vf_round(vf_mul(vf_load(x + i), inv));
            ez_x_store(q + i, numbers);
            sum = vi_add(sum, numbers);
        }
        sums[start / per_sum] = vi_sum_lanes(sum);
    }
}

static void EZ_NAME(ez_quantize_32)(uint8_t * column, const float * x, int k) {
    ez_x * q = (ez_x *) column;
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / 32; b++) {
        ez_quantize_block(q + 32 * b, d + b, sums + b, x + 32 * b, 32, 32);
    }
}

static void EZ_NAME(ez_quantize_256)(uint8_t * column, const float * x, int k) {
    ez_x * q = (ez_x *) column;
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / 256; b++) {
        ez_quantize_block(q + 256 * b, d + b, sums + 16 * b, x + 256 * b, 256, 16);
    }
}
