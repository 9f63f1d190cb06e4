/* Holds every kernel of every level this machine has against a scalar reference, bit for bit, on random and
 * extreme inputs. Prints a digest of all results per level, which is the same on every machine, and exits with 1 at
 * the first difference.
 *   kernel_check [SEED]
 * The references are written from the orders of operations that the kernels' sources state and share no code with the
 * kernels but the half-precision conversion.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgezip.h"
#include "half.h"
#include "kernels.h"
#include "kernel_reference.h"
#include "tiles.h"

static uint64_t state;
static uint32_t random32(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t) (state >> 33) ^ (uint32_t) (state >> 12);
}
static int below(int n) { return (int) (random32() % (unsigned) n); }
static float uniform(void) { return (float) (int32_t) random32() * (1.0f / 2147483648.0f); }

/* Activations: mostly of one magnitude, sometimes zeros, outliers, ties, tiny or huge numbers. */
static void fill(float * x, int n, int kind) {
    for (int i = 0; i < n; i++) {
        switch (kind % 6) {
            case 0: x[i] = uniform(); break;
            case 1: x[i] = below(8) ? 0.0f : uniform(); break;
            case 2: x[i] = uniform() * (below(16) ? 1.0f : 1000.0f); break;
            case 3: x[i] = (float) (below(255) - 127) * 0.5f; break;
            case 4: x[i] = uniform() * 1e-30f; break;
            default: x[i] = uniform() * 1e8f; break;
        }
    }
}

static void differ(const char * what, int at, float got, float want) {
    printf("%s: %s differs at %d: %.9g instead of %.9g\n", edgezip_simd_name(), what, at, (double) got, (double) want);
    exit(1);
}

static uint64_t digest;

static void compare(const char * what, const float * got, const float * want, int n) {
    for (int i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], 4)) {
            differ(what, i, got[i], want[i]);
        }
        uint32_t bits;
        memcpy(&bits, &got[i], 4);
        digest = (digest ^ bits) * UINT64_C(0x100000001B3);
    }
}

static float tree16(float * a) {
    for (int n = 8; n >= 1; n /= 2) {
        for (int i = 0; i < n; i++) a[i] = a[i] + a[i + n];
    }
    return a[0];
}

static float reference_exp(float x) {
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * ldexpf(1.0f, (int) n);
}

static uint16_t random_half(void) { return ez_float_to_half(uniform() * 0.1f); }

static void put_half(uint8_t * p) {
    const uint16_t h = random_half();
    memcpy(p, &h, 2);
}

/* Scales stay finite. With `extreme` all bytes of a row are one, but those of its integer scales may be another: the
 * largest integer sums. */
static size_t random_row(enum ez_format format, uint8_t * row, int k, int extreme) {
    static const uint8_t ends[] = {0x00, 0x7F, 0x80, 0xFF};
    const struct reference_format * f = &reference_formats[format];
    const uint8_t end = ends[below(4)], scale = ends[below(4)];
    for (int b = 0; b < k / f->numbers; b++) {
        uint8_t * block = row + (size_t) b * f->bytes;
        for (size_t i = 0; i < f->bytes; i++) block[i] = extreme ? end : (uint8_t) (below(20) ? random32() : 255u * (random32() % 2));
        if (extreme && format == EZ_Q2_K) memset(((block_q2_K *) block)->scales, scale, 16);
        if (extreme && format == EZ_Q3_K) memset(((block_q3_K *) block)->scales, scale, 12);
        if (extreme && format == EZ_Q4_K) memset(((block_q4_K *) block)->scales, scale, 12);
        if (extreme && format == EZ_Q5_K) memset(((block_q5_K *) block)->scales, scale, 12);
        if (extreme && format == EZ_Q6_K) memset(((block_q6_K *) block)->scales, scale, 16);
        if (extreme && format == EZ_IQ4_XS) memset(block + 2, scale, 6);
        if (f->d >= 0) put_half(block + f->d);
        if (f->m >= 0) put_half(block + f->m);
        if (format == EZ_F32 || format == EZ_BF16) {
            const float x = uniform();
            memcpy(block, (const uint8_t *) &x + (format == EZ_F32 ? 0 : 2), f->bytes);
        }
    }
    return f->bytes * (size_t) (k / f->numbers);
}

