/* The loops around one dot product (EZ_DOT), making the kernel EZ_GEMM_NAME. Included once per format. EZ_PAIR, where
 * there is one, does two vectors of rows at once (EZ_PAIR_TILES tiles) for EZ_PAIR_COLUMNS columns and more; but weights
 * that come from memory are read one tile after the other, which is twice as fast there.
 *
 * A chunk of tiles that fits the first-level cache (whole pairs, where there are such) goes over all columns, EZ_COLUMNS
 * at a time: a block of weights in registers serves all of them, and weights come from memory once per call
 * (ez_ahead). */

EZ_INLINE void EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _store))(const struct ez_gemm * g, int row, int column, const vf * acc, int n) {
    const int left = g->rows - row;
    float * y = g->y + (size_t) column * g->y_stride + row;
    EZ_UNROLL for (int c = 0; c < n; c++, y += g->y_stride) {
        if (left >= W) {
            vf_store(y, acc[c]);
        } else if (left > 0) {
            float t[W];
            vf_store(t, acc[c]);
            memcpy(y, t, (size_t) left * sizeof(float));
        }
    }
}

/* n columns, a constant wherever this is inlined */
EZ_INLINE void EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(
    const struct ez_gemm * g, const uint8_t * tiles, int count, int row, int column, int n,
    size_t ahead) {
    int t = 0;
#ifdef EZ_PAIR
    _Static_assert(EZ_PAIR_TILES >= 1, "two vectors fill a tile");
    const int pairs = n >= EZ_PAIR_COLUMNS && (EZ_PAIR_TILES == 1 || column > 0 || !g->far);
    for (; pairs && t + EZ_PAIR_TILES <= count; t += EZ_PAIR_TILES) {
        vf acc[2 * EZ_COLUMNS];
        EZ_UNROLL for (int c = 0; c < 2 * n; c++) acc[c] = vf_set1(0.0f);
        EZ_PAIR(g, tiles + (size_t) t * g->tile_bytes, column, acc, n, ahead);
        EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _store))(g, row + t * EZ_TILE, column, acc, n);
        EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _store))(g, row + t * EZ_TILE + W, column, acc + n, n);
    }
#endif
    for (; t < count; t++) {
        for (int lane = 0; lane < EZ_TILE; lane += W) {
            vf acc[EZ_COLUMNS];
            EZ_UNROLL for (int c = 0; c < n; c++) acc[c] = vf_set1(0.0f);
            EZ_DOT(g, tiles + (size_t) t * g->tile_bytes, lane, column, acc, n, ahead);
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _store))(g, row + t * EZ_TILE + lane, column, acc, n);
        }
    }
}

static void EZ_NAME(EZ_GEMM_NAME)(const struct ez_gemm * g, int first_tile, int last_tile) {
    const size_t fitting = EZ_CHUNK_BYTES / g->tile_bytes;
#ifdef EZ_PAIR
    const int chunk = fitting > EZ_PAIR_TILES ? (int) fitting / EZ_PAIR_TILES * EZ_PAIR_TILES : EZ_PAIR_TILES;
#else
    const int chunk = fitting > 1 ? (int) fitting : 1;
#endif
    const size_t chunk_bytes = (size_t) chunk * g->tile_bytes;
    for (int t = first_tile; t < last_tile; t += chunk) {
        const uint8_t * tiles = g->w + (size_t) (t - first_tile) * g->tile_bytes;
        const int count = last_tile - t < chunk ? last_tile - t : chunk;
        const int row = t * EZ_TILE;
        int c = 0;
        for (; c + EZ_COLUMNS <= g->columns; c += EZ_COLUMNS) {
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(g, tiles, count, row, c, EZ_COLUMNS, ez_ahead(g, c, chunk_bytes));
        }
#if EZ_COLUMNS > 4
        if (c + 4 <= g->columns) {
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(g, tiles, count, row, c, 4, ez_ahead(g, c, chunk_bytes));
            c += 4;
        }
#endif
#if EZ_COLUMNS > 2
        if (c + 3 <= g->columns) {
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(g, tiles, count, row, c, 3, ez_ahead(g, c, chunk_bytes));
            c += 3;
        } else if (c + 2 <= g->columns) {
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(g, tiles, count, row, c, 2, ez_ahead(g, c, chunk_bytes));
            c += 2;
        }
#endif
        if (c < g->columns) {
            EZ_NAME(EZ_CAT(EZ_GEMM_NAME, _columns))(g, tiles, count, row, c, 1, ez_ahead(g, c, chunk_bytes));
        }
    }
}

#undef EZ_DOT
#undef EZ_PAIR
#undef EZ_GEMM_NAME
