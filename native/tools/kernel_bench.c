/* Speed of the kernels on one thread: GMAC/s of the matrix products per format and number of columns, or nanoseconds
 * of one token's attention in one layer, for caches of different size (how many streams take turns).
 *   kernel_bench [--level N] [--format NAME] [--columns N] [rows k]
 *   kernel_bench [--level N] [--queries N] --attention HEADS [heads_kv head_size cells]
 * Attention is of one query, as in decoding, or of several that see the same cells, as in prefill.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "edgezip.h"
#include "kernels.h"
#include "tiles.h"

#define HUGE_PAGE ((size_t) 2 << 20)

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

enum { MOST_COLUMNS = 512 };

/* 1, 4, 16, 64, 512, or just the one that was asked for */
static int next_columns(int columns, int only) {
    return only || columns == MOST_COLUMNS ? MOST_COLUMNS + 1 : columns == 64 ? MOST_COLUMNS : columns * 4;
}

static void bench(enum ez_format format, int rows, int k, int only_columns) {
    const size_t tile_bytes = ez_tile_bytes(format, k), column_bytes = ez_column_bytes(format, k);
    const int tiles = rows / EZ_TILE;
    const size_t w_bytes = (tile_bytes * (size_t) tiles + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    uint8_t * w = aligned_alloc(HUGE_PAGE, w_bytes);
#ifdef MADV_HUGEPAGE
    madvise(w, w_bytes, MADV_HUGEPAGE); /* as the engine's buffers (pages.c) */
#endif
    uint8_t * x = aligned_alloc(64, column_bytes * MOST_COLUMNS);
    float * y = aligned_alloc(64, sizeof(float) * (size_t) rows * MOST_COLUMNS);
    for (size_t i = 0; i < tile_bytes * (size_t) tiles; i++) {
        w[i] = (uint8_t) ((rand() >> 8 & 0x03) | 0x30); /* any bits; scales and floats stay of usual size */
    }
    memset(x, 0x31, column_bytes * MOST_COLUMNS); /* floats of 2e-9 */
    printf("%-6s %6d x %-6d", ez_format_name(format), rows, k);
    for (int columns = only_columns ? only_columns : 1; columns <= MOST_COLUMNS; columns = next_columns(columns, only_columns)) {
        struct ez_gemm g = {.w = w, .tile_bytes = tile_bytes, .rows = rows, .k = k, .far = w_bytes > EZ_MOST_NEAR, .x = x,
                            .column_bytes = column_bytes, .columns = columns, .y = y, .y_stride = (size_t) rows};
        double best = 1e9;
        for (int i = 0; i < 7; i++) {
            const int times = 1 + (int) (2e7 / ((double) rows * k * columns));
            const double start = now();
            for (int t = 0; t < times; t++) {
                ez_kernels()->gemm[format](&g, 0, tiles);
            }
            const double spent = (now() - start) / times;
            best = spent < best ? spent : best;
        }
        printf("  %d: %6.1f", columns, (double) rows * k * columns / best / 1e9);
    }
    printf("\n");
    free(w);
    free(x);
    free(y);
}

/* The K/V heads go together as ops_attention.c has it. */
static void bench_attention(bool tiles, int queries, int heads, int heads_kv, int size, int cells) {
    const size_t k_bytes = tiles ? (size_t) size / 32 * 34 : 2 * (size_t) size, side = tiles ? EZ_TILE : 1;
    const size_t v_bytes = tiles ? (size_t) size / 32 * 36 : 2 * (size_t) size;
    const int group = queries * (heads / heads_kv), most = v_bytes > 512 ? 1 : 512 / (int) v_bytes;
    const int fitting = most < heads_kv ? most : heads_kv, reserved = (cells + 255) / 256 * 256;
    const size_t k_row = (size_t) heads_kv * k_bytes, v_row = (size_t) heads_kv * v_bytes;
    const size_t cache = v_row * (size_t) reserved; /* v_row >= k_row */
    const int together = fitting * group > EZ_ATTENTION_ROWS ? 1 : fitting, rows = group * together;
    if (rows > EZ_ATTENTION_ROWS) {
        printf("at most %d rows\n", EZ_ATTENTION_ROWS);
        return;
    }
    heads *= queries;
    float * x = aligned_alloc(64, (sizeof(float) * (size_t) (2 * heads * size) + 63) / 64 * 64);
    float * scratch = aligned_alloc(64, (sizeof(float) * ez_attention_scratch(rows, reserved, size, size) + 63) / 64 * 64);
    for (int i = 0; i < heads * size; i++) x[i] = 0.01f * (float) (rand() % 100);
    printf("%s: attention over %s, %d rows over %d heads of %d, %d cells, ns per number of streams", edgezip_simd_name(),
           tiles ? "bytes" : "halves", heads, heads_kv, size, cells);
    for (int streams = 1; streams <= 512; streams *= 8) {
        const size_t bytes = (2 * cache * (size_t) streams + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        uint16_t * kv = aligned_alloc(HUGE_PAGE, bytes);
#ifdef MADV_HUGEPAGE
        madvise(kv, bytes, MADV_HUGEPAGE); /* as the engine's buffers (pages.c) */
#endif
        for (size_t i = 0; i < cache * (size_t) streams; i++) kv[i] = (uint16_t) (0x3000 | (i * 40503u >> 3 & 0x83FF)); /* fine as scales, too */
        double best = 1e9;
        for (int i = 0; i < 7; i++) {
            const int times = 1 + 1000 / streams;
            const double start = now();
            for (int t = 0; t < times * streams; t++) {
                const uint8_t * k = (const uint8_t *) kv + 2 * cache * (size_t) (t % streams);
                for (int h = 0; h < heads_kv; h += together) {
                    const int n_heads = heads_kv - h < together ? heads_kv - h : together;
                    const float * q[EZ_ATTENTION_ROWS];
                    float * out[EZ_ATTENTION_ROWS];
                    int n[EZ_ATTENTION_ROWS];
                    const uint16_t * mask[EZ_ATTENTION_ROWS];
                    struct ez_cells hidden[EZ_ATTENTION_ROWS];
                    for (int r = 0; r < n_heads * group; r++) {
                        q[r] = x + (h * group + r) * size;
                        out[r] = x + (heads + h * group + r) * size;
                        n[r] = cells;
                        mask[r] = NULL;
                        hidden[r] = (struct ez_cells) {0, 0};
                    }
                    const struct ez_attention a = {
                        .heads = n_heads, .rows = group, .dk = size, .dv = size, .cells = reserved, .q = q, .out = out,
                        .n = n, .mask = mask, .hidden = hidden, .tiles = tiles,
                        .k = k + (size_t) h * side * k_bytes, .v = k + cache + (size_t) h * side * v_bytes,
                        .k_stride = side * k_row, .v_stride = side * v_row, .k_head = side * k_bytes,
                        .v_head = side * v_bytes, .scale = 0.125f, .scratch = scratch,
                    };
                    ez_kernels()->attention(&a);
                }
            }
            const double spent = (now() - start) / times / streams;
            best = spent < best ? spent : best;
        }
        printf("  %d: %6.0f", streams, best * 1e9);
        free(kv);
    }
    printf("\n");
    free(x);
    free(scratch);
}

int main(int argc, char ** argv) {
    int level = -1, heads = 0, queries = 1, columns = 0, at = 1;
    const char * only = NULL;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--level") == 0) level = atoi(argv[at + 1]);
        if (strcmp(argv[at], "--format") == 0) only = argv[at + 1];
        if (strcmp(argv[at], "--attention") == 0) heads = atoi(argv[at + 1]);
        if (strcmp(argv[at], "--queries") == 0) queries = atoi(argv[at + 1]);
        if (strcmp(argv[at], "--columns") == 0) columns = atoi(argv[at + 1]);
    }
    if (columns < 0 || columns > MOST_COLUMNS) {
        fprintf(stderr, "kernel_bench: 1 to %d columns\n", MOST_COLUMNS);
        return 2;
    }
    edgezip_fpenv_set();
    edgezip_simd_limit(level);
    if (heads > 0) {
        int sizes[3] = {heads, 64, 300};
        for (int i = 0; i < 3 && at + i < argc; i++) sizes[i] = atoi(argv[at + i]);
        bench_attention(false, queries, heads, sizes[0], sizes[1], sizes[2]);
        bench_attention(true, queries, heads, sizes[0], sizes[1], sizes[2]);
        return 0;
    }
    printf("%s, GMAC/s per number of columns\n", edgezip_simd_name());
    for (int f = 0; f < EZ_FORMATS; f++) {
        if (only && strcmp(only, ez_format_name((enum ez_format) f)) != 0) continue;
        if (at + 1 < argc) {
            bench((enum ez_format) f, atoi(argv[at]), atoi(argv[at + 1]), columns);
            continue;
        }
        bench((enum ez_format) f, 768, 256, columns);
        bench((enum ez_format) f, 4096, 512, columns);
        bench((enum ez_format) f, 4096, 4096, columns);
    }
    return 0;
}
