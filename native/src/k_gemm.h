/* Matrix products of quantized weights (tiles of kernels.h) and quantized activations. Every output is computed
 * by one fixed sequence of operations along k, whatever the number of columns, tiles or threads.
 *
 * Order of operations, per output; the sums in brackets are exact integers:
 *   Q8_0  per 32:  acc = acc + [sum w x] * (dw * dx)
 *   Q4_0  per 32:  acc = acc + [sum (q - 8) x] * (dw * dx)
 *   Q4_K  per 256: acc = acc + dx * (d * [sum scale_j sum q x] - dmin * [sum min_j sum x])
 *   Q6_K  per 256: acc = acc + (d * dx) * [sum scale_j sum (q - 32) x]
 * with the bracketed integer converted to float (rounded once). acc starts at +0. */

#define EZ_AHEAD 4096 /* bytes: across the page that hardware stops at */
/* How many bytes ahead the columns from c on fetch weights: the first ones the chunk itself, the second ones the next
 * chunk, so that memory is not idle meanwhile. With sixteen lanes that gains nothing. */
EZ_INLINE size_t ez_ahead(int c, size_t chunk_bytes) { return W < 16 && c == EZ_COLUMNS ? chunk_bytes : EZ_AHEAD; }

/* Column c of the activations. */
#define EZ_X(c) ((const ez_x *) (g->x + (size_t) (column + (c)) * g->column_bytes))
#define EZ_N(c) ((const ez_n *) (g->x + (size_t) (column + (c)) * g->column_bytes))
#define EZ_DX(c) ((const float *) (g->x + (size_t) (column + (c)) * g->column_bytes + ez_column_scales(g->k)))
#define EZ_SX(c) ((const int32_t *) (g->x + (size_t) (column + (c)) * g->column_bytes + ez_column_sums(g->k)))

