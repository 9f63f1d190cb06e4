/* Activations to 8 bits. Order of operations, per block of B = 32 or 256 consecutive numbers (64 for queries beside keys):
 *   amax = max |x|; d = amax / 127; inv = 127 / amax; q = round to nearest even of x * inv
 * and amax < 1e-30 counts as an all-zero block (d = 0, q = 0). d stays a float. Maxima are exact in any order.
 * Beside them go exact integer sums of q over as many as share a scale of the weights, times a factor: minus the zero point
 * of the weights (EZ_BIAS where this level's dot products take unsigned bytes), which is where the products' sums start,
 * or 1 where weights have minima instead. Where weights have an offset the sum goes as a float times d. */

/* What goes beside a format's weights: numbers per sum, and its factor, or `scaled` by d; `wide` for weights of 8 bits. */
struct ez_activations { int per_sum, factor; bool scaled, wide; };

EZ_INLINE void ez_quantize_block(uint8_t * q, float * d, int32_t * sums, const float * x, int n, struct ez_activations a) {
    vf m = vf_abs(vf_load(x));
    EZ_UNROLL for (int i = W; i < n; i += W) {
        m = vf_max(m, vf_abs(vf_load(x + i)));
    }
    const float amax = vf_max_lanes(m);
    if (!(amax >= 1e-30f)) {
        *d = 0.0f;
        memset(q, 0, (size_t) n * (a.wide ? sizeof(ez_x) : sizeof(ez_n)));
        memset(sums, 0, (size_t) (n / a.per_sum) * sizeof(int32_t));
        return;
    }
    *d = amax / 127.0f;
    const vf inv = vf_set1(127.0f / amax);
    for (int start = 0; start < n; start += a.per_sum) {
        vi sum = vi_zero();
        EZ_UNROLL for (int i = start; i < start + a.per_sum; i += W) {
            const vi numbers = vf_round(vf_mul(vf_load(x + i), inv));
            if (a.wide) {
                ez_x_store((ez_x *) q + i, numbers);
            } else {
                ez_n_store((ez_n *) q + i, numbers);
            }
            sum = vi_add(sum, numbers);
        }
        const int32_t total = vi_sum_lanes(sum);
        if (a.scaled) {
            const float scaled = *d * (float) total;
            memcpy(sums + start / a.per_sum, &scaled, sizeof scaled);
        } else {
            sums[start / a.per_sum] = a.factor * total;
        }
    }
}

EZ_INLINE void ez_quantize_row(uint8_t * column, const float * x, int k, int block, struct ez_activations a) {
    const size_t block_bytes = (size_t) block * (a.wide ? sizeof(ez_x) : sizeof(ez_n));
    float * d = (float *) (column + ez_column_scales(k));
    int32_t * sums = (int32_t *) (column + ez_column_sums(k));
    for (int b = 0; b < k / block; b++) {
        ez_quantize_block(column + (size_t) b * block_bytes, d + b, sums + block / a.per_sum * b, x + block * b, block, a);
    }
}

#define EZ_QUANTIZE(name, NAME)                                                               \
    static void EZ_NAME(ez_quantize_##name)(uint8_t * column, const float * x, int k) {       \
        const struct ez_activations activations = EZ_##NAME##_ACTIVATIONS;                    \
        ez_quantize_row(column, x, k, EZ_##NAME##_BLOCK, activations);                        \
    }
EZ_INTEGER_FORMATS(EZ_QUANTIZE)
#undef EZ_QUANTIZE