static void check_gemm(enum ez_format format, int kind) {
    const int extreme = kind % 4 == 3, large = kind % 8 == 5; /* large: several chunks of tiles (k_gemm_loop.h) */
    const int numbers = reference_formats[format].numbers;
    const int k = numbers * (1 + below(large ? numbers == 256 ? 6 : numbers == 32 ? 40 : 600
                                             : numbers == 256 ? 3 : numbers == 32 ? 9 : 200));
    const int rows = 1 + below(large ? 150 : 40), columns = 1 + below(19), tiles = (rows + 15) / 16;
    const size_t tile_bytes = ez_tile_bytes(format, k), column_bytes = ez_column_bytes(format, k);
    uint8_t * raw = malloc((size_t) rows * (size_t) k * 4 + 4096);
    uint8_t * w = aligned_alloc(64, (tile_bytes * (size_t) tiles + 63) / 64 * 64);
    uint8_t * x = aligned_alloc(64, column_bytes * (size_t) columns);
    float * floats = malloc(sizeof(float) * (size_t) k * (size_t) columns);
    float * y = malloc(sizeof(float) * (size_t) (rows * columns));
    float * want = malloc(sizeof(float) * (size_t) (rows * columns));
    size_t row_bytes = 0;
    for (int r = 0; r < rows; r++) row_bytes = random_row(format, raw + (size_t) r * row_bytes, k, extreme);
    for (int t = 0; t < tiles; t++) {
        ez_pack_tile(format, w + (size_t) t * tile_bytes, raw + (size_t) t * 16 * row_bytes, row_bytes,
                     rows - t * 16 < 16 ? rows - t * 16 : 16, k);
    }
    fill(floats, k * columns, kind);
    for (int i = 0; extreme && i < k * columns; i++) floats[i] = i / k % 2 ? -1.0f : 1.0f; /* every byte -127 or 127 */
    for (int c = 0; c < columns; c++) {
        const float * from = floats + (size_t) c * (size_t) k;
        uint8_t * column = x + (size_t) c * column_bytes;
        if (ez_is_float(format)) memcpy(column, from, (size_t) k * 4);
        else ez_kernels()->quantize[format](column, from, k);
        for (int r = 0; r < rows; r++) want[c * rows + r] = reference_dot(format, raw + (size_t) r * row_bytes, from, k);
    }
    const struct ez_gemm g = {.w = w, .tile_bytes = tile_bytes, .rows = rows, .k = k, .far = below(2) == 1, .x = x,
                              .column_bytes = column_bytes, .columns = columns, .y = y, .y_stride = (size_t) rows};
    ez_kernels()->gemm[format](&g, 0, tiles);
    compare(ez_format_name(format), y, want, rows * columns);
    free(raw), free(w), free(x), free(floats), free(y), free(want);
}

static void check_rows(int kind) {
    const int n = 2 * (1 + below(150));
    float x[300], g[300], table[600], y[300], want[300], lanes[16] = {0};
    uint16_t half[300];
    fill(x, n, kind), fill(g, n, kind / 6), fill(table, 2 * n, 0);
    for (int i = 0; i < n; i++) lanes[i % 16] = lanes[i % 16] + x[i] * x[i];
    const float scale = 1.0f / sqrtf(tree16(lanes) / (float) n + 1e-5f);
    for (int i = 0; i < n; i++) want[i] = (x[i] * scale) * g[i];
    ez_kernels()->rms_norm(y, x, g, n, 1e-5f);
    compare("rms_norm", y, want, n);
    for (int i = 0; i < n; i++) want[i] = (x[i] / (1.0f + reference_exp(0.0f - x[i]))) * g[i];
    ez_kernels()->swiglu(y, x, g, n);
    compare("swiglu", y, want, n);
    for (int i = 0; i < n; i++) want[i] = x[i] * table[i] + x[i ^ 1] * table[n + i];
    ez_kernels()->rope_pairs(y, x, table, n);
    compare("rope_pairs", y, want, n);
    for (int i = 0; i < n / 2; i++) {
        want[i] = x[i] * table[i] - x[n / 2 + i] * table[n / 2 + i];
        want[n / 2 + i] = x[n / 2 + i] * table[i] + x[i] * table[n / 2 + i];
    }
    ez_kernels()->rope_halves(y, x, table, n);
    compare("rope_halves", y, want, n);
    if (kind == 5) { /* every half, its neighbours and its ties */
        for (uint32_t h = 0; h < 0x7C00; h += 1 + (uint32_t) below(40)) {
            const float a = ez_half_to_float((uint16_t) h), b = ez_half_to_float((uint16_t) (h + 1));
            const float tie = 0.5f * a + 0.5f * b;
            const float in[16] = {a, -a, tie, -tie, nextafterf(tie, 0), nextafterf(tie, 1e9f), 65519.0f, 65520.0f, 1e30f,
                                  0.0f, -0.0f, 6e-8f, 2.9e-8f, 3e-8f, uniform(), 1e-40f};
            ez_kernels()->to_half(half, in, 16);
            for (int i = 0; i < 16; i++) {
                if (half[i] != ez_float_to_half(in[i])) differ("to_half", i, (float) half[i], in[i]);
            }
        }
    }
}

