/* Activations to 8 bits. Order of operations, per block of B = 32 or 256 consecutive numbers:
 *   amax = max |x|; d = amax / 127; inv = 127 / amax; q = round to nearest even of x * inv
 * and amax < 1e-30 counts as an all-zero block (d = 0, q = 0). d stays a float. The sums of q over 32 (B = 32)
 * or 16 (B = 256) are exact integers. Maxima are exact in any order. */

EZ_INLINE void ez_quantize_block(ez_x * q, float * d, const float * x, int n) {
    vf m = vf_abs(vf_load(x));
    for (int i = W; i < n; i += W) {
        m = vf_max(m, vf_abs(vf_load(x + i)));
    }
    const float amax = vf_max_lanes(m);
    if (!(amax >= 1e-30f)) {
        *d = 0.0f;
        memset(q, 0, (size_t) n * sizeof(ez_x));
        return;
    }
    *d = amax / 127.0f;
    const vf inv = vf_set1(127.0f / amax);
    for (int i = 0; i < n; i += W) {
        ez_x_store(q + i, vf_round(vf_mul(vf_load(x + i), inv)));
    }
}

EZ_INLINE int32_t ez_sum_numbers(const ez_x * q, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; i++) {
        sum += q[i];
    }
    return sum;
}

static void EZ_NAME(ez_quantize_32)(uint8_t * column, const float * x, int k) {
    ez_x * q = (ez_x *) column;
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / 32; b++) {
        ez_quantize_block(q + 32 * b, d + b, x + 32 * b, 32);
        sums[b] = ez_sum_numbers(q + 32 * b, 32);
    }
}

static void EZ_NAME(ez_quantize_256)(uint8_t * column, const float * x, int k) {
    ez_x * q = (ez_x *) column;
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / 256; b++) {
        ez_quantize_block(q + 256 * b, d + b, x + 256 * b, 256);
    }
    for (int b = 0; b < k / 16; b++) {
        sums[b] = ez_sum_numbers(q + 16 * b, 16);
    }
}
