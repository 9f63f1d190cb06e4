/* The products of all formats from ggml's own (unpacked) rows, number by number, for kernel_check: written from ggml's
 * description of its blocks and the orders of operations in native/src/formats/, without their code.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_KERNEL_REFERENCE_H
#define EZ_KERNEL_REFERENCE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "half.h"
#include "kernels.h"

#define GGML_COMMON_DECL_C
#include "ggml-common.h"

/* A block of ggml's: bytes, and where its halves are that have to be finite (-1: none). */
struct reference_format { size_t bytes; int numbers, d, m; };

static const struct reference_format reference_formats[EZ_FORMATS] = {
    [EZ_Q8_0] = {34, 32, 0, -1},      [EZ_Q4_0] = {18, 32, 0, -1},    [EZ_Q4_1] = {20, 32, 0, 2},
    [EZ_Q5_0] = {22, 32, 0, -1},      [EZ_Q5_1] = {24, 32, 0, 2},     [EZ_Q2_K] = {84, 256, 80, 82},
    [EZ_Q3_K] = {110, 256, 108, -1},  [EZ_Q4_K] = {144, 256, 0, 2},   [EZ_Q5_K] = {176, 256, 0, 2},
    [EZ_Q6_K] = {210, 256, 208, -1},  [EZ_IQ4_NL] = {18, 32, 0, -1},  [EZ_IQ4_XS] = {136, 256, 0, -1},
    [EZ_F32] = {4, 1, -1, -1},        [EZ_F16] = {2, 1, 0, -1},       [EZ_BF16] = {2, 1, -1, -1},
};

/* Of block_numbers[format] numbers: w is d * scale * weight - m * min, or d * weight + m where there are no scales. */
struct reference_block { float d, m; int weight[256], scale[256], min[256]; };

