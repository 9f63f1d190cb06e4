/* Normalization, activation, rotary embedding, and narrowing to half precision. Order of operations:
 *   rms_norm  16 sums by index mod 16 of x * x, reduced as in vf_sum16 (the rest of n mod 16 is added to the
 *             lanes 0, 1, ...); scale = 1 / sqrt(sum / n + eps); y = (x * scale) * weight
 *   swiglu    y = (x / (1 + exp(-x))) * gate, with vf_exp
 *   rope      pairs (x0, x1) of neighbours or of halves: (x0 c + x1 (-s), x1 c + x0 s)
 *   to_half   round to nearest even
 *   to_keys   blocks of 64 for the cache, and one of 32 where n is no multiple of 64: amax = max |x|; scale = half precision of amax / 127;
 *             byte = round to nearest even of x * (127 / amax); amax < 1e-30 counts as an all-zero block,
 *             and one with an infinity or NaN gets the scale NaN, so that it is not lost among bytes
 *   to_values the same with scale = amax / 127 */

static void EZ_NAME(ez_rms_norm)(float * y, const float * x, const float * weight, int n, float eps) {
    vf lanes[EZ_GROUP];
    for (int i = 0; i < EZ_GROUP; i++) {
        lanes[i] = vf_set1(0.0f);
    }
    int k = 0;
    for (; k + 16 <= n; k += 16) {
        for (int i = 0; i < EZ_GROUP; i++) {
            const vf v = vf_load(x + k + i * W);
            lanes[i] = vf_add(lanes[i], vf_mul(v, v));
        }
    }
    if (k < n) {
        float rest[16] = {0};
        memcpy(rest, x + k, (size_t) (n - k) * sizeof(float));
        for (int i = 0; i < EZ_GROUP; i++) {
            const vf v = vf_load(rest + i * W);
            lanes[i] = vf_add(lanes[i], vf_mul(v, v));
        }
    }
    const float mean = vf_sum16(lanes) / (float) n;
    const float scale = 1.0f / ez_sqrt(mean + eps);
    for (k = 0; k + W <= n; k += W) {
        const vf v = vf_mul(vf_load(x + k), vf_set1(scale));
        vf_store(y + k, weight ? vf_mul(v, vf_load(weight + k)) : v);
    }
    for (; k < n; k++) {
        const float v = x[k] * scale;
        y[k] = weight ? v * weight[k] : v;
    }
}

EZ_INLINE vf ez_swiglu_vf(vf x, vf gate) {
    const vf one = vf_set1(1.0f);
    const vf e = vf_exp(vf_sub(vf_set1(0.0f), x));
    return vf_mul(vf_div(x, vf_add(one, e)), gate);
}

static void EZ_NAME(ez_swiglu)(float * y, const float * x, const float * gate, int n) {
    int k = 0;
    for (; k + W <= n; k += W) {
        vf_store(y + k, ez_swiglu_vf(vf_load(x + k), vf_load(gate + k)));
    }
    if (k < n) {
        float a[W] = {0}, b[W] = {0};
        memcpy(a, x + k, (size_t) (n - k) * sizeof(float));
        memcpy(b, gate + k, (size_t) (n - k) * sizeof(float));
        vf_store(a, ez_swiglu_vf(vf_load(a), vf_load(b)));
        memcpy(y + k, a, (size_t) (n - k) * sizeof(float));
    }
}

/* table: n cosines (each twice), then n sines as -s, s. n is even. */
static void EZ_NAME(ez_rope_pairs)(float * y, const float * x, const float * table, int n) {
    int k = 0;
#if W > 1
    for (; k + W <= n; k += W) {
        const vf v = vf_load(x + k);
        vf_store(y + k, vf_add(vf_mul(v, vf_load(table + k)), vf_mul(vf_swap_pairs(v), vf_load(table + n + k))));
    }
#endif
    for (; k < n; k += 2) {
        const float x0 = x[k], x1 = x[k + 1];
        y[k] = x0 * table[k] + x1 * table[n + k];
        y[k + 1] = x1 * table[k + 1] + x0 * table[n + k + 1];
    }
}

