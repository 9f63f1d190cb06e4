/* Weights from ggml's rows to tiles. Bytes are moved, never rounded: only Q4_K's 6-bit scales are unpacked.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tiles.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#define GGML_COMMON_DECL_C
#include "ggml-common.h"

enum ez_format ez_format_of(enum ggml_type type, int64_t k) {
    if (k < 1 || k > (1 << 24)) {
        return EZ_FORMATS;
    }
    switch (type) {
        case GGML_TYPE_Q8_0: return k % 32 ? EZ_FORMATS : EZ_Q8_0;
        case GGML_TYPE_Q4_0: return k % 32 ? EZ_FORMATS : EZ_Q4_0;
        case GGML_TYPE_Q4_K: return k % 256 ? EZ_FORMATS : EZ_Q4_K;
        case GGML_TYPE_Q6_K: return k % 256 ? EZ_FORMATS : EZ_Q6_K;
        case GGML_TYPE_F32: return EZ_F32;
        case GGML_TYPE_F16: return EZ_F16;
        default: return EZ_FORMATS;
    }
}

size_t ez_tile_bytes(enum ez_format format, int64_t k) {
    switch (format) {
        case EZ_Q8_0: return sizeof(ez_q8_0) * (size_t) (k / 32);
        case EZ_Q4_0: return sizeof(ez_q4_0) * (size_t) (k / 32);
        case EZ_Q4_K: return sizeof(ez_q4_k) * (size_t) (k / 256);
        case EZ_Q6_K: return sizeof(ez_q6_k) * (size_t) (k / 256);
        case EZ_F32: return 4 * EZ_TILE * (size_t) k;
        case EZ_F16: return 2 * EZ_TILE * (size_t) k;
        default: return 0;
    }
}

/* 16 bytes of each of 4 rows to 4 groups: bytes 4 g .. 4 g + 3 of row i go to to[64 g + 4 i ..]. flip is XORed. */
static void move_words(uint8_t * to, const uint8_t * const rows[4], uint8_t flip) {
#if defined(__x86_64__)
    const __m128i f = _mm_set1_epi8((char) flip);
    const __m128i a = _mm_xor_si128(_mm_loadu_si128((const __m128i *) rows[0]), f);
    const __m128i b = _mm_xor_si128(_mm_loadu_si128((const __m128i *) rows[1]), f);
    const __m128i c = _mm_xor_si128(_mm_loadu_si128((const __m128i *) rows[2]), f);
    const __m128i d = _mm_xor_si128(_mm_loadu_si128((const __m128i *) rows[3]), f);
    const __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    const __m128i ef = _mm_unpackhi_epi32(a, b), gh = _mm_unpackhi_epi32(c, d);
    _mm_storeu_si128((__m128i *) to, _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((__m128i *) (to + 64), _mm_unpackhi_epi64(ab, cd));
    _mm_storeu_si128((__m128i *) (to + 128), _mm_unpacklo_epi64(ef, gh));
    _mm_storeu_si128((__m128i *) (to + 192), _mm_unpackhi_epi64(ef, gh));
#else
    for (int g = 0; g < 4; g++) {
        for (int i = 0; i < 16; i++) {
            to[64 * g + i] = rows[i / 4][4 * g + i % 4] ^ flip;
        }
    }
#endif
}

/* `bytes` (a multiple of 16) at the same place of 16 rows, as move_words. */
static void move_rows(uint8_t * to, const uint8_t * const rows[EZ_TILE], size_t offset, size_t bytes, uint8_t flip) {
    for (size_t i = 0; i < bytes; i += 16) {
        for (int r = 0; r < EZ_TILE; r += 4) {
            const uint8_t * const at[4] = {rows[r] + offset + i, rows[r + 1] + offset + i, rows[r + 2] + offset + i,
                                           rows[r + 3] + offset + i};
            move_words(to + 16 * i + 4 * r, at, flip);
        }
    }
}

/* The functions below pack the 16 rows of a tile, block by block, so that each cache line is written at once. */

static void pack_q8_0(ez_q8_0 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++) {
        const size_t at = (size_t) b * sizeof(block_q8_0);
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(&tile[b].d[r], rows[r] + at + offsetof(block_q8_0, d), 2);
        }
        move_rows(&tile[b].q[0][0], rows, at + offsetof(block_q8_0, qs), 32, 128); /* x ^ 128 = x + 128 */
    }
}