EZ_INLINE void ez_dot_q8_0(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    const ez_q8_0 * w = (const ez_q8_0 *) tile;
    for (int b = 0; b < g->k / 32; b++, w++) {
        va s[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = va_start(EZ_SX(c) + b);
        EZ_UNROLL for (int i = 0; i < 8; i++) {
            const vw ws = vw_load(w->q[i] + 4 * lane);
            __builtin_prefetch((const char *) w->q[i] + ahead);
            EZ_UNROLL for (int c = 0; c < n; c++) s[c] = va_dot(s[c], ws, EZ_X(c) + 32 * b, i);
        }
        const vf d = vf_load_half(w->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            acc[c] = vf_add(acc[c], vf_mul(vf_from_vi(va_sum(s[c])), vf_mul(d, vf_set1(EZ_DX(c)[b]))));
        }
    }
}

#ifdef EZ_PAIRS
/* Two vectors of rows, of two tiles or of one: acc[c] and acc[n + c]. Each activation is loaded once for both. */
EZ_INLINE void ez_pair_q8_0(const struct ez_gemm * g, const uint8_t * tile, int column, vf * acc, int n, size_t ahead) {
    const ez_q8_0 * w = (const ez_q8_0 *) tile;
    const ez_q8_0 * v = (const ez_q8_0 *) (tile + (W < EZ_TILE ? 0 : g->tile_bytes));
    const int lane = W < EZ_TILE ? W : 0; /* the first row of the second in its tile */
    for (int b = 0; b < g->k / 32; b++, w++, v++) {
        va s[EZ_COLUMNS], t[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = t[c] = va_start(EZ_SX(c) + b);
        EZ_UNROLL for (int i = 0; i < 8; i++) {
            const vw ws = vw_load(w->q[i]), vs = vw_load(v->q[i] + 4 * lane);
            __builtin_prefetch((const char *) w->q[i] + ahead);
            if (lane == 0) {
                __builtin_prefetch((const char *) v->q[i] + ahead);
            }
            EZ_UNROLL for (int c = 0; c < n; c++) {
                const vx x = vx_load(EZ_X(c) + 32 * b, i);
                s[c] = va_dot_x(s[c], ws, x);
                t[c] = va_dot_x(t[c], vs, x);
            }
        }
        const vf d = vf_load_half(w->d), e = vf_load_half(v->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            const vf dx = vf_set1(EZ_DX(c)[b]);
            acc[c] = vf_add(acc[c], vf_mul(vf_from_vi(va_sum(s[c])), vf_mul(d, dx)));
            acc[n + c] = vf_add(acc[n + c], vf_mul(vf_from_vi(va_sum(t[c])), vf_mul(e, dx)));
        }
    }
}
#endif

EZ_INLINE void ez_dot_q4_0(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    const ez_q4_0 * w = (const ez_q4_0 *) tile;
    for (int b = 0; b < g->k / 32; b++, w++) {
        vp s[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp_start(EZ_SX(c) + b);
        EZ_UNROLL for (int i = 0; i < 4; i++) {
            const vn low = vn_load_low(w->q[i] + 4 * lane);
            __builtin_prefetch((const char *) w->q[i] + ahead);
            EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp_dot(s[c], low, EZ_N(c) + 32 * b, i);
            const vn high = vn_load_high(w->q[i] + 4 * lane);
            EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp_dot(s[c], high, EZ_N(c) + 32 * b, 4 + i);
        }
        const vf d = vf_load_half(w->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            acc[c] = vf_add(acc[c], vf_mul(vf_from_vi(vp_sum(s[c], EZ_SX(c) + b)), vf_mul(d, vf_set1(EZ_DX(c)[b]))));
        }
    }
}

EZ_INLINE void ez_dot_q4_k(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    const ez_q4_k * w = (const ez_q4_k *) tile;
    for (int b = 0; b < g->k / 256; b++, w++) {
        vi sums[EZ_COLUMNS], mins[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) sums[c] = mins[c] = vi_zero();
        for (int pair = 0; pair < 4; pair++) {
            EZ_UNROLL for (int high = 0; high < 2; high++) {
                const int j = 2 * pair + high;
                vp s[EZ_COLUMNS];
                EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp_zero();
                EZ_UNROLL for (int i = 0; i < 8; i++) {
                    const uint8_t * q = w->q[pair][i] + 4 * lane;
                    const vn ws = high ? vn_load_high(q) : vn_load_low(q);
                    if (!high) {
                        __builtin_prefetch((const char *) q + ahead);
                    }
                    EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp_dot(s[c], ws, EZ_N(c) + 256 * b + 32 * j, i);
                }
                const vc scale = vc_load_u8(w->scale[j] + lane);
                const vi min = vi_load_u8(w->min[j] + lane);
                EZ_UNROLL for (int c = 0; c < n; c++) { /* min is at most 63, a sum of 32 at most 32 * 127 */
                    sums[c] = vi_add(sums[c], vp_scaled(s[c], scale));
                    mins[c] = vi_add(mins[c], vi_mul_short(vi_set1(EZ_SX(c)[8 * b + j]), min));
                }
            }
        }
        const vf d = vf_load_half(w->d + lane), dmin = vf_load_half(w->dmin + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            const vf value = vf_sub(vf_mul(d, vf_from_vi(sums[c])), vf_mul(dmin, vf_from_vi(mins[c])));
            acc[c] = vf_add(acc[c], vf_mul(vf_set1(EZ_DX(c)[b]), value));
        }
    }
}

EZ_INLINE void ez_dot_q6_k(const struct ez_gemm * g, const uint8_t * tile, int lane, int column, vf * acc, int n,
                            size_t ahead) {
    const ez_q6_k * w = (const ez_q6_k *) tile;
    for (int b = 0; b < g->k / 256; b++, w++) {
        vi sums[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < n; c++) sums[c] = vi_zero();
        for (int h = 0; h < 2; h++) {
            EZ_UNROLL for (int j = 0; j < 8; j++) { /* 16 h + 8 quarter + l = 4 j + i counts groups of 4 numbers */
                vp6 s[EZ_COLUMNS];
                EZ_UNROLL for (int c = 0; c < n; c++) s[c] = vp6_start(EZ_SX(c) + 16 * b + 8 * h + j);
                EZ_UNROLL for (int i = 0; i < 4; i++) {
                    const int quarter = j / 2, l = 4 * (j % 2) + i;
                    const uint8_t * low = w->low[16 * h + 8 * (quarter & 1) + l];
                    const uint8_t * high = w->high[8 * h + l];
                    if (quarter < 2) {
                        __builtin_prefetch((const char *) low + ahead);
                    } else if (quarter == 2) {
                        __builtin_prefetch((const char *) high + ahead);
                    }
                    const vn ws = vn_load_6(low + 4 * lane, quarter & 2, high + 4 * lane, 2 * quarter);
                    EZ_UNROLL for (int c = 0; c < n; c++) {
                        s[c] = vp6_dot(s[c], ws, EZ_N(c) + 256 * b + 128 * h + 16 * j, i);
                    }
                }
                const vc scale = vc_load_s8(w->scale[8 * h + j] + lane);
                EZ_UNROLL for (int c = 0; c < n; c++) {
                    sums[c] = vi_add(sums[c], vp6_scaled(s[c], scale, EZ_SX(c) + 16 * b + 8 * h + j));
                }
            }
        }
        const vf d = vf_load_half(w->d + lane);
        EZ_UNROLL for (int c = 0; c < n; c++) {
            acc[c] = vf_add(acc[c], vf_mul(vf_mul(d, vf_set1(EZ_DX(c)[b])), vf_from_vi(sums[c])));
        }
    }
}

#define EZ_DOT ez_dot_q8_0
#ifdef EZ_PAIRS
#define EZ_PAIR ez_pair_q8_0
#endif
#define EZ_GEMM_NAME ez_gemm_q8_0
#include "k_gemm_loop.h"
#define EZ_DOT ez_dot_q4_0
#define EZ_GEMM_NAME ez_gemm_q4_0
#include "k_gemm_loop.h"
#define EZ_DOT ez_dot_q4_k
#define EZ_GEMM_NAME ez_gemm_q4_k
#include "k_gemm_loop.h"
#define EZ_DOT ez_dot_q6_k
#define EZ_GEMM_NAME ez_gemm_q6_k
#include "k_gemm_loop.h"