static float reference_exp_weight(float x) {
    const float t = x * 1.44269504f, n = rintf(t), f = t - n;
    const float p = ((0.05517167f * f + 0.24261112f) * f + 0.69326099f) * f + 0.99992807f;
    return ldexpf(p, (int) n);
}

/* Scores to weights in place; returns 1 / total. */
static float reference_softmax(const struct ez_attention * a, int r, float * s) {
    float top = -3.402823466e38f, lanes[16] = {0};
    for (int j = 0; j < a->n[r]; j++) {
        if (!(a->mask[r] && a->mask[r][j]) && s[j] > top) top = s[j];
    }
    for (int j = 0; j < a->n[r]; j++) {
        const float x = s[j] - top;
        s[j] = (a->mask[r] && a->mask[r][j]) || x < -50.0f ? 0.0f : reference_exp_weight(x);
        lanes[j % 16] = lanes[j % 16] + s[j];
    }
    return 1.0f / tree16(lanes);
}

static void reference_attention(const struct ez_attention * a, int r, float * out) {
    const size_t head = (size_t) (r / a->rows);
    float * s = malloc(sizeof(float) * (size_t) (a->n[r] + 1));
    for (int j = 0; j < a->n[r]; j++) {
        const uint16_t * k = (const uint16_t *) (a->k + head * a->k_head + (size_t) j * a->k_stride);
        float sums[16];
        for (int d = 0; d < a->dk; d++) {
            const float product = a->q[r][d] * ez_half_to_float(k[d]);
            sums[d % 16] = d < 16 ? product : sums[d % 16] + product;
        }
        s[j] = tree16(sums) * a->scale;
    }
    const float inverse = reference_softmax(a, r, s);
    for (int d = 0; d < a->dv; d++) {
        float sum = 0.0f;
        for (int j = 0; j < a->n[r]; j++) {
            const uint8_t * v = a->v + head * a->v_head + (size_t) j * a->v_stride;
            sum = sum + s[j] * ez_half_to_float(((const uint16_t *) v)[d]);
        }
        out[d] = sum * inverse;
    }
    free(s);
}

/* Keys or values to bytes, 64 with one scale, which is given for each 32; the last 32 alone where there are no 64. */
static void reference_bytes(int * bytes, float * d, const float * x, int n) {
    const int pairs = n / 64 * 64;
    float of_64[4];
    reference_quantize(bytes, of_64, x, pairs, 64);
    for (int b = 0; b < pairs / 32; b++) d[b] = of_64[b / 2];
    reference_quantize(bytes + pairs, d + pairs / 32, x + pairs, n - pairs, 32);
}

/* Keys and values of the row's head in floats, [cell][number]. */
static void reference_of_bytes(const struct ez_attention * a, int r, const float * keys, const float * values, float * out) {
    int q[160], bytes[160];
    float dq[8], d[8];
    float * s = malloc(sizeof(float) * (size_t) (a->n[r] + 1));
    const int block = a->dk % 64 == 0 ? 64 : 32;
    reference_quantize(q, dq, a->q[r], a->dk, block);
    for (int j = 0; j < a->n[r]; j++) {
        reference_bytes(bytes, d, keys + (size_t) (j * a->dk), a->dk);
        s[j] = 0.0f;
        for (int b = 0; b < a->dk / block; b++) {
            int sum = 0;
            for (int i = block * b; i < block * b + block; i++) sum += bytes[i] * q[i];
            s[j] = s[j] + (float) sum * (ez_half_to_float(ez_float_to_half(d[b * block / 32])) * (dq[b] * a->scale));
        }
    }
    const float inverse = reference_softmax(a, r, s);
    memset(out, 0, sizeof(float) * (size_t) a->dv);
    for (int first = 0; first < a->n[r]; first += 64) {
        const int last = first + 64 < a->n[r] ? first + 64 : a->n[r];
        const int wide = a->dv % 64 == 0 ? 64 : 32; /* numbers with weights of their own */
        float top[5] = {0.0f};
        int sums[160] = {0};
        for (int j = first; j < last; j++) {
            reference_bytes(bytes, d, values + (size_t) (j * a->dv), a->dv);
            for (int b = 0; b < a->dv / wide; b++) top[b] = s[j] * d[b * wide / 32] > top[b] ? s[j] * d[b * wide / 32] : top[b];
        }
        for (int j = first; j < last; j++) {
            reference_bytes(bytes, d, values + (size_t) (j * a->dv), a->dv);
            for (int i = 0; i < a->dv; i++) {
                const int b = i / wide;
                sums[i] += top[b] >= 1e-30f ? (int) rintf((s[j] * d[i / 32]) * (127.0f / top[b])) * bytes[i] : 0;
            }
        }
        for (int i = 0; i < a->dv; i++) out[i] = out[i] + (float) sums[i] * (top[i / wide] * (1.0f / 127.0f));
    }
    for (int i = 0; i < a->dv; i++) out[i] = out[i] * inverse;
    free(s);
}

