/* The kernels of one instruction-set level, and the layouts they work on.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_KERNELS_H
#define EZ_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EZ_TILE 16 /* weight rows per tile */

/* Weights in tiles of 16 rows. A tile is a sequence of its format's blocks (formats.h) along k; row numbers run fastest,
 * in groups of 4 consecutive k per row: byte 4 row + i of a line of 64 has to do with weight 4 g + i. Rows past the end
 * hold anything. Scales stay half precision, so that a tile is hardly larger than the rows it came from (Q3_K: 3.6 %,
 * Q4_K: 2.8 %).
 *
 * "Lines of b bits" are b lines for 8 groups. 4 bits: line i has group i in the low half-bytes and i + 4 in the high ones.
 * 5 bits: a fifth line has the highest bits, bit i those of group i. 2 bits: four groups to a line. 3 bits: two groups to
 * a line, and in the two bits left over groups 6 and 7, whose third bits are bits 6 and 7 of the last line. */
#define EZ_LAYOUT
#include "formats.h"
#undef EZ_LAYOUT

/* Values of 16 cells, 32 numbers of each, those of four neighbouring cells in turns: number i of cell j is
 * q[j / 4][i][j % 4], so that the numbers are the rows of a product with the cells' weights. As many bytes as 16 of ggml's
 * blocks Q8_1. */
typedef struct { int8_t q[4][32][4]; float d[16]; } ez_values;

/* Numbers of a cached key or value that share a scale, all heads one after the other; what is left of a row has blocks of
 * 32. Where a head's size is a multiple, its scales are its own. */
#define EZ_CACHE_BLOCK 64

#define EZ_ENUMERATOR(name, NAME) EZ_##NAME,
enum ez_format { EZ_INTEGER_FORMATS(EZ_ENUMERATOR) EZ_FLOAT_FORMATS(EZ_ENUMERATOR) EZ_FORMATS };
static inline bool ez_is_float(enum ez_format format) { return format >= EZ_F32; }

/* A column of activations. Quantized: k numbers of 1 or 2 bytes, as the level's products want them (2 k bytes are reserved),
 * then k/32 scales (float), then sums over 16, 32 or 64 of the numbers (int32, or float; k/16 are reserved), see k_quantize.h.
 * For formats of floats: k floats. */
static inline size_t ez_column_scales(int k) { return 2 * (size_t) k; }
static inline size_t ez_column_sums(int k) { return 2 * (size_t) k + (size_t) k / 32 * 4; }
static inline size_t ez_column_bytes(enum ez_format format, int k) {
    const size_t n = ez_is_float(format) ? 4 * (size_t) k : ez_column_sums(k) + (size_t) k / 16 * 4;
    return (n + 63) / 64 * 64;
}

#define EZ_MOST_NEAR ((size_t) 16 << 20) /* bytes of all weights: more do not stay in a cache that others use, too */

/* y[column][row] = sum over k of w[row][k] * x[column][k] */
struct ez_gemm {
    const uint8_t * w;   /* tiles */
    size_t tile_bytes;   /* one tile of 16 rows */
    int rows, k;
    bool far;            /* more than EZ_MOST_NEAR: weights come from memory at every call */
    size_t ahead;        /* bytes from weights to those that are fetched meanwhile; 0: as in k_dot.h */
    const uint8_t * x;   /* columns */
    size_t column_bytes; /* from one column to the next */
    int columns;
    float * y;
    size_t y_stride;     /* floats from one column to the next */
};

/* Attention of `rows` query rows for each of some neighbouring K/V heads; rows are numbered head by head. Row r
 * sees cells 0 .. n[r] - 1, but not those from hidden[r].first to hidden[r].last - 1 for which mask[r], with a half per cell,
 * has minus infinity instead of 0; it can be read up to a multiple of 16 cells. */
struct ez_cells { int first, last; };
struct ez_attention {
    int heads, rows, dk, dv;
    int cells; /* that may be read: at least as many as any row sees */
    const float * const * q;
    float * const * out;
    const int * n;
    const uint16_t * const * mask;
    const struct ez_cells * hidden;
    bool tiles;        /* 16 cells in a tile, for each head dk / 32 ez_q8_0 and dv / 32 ez_values; else half precision */
    const uint8_t * k; /* first head, dk per cell */
    const uint8_t * v; /* first head, dv per cell */
    size_t k_stride, v_stride; /* bytes from one cell, or tile of all heads, to the next */
    size_t k_head, v_head;     /* bytes from one head to the next */
    float scale;
    float * scratch;   /* ez_attention_scratch() floats, 64-byte aligned */
};

#define EZ_ATTENTION_ROWS 16 /* most rows per call, of all heads */
#define EZ_CELLS 64 /* cells that all heads and rows of a call go over before the next cells */
#define EZ_CELLS_AHEAD 32 /* cells of half precision that attention fetches ahead of their use */
#define EZ_TILES_AHEAD 16 /* tiles of keys or values that attention fetches ahead: the best of 8 to 32 */
#define EZ_SECOND_CACHE 2 /* __builtin_prefetch's locality: more lines can be on their way than to the first level */

/* Scores; then a block of cells in floats, or the queries in columns and after them what values are multiplied by. */
static inline size_t ez_attention_scratch(int rows, int n_max, int dk, int dv) {
    const size_t n = (size_t) rows, padded = ((size_t) n_max + 63) / 64 * 64, blocks = (size_t) dv / 32;
    const size_t widened = EZ_CELLS * (size_t) (dk > dv ? dk : dv), columns = n * ez_column_bytes(EZ_Q8_0, dk) / 4;
    const size_t weights = n * blocks * (padded / 4 + padded / EZ_CELLS) + blocks, most = columns > weights ? columns : weights;
    return n * padded + (most > widened ? most : widened) + 64;
}

struct ez_kernels {
    const char * name;
    void (*quantize[EZ_FORMATS])(uint8_t * column, const float * x, int k); /* NULL for formats of floats */
    void (*gemm[EZ_FORMATS])(const struct ez_gemm * g, int first_tile, int last_tile);
    void (*rms_norm)(float * y, const float * x, const float * weight, int n, float eps);
    void (*swiglu)(float * y, const float * x, const float * gate, int n);
    void (*rope_pairs)(float * y, const float * x, const float * table, int n);
    void (*rope_halves)(float * y, const float * x, const float * table, int n);
    void (*to_half)(uint16_t * y, const float * x, int n);
    /* One of a tile's 16 cells: n numbers, whole blocks. */
    void (*to_keys)(ez_q8_0 * tile, int cell, const float * x, int n);
    void (*to_values)(ez_values * tile, int cell, const float * x, int n);
    void (*attention)(const struct ez_attention * a);
};

/* The level in use; see edgezip_simd_limit(). */
const struct ez_kernels * ez_kernels(void);

#endif
