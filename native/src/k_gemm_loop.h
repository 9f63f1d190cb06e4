/* The loops around one dot product (EZ_DOT), making the kernel EZ_GEMM_NAME. Included once per format.
 *
 * Columns are taken EZ_COLUMNS at a time, so that a block of weights is loaded once for all of them; long
 * batches are cut so that their columns stay in the nearest caches while the tiles go by. */

static __attribute__((noinline)) void EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _part))(
    const struct ez_gemm * g, const uint8_t * tile, int row, int column, int n) {
    for (int lane = 0; lane < EZ_TILE; lane += W) {
        vf acc[EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < EZ_COLUMNS; c++) acc[c] = vf_set1(0.0f);
        switch (n) {
            case EZ_COLUMNS: EZ_DOT(g, tile, lane, column, acc, EZ_COLUMNS); break;
#if EZ_COLUMNS > 4
            case 4: EZ_DOT(g, tile, lane, column, acc, 4); break;
#endif
#if EZ_COLUMNS > 2
            case 2: EZ_DOT(g, tile, lane, column, acc, 2); break;
#endif
            default: EZ_DOT(g, tile, lane, column, acc, 1); break;
        }
        const int left = g->rows - (row + lane);
        for (int c = 0; c < n && left > 0; c++) {
            float * y = g->y + (size_t) (column + c) * g->y_stride + row + lane;
            if (left >= W) {
                vf_store(y, acc[c]);
            } else {
                float t[W];
                vf_store(t, acc[c]);
                memcpy(y, t, (size_t) left * sizeof(float));
            }
        }
    }
}

static void EZ_NAME(EZ_GEMM_NAME)(const struct ez_gemm * g, int first_tile, int last_tile) {
    int batch = EZ_BATCH_BYTES / (g->k + 1) / EZ_COLUMNS * EZ_COLUMNS;
    batch = batch > 32 ? batch : 32;
    for (int start = 0; start < g->columns; start += batch) {
        const int end = g->columns - start < batch ? g->columns : start + batch;
        for (int t = first_tile; t < last_tile; t++) {
            const uint8_t * tile = g->w + (size_t) (t - first_tile) * g->tile_bytes;
            for (int column = start; column < end;) {
                int n = EZ_COLUMNS;
                while (n > end - column) {
                    n /= 2;
                }
                EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _part))(g, tile, t * EZ_TILE, column, n);
                column += n;
            }
        }
    }
}

#undef EZ_DOT
#undef EZ_GEMM_NAME