/* table: n/2 cosines, then n/2 sines. */
static void EZ_NAME(ez_rope_halves)(float * y, const float * x, const float * table, int n) {
    const int h = n / 2;
    int k = 0;
    for (; k + W <= h; k += W) {
        const vf x0 = vf_load(x + k), x1 = vf_load(x + h + k);
        const vf c = vf_load(table + k), s = vf_load(table + h + k);
        vf_store(y + k, vf_sub(vf_mul(x0, c), vf_mul(x1, s)));
        vf_store(y + h + k, vf_add(vf_mul(x1, c), vf_mul(x0, s)));
    }
    for (; k < h; k++) {
        const float x0 = x[k], x1 = x[h + k], c = table[k], s = table[h + k];
        y[k] = x0 * c - x1 * s;
        y[h + k] = x1 * c + x0 * s;
    }
}

static void EZ_NAME(ez_to_half)(uint16_t * y, const float * x, int n) {
    int k = 0;
    for (; k + W <= n; k += W) {
        vf_store_half(y + k, vf_load(x + k));
    }
    for (; k < n; k++) {
        y[k] = ez_float_to_half(x[k]);
    }
}

/* n numbers, a multiple of 16, to bytes; returns their scale. */
EZ_INLINE float ez_to_bytes(int8_t * bytes, const float * x, int n) {
    vf m = vf_abs(vf_load(x)), none = vf_sub(vf_load(x), vf_load(x)); /* NaN where x is not finite */
    EZ_UNROLL for (int i = W; i < n; i += W) {
        m = vf_max(m, vf_abs(vf_load(x + i)));
        none = vf_add(none, vf_sub(vf_load(x + i), vf_load(x + i)));
    }
    if (vf_sum_lanes(none) != 0.0f) {
        memset(bytes, 0, (size_t) n);
        return NAN;
    }
    const float amax = vf_max_lanes(m);
    const bool zero = !(amax >= 1e-30f);
    const vf inverse = vf_set1(zero ? 0.0f : 127.0f / amax);
    EZ_UNROLL for (int i = 0; i < n; i += W) {
        vi_store_s8(bytes + i, vf_round(vf_mul(vf_load(x + i), inverse)));
    }
    return zero ? 0.0f : amax / 127.0f;
}

static void EZ_NAME(ez_to_keys)(ez_q8_0 * tile, int cell, const float * x, int n) {
    while (n > 0) {
        int8_t bytes[EZ_CACHE_BLOCK];
        const int together = n >= EZ_CACHE_BLOCK ? EZ_CACHE_BLOCK : 32;
        const uint16_t scale = ez_float_to_half(together == EZ_CACHE_BLOCK ? ez_to_bytes(bytes, x, EZ_CACHE_BLOCK) : ez_to_bytes(bytes, x, 32));
        for (int i = 0; i < together / 4; i++) {
            uint32_t four;
            memcpy(&four, bytes + 4 * i, 4);
            four ^= UINT32_C(0x80808080);
            tile[i / 8].d[cell] = scale;
            memcpy(tile[i / 8].q[i % 8] + 4 * cell, &four, 4);
        }
        n -= together, x += together, tile += together / 32;
    }
}

static void EZ_NAME(ez_to_values)(ez_values * tile, int cell, const float * x, int n) {
    while (n > 0) {
        int8_t bytes[EZ_CACHE_BLOCK];
        const int together = n >= EZ_CACHE_BLOCK ? EZ_CACHE_BLOCK : 32;
        const float scale = together == EZ_CACHE_BLOCK ? ez_to_bytes(bytes, x, EZ_CACHE_BLOCK) : ez_to_bytes(bytes, x, 32);
        for (int i = 0; i < together; i++) {
            tile[i / 32].d[cell] = scale;
            tile[i / 32].q[cell / 4][i % 32][cell % 4] = bytes[i];
        }
        n -= together, x += together, tile += together / 32;
    }
}
