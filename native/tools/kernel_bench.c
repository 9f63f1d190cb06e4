/* GMAC/s of the matrix products, per level, format, and number of columns, on one thread.
 *   kernel_bench [--level N] [--format 0..5] [rows k]...
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edgezip.h"
#include "kernels.h"
#include "tiles.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void bench(enum ez_format format, int rows, int k) {
    static const char * const names[] = {"Q8_0", "Q4_0", "Q4_K", "Q6_K", "F32", "F16"};
    const size_t tile_bytes = ez_tile_bytes(format, k), column_bytes = ez_column_bytes(format, k);
    const int tiles = rows / EZ_TILE;
    uint8_t * w = aligned_alloc(64, (tile_bytes * (size_t) tiles + 63) / 64 * 64);
    uint8_t * x = aligned_alloc(64, column_bytes * 512);
    float * y = aligned_alloc(64, sizeof(float) * (size_t) rows * 512);
    for (size_t i = 0; i < tile_bytes * (size_t) tiles; i++) {
        w[i] = (uint8_t) (rand() >> 8) & 0x33; /* any bits; scales stay finite */
    }
    memset(x, 0x31, column_bytes * 512); /* floats of 2e-9 */
    printf("%-5s %6d x %-6d", names[format], rows, k);
    for (int columns = 1; columns <= 512; columns = columns == 64 ? 512 : columns * 4) {
        struct ez_gemm g = {.w = w, .tile_bytes = tile_bytes, .rows = rows, .k = k, .x = x,
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

int main(int argc, char ** argv) {
    int level = -1, only = -1, at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--level") == 0) level = atoi(argv[at + 1]);
        if (strcmp(argv[at], "--format") == 0) only = atoi(argv[at + 1]);
    }
    edgezip_fpenv_set();
    edgezip_simd_limit(level);
    printf("%s, GMAC/s per number of columns\n", edgezip_simd_name());
    for (int f = 0; f < EZ_FORMATS; f++) {
        if (only >= 0 && only != f) continue;
        if (at + 1 < argc) {
            bench((enum ez_format) f, atoi(argv[at]), atoi(argv[at + 1]));
            continue;
        }
        bench((enum ez_format) f, 768, 256);
        bench((enum ez_format) f, 4096, 512);
        bench((enum ez_format) f, 4096, 4096);
    }
    return 0;
}