/* Rows of a test: some see fewer cells, some have a mask. */
struct rows {
    float * q, * out;
    uint16_t * mask;
    const float * qs[EZ_ATTENTION_ROWS];
    float * outs[EZ_ATTENTION_ROWS];
    int n[EZ_ATTENTION_ROWS];
    const uint16_t * masks[EZ_ATTENTION_ROWS];
    struct ez_cells hidden[EZ_ATTENTION_ROWS];
    float * scratch;
};

static void make_rows(struct rows * t, int rows, int cells, int dk, int dv) {
    t->mask = calloc((size_t) (cells + 15), sizeof(uint16_t)); /* is read in whole vectors */
    t->q = malloc(sizeof(float) * (size_t) (rows * dk));
    t->out = malloc(sizeof(float) * (size_t) (rows * dv));
    for (int i = 0; i < rows * dk; i++) t->q[i] = uniform() * (below(50) ? 1.0f : 50.0f);
    const int shortest = 1 + below(cells), first = below(shortest), last = first + below(shortest - first);
    const int seldom = below(3); /* 0: all of them are hidden */
    for (int j = first; j < last; j++) t->mask[j] = seldom && below(3) ? 0 : 0xFC00;
    for (int r = 0; r < rows; r++) {
        t->qs[r] = t->q + r * dk;
        t->outs[r] = t->out + r * dv;
        t->n[r] = below(4) ? shortest + below(cells - shortest + 1) : shortest;
        t->masks[r] = t->n[r] == shortest && below(2) ? t->mask : NULL;
        if (!t->masks[r] && !below(6)) t->n[r] = 0;
        /* whole 16s, as ops_attention.c gives them, or just those */
        const struct ez_cells exact = {first, last}, sixteens = {first / 16 * 16, (last + 15) / 16 * 16};
        t->hidden[r] = !t->masks[r] ? (struct ez_cells) {0, 0} : below(2) ? exact : sixteens;
    }
    const size_t floats = ez_attention_scratch(rows, cells, dk, dv);
    t->scratch = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
    memset(t->scratch, 0xFF, floats * 4); /* NaN: nothing may be read before it is written */
}

static void free_rows(struct rows * t) { free(t->q), free(t->out), free(t->mask), free(t->scratch); }

static void check_attention(void) {
    const int heads = 1 + below(4), per_head = 1 + below(EZ_ATTENTION_ROWS / heads), rows = heads * per_head;
    const int dk = 16 * (1 + below(9)), dv = below(2) ? dk : 16 * (1 + below(5));
    const int cells = 1 + below(300), stride = heads * (dk + dv) + 8 * below(3);
    uint16_t * kv = malloc(sizeof(uint16_t) * (size_t) (cells * stride));
    float want[160];
    struct rows t;
    for (int i = 0; i < cells * stride; i++) kv[i] = ez_float_to_half(uniform() * (below(50) ? 1.0f : 20.0f));
    make_rows(&t, rows, cells, dk, dv);
    const struct ez_attention a = {.heads = heads, .rows = per_head, .dk = dk, .dv = dv, .cells = cells,
                                   .q = t.qs, .out = t.outs, .n = t.n, .mask = t.masks, .hidden = t.hidden,
                                   .k = (const uint8_t *) kv, .v = (const uint8_t *) (kv + heads * dk),
                                   .k_stride = (size_t) stride * 2, .v_stride = (size_t) stride * 2,
                                   .k_head = (size_t) dk * 2, .v_head = (size_t) dv * 2, .scale = 0.125f,
                                   .scratch = t.scratch};
    ez_kernels()->attention(&a);
    for (int r = 0; r < rows; r++) {
        memset(want, 0, sizeof want);
        if (t.n[r] > 0) reference_attention(&a, r, want);
        compare("attention", t.outs[r], want, dv);
    }
    free(kv), free_rows(&t);
}