/* ggml too has k = i in the low half-byte and i + 16 in the high one. */
static void pack_q4_0(ez_q4_0 * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 32; b++) {
        const size_t at = (size_t) b * sizeof(block_q4_0);
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(&tile[b].d[r], rows[r] + at + offsetof(block_q4_0, d), 2);
        }
        move_rows(&tile[b].q[0][0], rows, at + offsetof(block_q4_0, qs), 16, 0);
    }
}

static void pack_q4_k(ez_q4_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q4_K);
        for (int r = 0; r < EZ_TILE; r++) {
            const uint8_t * s = rows[r] + at + offsetof(block_q4_K, scales);
            memcpy(&tile->d[r], rows[r] + at + offsetof(block_q4_K, d), 2);
            memcpy(&tile->dmin[r], rows[r] + at + offsetof(block_q4_K, dmin), 2);
            for (int j = 0; j < 4; j++) {
                tile->scale[j][r] = s[j] & 63;
                tile->min[j][r] = s[j + 4] & 63;
                tile->scale[j + 4][r] = (uint8_t) ((s[j + 8] & 15) | ((s[j] >> 6) << 4));
                tile->min[j + 4][r] = (uint8_t) ((s[j + 8] >> 4) | ((s[j + 4] >> 6) << 4));
            }
        }
        move_rows(&tile->q[0][0][0], rows, at + offsetof(block_q4_K, qs), 128, 0);
    }
}

static void pack_q6_k(ez_q6_k * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t b = 0; b < k / 256; b++, tile++) {
        const size_t at = (size_t) b * sizeof(block_q6_K);
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(&tile->d[r], rows[r] + at + offsetof(block_q6_K, d), 2);
            for (int j = 0; j < 16; j++) {
                tile->scale[j][r] = (int8_t) rows[r][at + offsetof(block_q6_K, scales) + (size_t) j];
            }
        }
        move_rows(&tile->low[0][0], rows, at + offsetof(block_q6_K, ql), 128, 0);
        move_rows(&tile->high[0][0], rows, at + offsetof(block_q6_K, qh), 64, 0);
    }
}

static void pack_f32(float * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
        move_rows((uint8_t *) (tile + i * EZ_TILE), rows, (size_t) i * 4, 16, 0);
    }
    for (; i < k; i++) {
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(tile + i * EZ_TILE + r, rows[r] + i * 4, 4);
        }
    }
}

static void pack_f16(uint16_t * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {
    for (int64_t i = 0; i < k; i++) {
        for (int r = 0; r < EZ_TILE; r++) {
            memcpy(tile + i * EZ_TILE + r, rows[r] + i * 2, 2);
        }
    }
}

void ez_pack_tile(enum ez_format format, uint8_t * tile, const uint8_t * first_row, size_t row_bytes, int rows,
                  int64_t k) {
    const uint8_t * all[EZ_TILE];
    for (int r = 0; r < EZ_TILE; r++) { /* rows past the end repeat the last one; their results are never stored */
        all[r] = first_row + (size_t) (r < rows ? r : rows - 1) * row_bytes;
    }
    switch (format) {
        case EZ_Q8_0: pack_q8_0((ez_q8_0 *) tile, all, k); break;
        case EZ_Q4_0: pack_q4_0((ez_q4_0 *) tile, all, k); break;
        case EZ_Q4_K: pack_q4_k((ez_q4_k *) tile, all, k); break;
        case EZ_Q6_K: pack_q6_k((ez_q6_k *) tile, all, k); break;
        case EZ_F32: pack_f32((float *) tile, all, k); break;
        case EZ_F16: pack_f16((uint16_t *) tile, all, k); break;
        default: break;
    }
}