static const int reference_table[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static float half_at(const uint8_t * p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return ez_half_to_float(h);
}

/* Number i of 256 by ggml's pairs of 32: number and half of its byte. */
static int nibble_of_pairs(const uint8_t * q, int i) { return q[i / 64 * 32 + i % 32] >> (i % 64 < 32 ? 0 : 4) & 15; }

static void read_k_scale(const uint8_t * t, int j, int * scale, int * min) {
    *scale = j < 4 ? t[j] & 63 : (t[j + 4] & 15) | (t[j - 4] >> 6) << 4;
    *min = j < 4 ? t[j + 4] & 63 : (t[j + 4] >> 4) | (t[j] >> 6) << 4;
}

/* Number i of a block, but for d and m. */
static void read_number(enum ez_format format, const uint8_t * p, int i, struct reference_block * to) {
    const int half = i % 32 < 16 ? 0 : 4, at = i % 16;
    int * w = &to->weight[i], * scale = &to->scale[i], * min = &to->min[i];
    *scale = 1, *min = 0;
    switch (format) {
        case EZ_Q8_0: *w = ((const block_q8_0 *) p)->qs[i]; break;
        case EZ_Q4_0: *w = (((const block_q4_0 *) p)->qs[at] >> half & 15) - 8; break;
        case EZ_Q4_1: *w = ((const block_q4_1 *) p)->qs[at] >> half & 15; break;
        case EZ_IQ4_NL: *w = reference_table[((const block_iq4_nl *) p)->qs[at] >> half & 15]; break;
        case EZ_Q5_0: {
            const block_q5_0 * b = (const block_q5_0 *) p;
            *w = ((b->qs[at] >> half & 15) | (b->qh[i / 8] >> i % 8 & 1) << 4) - 16;
            break;
        }
        case EZ_Q5_1: {
            const block_q5_1 * b = (const block_q5_1 *) p;
            *w = (b->qs[at] >> half & 15) | (b->qh[i / 8] >> i % 8 & 1) << 4;
            break;
        }
        case EZ_Q2_K: {
            const block_q2_K * b = (const block_q2_K *) p;
            *w = b->qs[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            *scale = b->scales[i / 16] & 15;
            *min = b->scales[i / 16] >> 4;
            break;
        }
        case EZ_Q3_K: {
            const block_q3_K * b = (const block_q3_K *) p;
            const int j = i / 16, high = b->scales[8 + j % 4] >> j / 4 * 2 & 3;
            *w = (b->qs[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) - (b->hmask[i % 32] >> i / 32 & 1 ? 0 : 4);
            *scale = (j < 8 ? b->scales[j] & 15 : b->scales[j - 8] >> 4) + 16 * high - 32;
            break;
        }
        case EZ_Q4_K: {
            const block_q4_K * b = (const block_q4_K *) p;
            *w = nibble_of_pairs(b->qs, i);
            read_k_scale(b->scales, i / 32, scale, min);
            break;
        }
        case EZ_Q5_K: {
            const block_q5_K * b = (const block_q5_K *) p;
            *w = nibble_of_pairs(b->qs, i) + 16 * (b->qh[i % 32] >> i / 32 & 1);
            read_k_scale(b->scales, i / 32, scale, min);
            break;
        }
        case EZ_Q6_K: {
            const block_q6_K * b = (const block_q6_K *) p;
            const int part = i / 128, quarter = i % 128 / 32, l = i % 32;
            const int low = b->ql[64 * part + 32 * (quarter & 1) + l] >> (quarter & 2 ? 4 : 0) & 15;
            *w = (low | (b->qh[32 * part + l] >> 2 * quarter & 3) << 4) - 32;
            *scale = b->scales[i / 16];
            break;
        }
        case EZ_IQ4_XS: {
            const block_iq4_xs * b = (const block_iq4_xs *) p;
            const int j = i / 32;
            *w = reference_table[b->qs[16 * j + at] >> half & 15];
            *scale = (b->scales_l[j / 2] >> j % 2 * 4 & 15) + 16 * (b->scales_h >> 2 * j & 3) - 32;
            break;
        }
        default: abort();
    }
}

static float reference_float(enum ez_format format, const uint8_t * p) {
    float x;
    uint32_t bits = 0;
    if (format == EZ_F16) return half_at(p);
    memcpy(&bits, p, format == EZ_F32 ? 4 : 2);
    bits <<= format == EZ_F32 ? 0 : 16;
    memcpy(&x, &bits, 4);
    return x;
}

static void reference_quantize(int * q, float * d, const float * x, int k, int block) {
    for (int b = 0; b < k / block; b++) {
        float amax = 0.0f;
        for (int i = 0; i < block; i++) amax = fabsf(x[b * block + i]) > amax ? fabsf(x[b * block + i]) : amax;
        const int empty = !(amax >= 1e-30f);
        d[b] = empty ? 0.0f : amax / 127.0f;
        const float inverse = empty ? 0.0f : 127.0f / amax;
        for (int i = 0; i < block; i++) q[b * block + i] = empty ? 0 : (int) rintf(x[b * block + i] * inverse);
    }
}

/* One block's number to be added to acc. */
static float reference_term(enum ez_format format, const uint8_t * block, const int * x, float dx) {
    static struct reference_block w;
    const struct reference_format * f = &reference_formats[format];
    const float d = half_at(block + f->d), m = f->m < 0 ? 0.0f : half_at(block + f->m);
    int64_t sum = 0, minima = 0, plain = 0;
    for (int i = 0; i < f->numbers; i++) {
        read_number(format, block, i, &w);
        sum += (int64_t) w.scale[i] * w.weight[i] * x[i];
        minima += (int64_t) w.min[i] * x[i];
        plain += x[i];
    }
    if (f->numbers == 32) {
        const float product = (float) (int32_t) sum * (d * dx);
        return f->m < 0 ? product : product + m * (dx * (float) (int32_t) plain);
    }
    return f->m < 0 ? (d * dx) * (float) (int32_t) sum
                    : dx * (d * (float) (int32_t) sum - m * (float) (int32_t) minima);
}

/* One output from ggml's own row. */
static float reference_dot(enum ez_format format, const uint8_t * row, const float * x, int k) {
    static int q[8192];
    static float d[512];
    const struct reference_format * f = &reference_formats[format];
    float acc = 0.0f, s[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    if (f->numbers == 1) {
        for (int i = 0; i < k; i++) s[i % 4] = s[i % 4] + reference_float(format, row + (size_t) i * f->bytes) * x[i];
        return (s[0] + s[2]) + (s[1] + s[3]);
    }
    reference_quantize(q, d, x, k, f->numbers);
    for (int b = 0; b < k / f->numbers; b++) {
        acc = acc + reference_term(format, row + (size_t) b * f->bytes, q + b * f->numbers, d[b]);
    }
    return acc;
}

#endif