/* A cache of bytes: numbers of kind `kind`, stored by our kernels, read by the reference as they were. */
static void check_tiles(int kind) {
    const int heads = 1 + below(3), per_head = 1 + below(EZ_ATTENTION_ROWS / heads), rows = heads * per_head;
    const int dk = 32 * (1 + below(5)), dv = below(2) ? dk : 32 * (1 + below(3)), cells = 1 + below(200);
    const size_t k_head = (size_t) (dk / 32) * sizeof(ez_q8_0), v_head = (size_t) (dv / 32) * sizeof(ez_values);
    const size_t tiles = (size_t) (cells + 15) / 16, each = (size_t) heads;
    uint8_t * k = calloc(tiles * each, k_head), * v = calloc(tiles * each, v_head);
    float * keys = malloc(sizeof(float) * each * (size_t) (cells * dk));
    float * values = malloc(sizeof(float) * each * (size_t) (cells * dv));
    float want[160];
    struct rows t;
    fill(keys, heads * cells * dk, kind % 3), fill(values, heads * cells * dv, kind % 5);
    for (int h = 0; h < heads; h++) {
        for (int j = 0; j < cells; j++) {
            const size_t place = (size_t) (j / 16) * each + (size_t) h;
            ez_kernels()->to_keys((ez_q8_0 *) (k + place * k_head), j % 16, keys + (h * cells + j) * dk, dk);
            ez_kernels()->to_values((ez_values *) (v + place * v_head), j % 16, values + (h * cells + j) * dv, dv);
        }
    }
    make_rows(&t, rows, cells, dk, dv);
    const struct ez_attention a = {.heads = heads, .rows = per_head, .dk = dk, .dv = dv, .cells = (int) tiles * 16,
                                   .q = t.qs, .out = t.outs, .n = t.n, .mask = t.masks, .hidden = t.hidden, .tiles = true, .k = k, .v = v,
                                   .k_stride = each * k_head, .v_stride = each * v_head, .k_head = k_head, .v_head = v_head,
                                   .scale = 0.125f, .scratch = t.scratch};
    ez_kernels()->attention(&a);
    for (int r = 0; r < rows; r++) {
        const int h = r / per_head;
        memset(want, 0, sizeof want);
        if (t.n[r] > 0) reference_of_bytes(&a, r, keys + h * cells * dk, values + h * cells * dv, want);
        compare("attention over bytes", t.outs[r], want, dv);
    }
    free(k), free(v), free(keys), free(values), free_rows(&t);
}

/* An infinity or NaN is not lost among bytes. */
static void check_not_finite(void) {
    float x[96];
    ez_q8_0 keys[3];
    ez_values values[3];
    const int at = below(96);
    fill(x, 96, 0);
    x[at] = below(2) ? NAN : below(2) ? INFINITY : -INFINITY;
    ez_kernels()->to_keys(keys, 3, x, 96);
    ez_kernels()->to_values(values, 3, x, 96);
    for (int b = 0; b < 3; b++) {
        if (isnan(ez_half_to_float(keys[b].d[3])) != (b / 2 == at / 64)) differ("to_keys", 32 * b, 0, NAN);
        if (isnan(values[b].d[3]) != (b / 2 == at / 64)) differ("to_values", 32 * b, 0, NAN);
    }
}

int main(int argc, char ** argv) {
    edgezip_fpenv_set();
    const int best = edgezip_simd_limit(-1);
    for (int level = 0; level <= best; level++) {
        if (edgezip_simd_limit(level) != level) { /* the CPU has a higher one, but not this one */
            continue;
        }
        digest = 0;
        state = argc > 1 ? (uint64_t) atoll(argv[1]) : 1;
        for (int i = 0; i < 60; i++) {
            for (int f = 0; f < EZ_FORMATS; f++) check_gemm((enum ez_format) f, i);
            check_rows(i);
            check_attention();
            check_tiles(i);
            check_not_finite();
        }
        printf("%016llx %s\n", (unsigned long long) digest, edgezip_simd_name());
    }
    return 0;
}
