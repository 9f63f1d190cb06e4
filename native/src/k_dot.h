/* What the products of all formats share. Weights are tiles (kernels.h), activations columns (k_quantize.h). Every output
 * is computed by one fixed sequence of operations along k, whatever the number of columns, tiles or threads. Each format
 * states it in its header; sums in brackets are exact integers, converted to float (rounded once); acc starts at +0. */

#define EZ_AHEAD 4096 /* bytes: across the page that hardware stops at */
/* How many bytes ahead the columns from c on fetch weights: the first ones the chunk itself, the second ones the next
 * chunk, so that memory is not idle meanwhile. With sixteen lanes that gains nothing. */
EZ_INLINE size_t ez_ahead(const struct ez_gemm * g, int c, size_t chunk_bytes) {
    return g->ahead ? g->ahead : W < 16 && c == EZ_COLUMNS ? chunk_bytes : EZ_AHEAD;
}

/* Column c of the activations. */
#define EZ_X(c) ((const ez_x *) (g->x + (size_t) (column + (c)) * g->column_bytes))
#define EZ_N(c) ((const ez_n *) (g->x + (size_t) (column + (c)) * g->column_bytes))
#define EZ_DX(c) ((const float *) (g->x + (size_t) (column + (c)) * g->column_bytes + ez_column_scales(g->k)))
#define EZ_SX(c) ((const int32_t *) (g->x + (size_t) (column + (c)) * g->column_bytes + ez_column_sums(g->k)))
#define EZ_SCALED_SX(c) ((const float *) EZ_SX(c))

#define EZ_PREFETCH(p, ahead) __builtin_prefetch((const char *) (p) + (ahead))

/* Weights in lines of 64 bytes, 8 groups of 4 numbers for each of 16 rows (tiles.c, put_lines). The line of the first
 * groups fetches ahead. */
EZ_INLINE vb ez_line(const uint8_t * line, int lane, int fetch, size_t ahead) {
    const vb bytes = vb_load(line + 4 * lane);
    if (fetch) {
        EZ_PREFETCH(line, ahead);
    }
    return bytes;
}
EZ_INLINE vb ez_group_2(const uint8_t (*lines)[64], int i, int lane, size_t ahead) {
    return vb_and(vb_shr(ez_line(lines[i / 4], lane, i % 4 == 0, ahead), 2 * (i % 4)), 3);
}
EZ_INLINE vb ez_group_3(const uint8_t (*lines)[64], int i, int lane, size_t ahead) {
    if (i < 6) {
        return vb_and(vb_shr(ez_line(lines[i / 2], lane, i % 2 == 0, ahead), 3 * (i % 2)), 7);
    }
    const vb two = vb_shr(vb_load(lines[i - 6] + 4 * lane), 6), one = vb_shr(vb_load(lines[2] + 4 * lane), i - 2);
    return vb_or(vb_and(two, 3), vb_and(one, 4));
}
EZ_INLINE vb ez_group_4(const uint8_t (*lines)[64], int i, int lane, int fetch, size_t ahead) {
    const vb line = ez_line(lines[i % 4], lane, fetch && i < 4, ahead);
    return i < 4 ? vb_and(line, 15) : vb_high(line);
}
EZ_INLINE vb ez_group_5(const uint8_t (*lines)[64], int i, int lane, size_t ahead) {
    const vb bits = ez_line(lines[4], lane, i == 0, ahead);
    return vb_or(ez_group_4(lines, i, lane, 1, ahead), vb_and(i < 4 ? vb_shl(bits, 4 - i) : vb_shr(bits, i - 4), 16));
}
