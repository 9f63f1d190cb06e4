/* Weights from ggml's rows to tiles. Bits are moved, never rounded.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tiles.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#define GGML_COMMON_DECL_C
#include "ggml-common.h"

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

/* The 16-bit number at the same place of 16 rows. */
static void move_halves(uint16_t * to, const uint8_t * const rows[EZ_TILE], size_t offset) {
    for (int r = 0; r < EZ_TILE; r++) {
        memcpy(to + r, rows[r] + offset, 2);
    }
}

/* Four bytes, each shifted and masked. */
static inline uint32_t four(const uint8_t * p, int shift, uint32_t mask) {
    uint32_t word;
    memcpy(&word, p, 4);
    return word >> shift & mask * 0x01010101u;
}

/* One row's part of lines of 2, 3 or 5 bits (kernels.h): eight groups of 4 numbers, a byte each. */
static inline void put_lines(uint8_t (*lines)[64], int bits, int row, const uint32_t g[8]) {
    const uint32_t ones = 0x01010101u;
    uint32_t line[5] = {0};
    if (bits == 2) {
        line[0] = g[0] | g[1] << 2 | g[2] << 4 | g[3] << 6;
        line[1] = g[4] | g[5] << 2 | g[6] << 4 | g[7] << 6;
    } else if (bits == 3) {
        line[0] = g[0] | g[1] << 3 | (g[6] & 3 * ones) << 6;
        line[1] = g[2] | g[3] << 3 | (g[7] & 3 * ones) << 6;
        line[2] = g[4] | g[5] << 3 | (g[6] >> 2 & ones) << 6 | (g[7] >> 2 & ones) << 7;
    } else {
        for (int i = 0; i < 4; i++) {
            line[i] = (g[i] & 15 * ones) | (g[i + 4] & 15 * ones) << 4;
        }
        for (int i = 0; i < 8; i++) {
            line[4] |= (g[i] >> 4 & ones) << i;
        }
    }
    for (int i = 0; i < bits; i++) {
        memcpy(lines[i] + 4 * row, &line[i], 4);
    }
}

/* The fifth line of 5 bits from ggml's 32 bits, one per number. */
static void put_fifth_bits(uint8_t * to, const uint8_t * from) {
    uint32_t bits, line = 0;
    memcpy(&bits, from, 4);
    for (int i = 0; i < 8; i++) {
        line |= ((bits >> 4 * i & 15) * 0x00204081u & 0x01010101u) << i; /* four bits to four bytes */
    }
    memcpy(to, &line, 4);
}

/* Scales and minima of 6 bits, as Q4_K and Q5_K have them in 12 bytes. */
static void put_k_scales(uint8_t (*scale)[EZ_TILE], uint8_t (*min)[EZ_TILE], int row, const uint8_t * s) {
    for (int j = 0; j < 4; j++) {
        scale[j][row] = s[j] & 63;
        min[j][row] = s[j + 4] & 63;
        scale[j + 4][row] = (uint8_t) ((s[j + 8] & 15) | ((s[j] >> 6) << 4));
        min[j + 4][row] = (uint8_t) ((s[j + 8] >> 4) | ((s[j + 4] >> 6) << 4));
    }
}

/* These pack the 16 rows of a tile, block by block, so that each cache line is written at once. */
#define EZ_PACKING
#include "formats.h"
#undef EZ_PACKING

#define EZ_PACK(name, NAME)                                                                   \
    static void pack_##name(void * tile, const uint8_t * const rows[EZ_TILE], int64_t k) {    \
        ez_pack_##name(tile, rows, k);                                                        \
    }
EZ_INTEGER_FORMATS(EZ_PACK)
EZ_FLOAT_FORMATS(EZ_PACK)

#define EZ_ROW(n, N)                                                                                            \
    [EZ_##N] = {.name = #N, .type = GGML_TYPE_##N, .block = EZ_##N##_BLOCK, .tile_bytes = sizeof(ez_##n),       \
                .pack = pack_##n},
static const struct {
    const char * name;
    enum ggml_type type;
    int block;         /* weights */
    size_t tile_bytes; /* of 16 rows of a block */
    void (*pack)(void * tile, const uint8_t * const rows[EZ_TILE], int64_t k);
} formats[EZ_FORMATS] = {EZ_INTEGER_FORMATS(EZ_ROW) EZ_FLOAT_FORMATS(EZ_ROW)};

enum ez_format ez_format_of(enum ggml_type type, int64_t k) {
    for (int f = 0; f < EZ_FORMATS; f++) {
        if (formats[f].type == type && k >= 1 && k <= 1 << 24 && k % formats[f].block == 0) {
            return (enum ez_format) f;
        }
    }
    return EZ_FORMATS;
}

const char * ez_format_name(enum ez_format format) { return formats[format].name; }

int ez_format_block(enum ez_format format) { return formats[format].block; }

size_t ez_tile_bytes(enum ez_format format, int64_t k) {
    return formats[format].tile_bytes * (size_t) (k / formats[format].block);
}

void ez_pack_tile(enum ez_format format, uint8_t * tile, const uint8_t * first_row, size_t row_bytes, int rows,
                  int64_t k) {
    const uint8_t * all[EZ_TILE];
    for (int r = 0; r < EZ_TILE; r++) { /* rows past the end repeat the last one; their results are never stored */
        all[r] = first_row + (size_t) (r < rows ? r : rows - 1) * row_bytes;
    }
    formats[format].pack(tile, all, k);
}
