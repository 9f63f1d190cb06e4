/* Weights from ggml's rows to tiles. Bytes are moved, never rounded: only Q4_K's 6-bit scales are unpacked.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tiles.h"

#include <string.h>

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

static void pack_q8_0(ez_q8_0 * tile, const block_q8_0 * row, int r, int64_t k) {
    for (int64_t b = 0; b < k / 32; b++) {
        memcpy(&tile[b].d[r], &row[b].d, 2);
        for (int i = 0; i < 32; i++) {
            tile[b].q[i / 4][4 * r + i % 4] = (uint8_t) (row[b].qs[i] + 128);
        }
    }
}

static void pack_q4_0(ez_q4_0 * tile, const block_q4_0 * row, int r, int64_t k) {
    for (int64_t b = 0; b < k / 32; b++) {
        memcpy(&tile[b].d[r], &row[b].d, 2);
        for (int g = 0; g < 4; g++) { /* ggml too has k = i in the low half-byte and i + 16 in the high one */
            memcpy(&tile[b].q[g][4 * r], row[b].qs + 4 * g, 4);
        }
    }
}

static void pack_q4_k(ez_q4_k * tile, const block_q4_K * row, int r, int64_t k) {
    for (int64_t b = 0; b < k / 256; b++) {
        const uint8_t * s = row[b].scales;
        memcpy(&tile[b].d[r], &row[b].d, 2);
        memcpy(&tile[b].dmin[r], &row[b].dmin, 2);
        for (int j = 0; j < 4; j++) {
            tile[b].scale[j][r] = s[j] & 63;
            tile[b].min[j][r] = s[j + 4] & 63;
            tile[b].scale[j + 4][r] = (uint8_t) ((s[j + 8] & 15) | ((s[j] >> 6) << 4));
            tile[b].min[j + 4][r] = (uint8_t) ((s[j + 8] >> 4) | ((s[j + 4] >> 6) << 4));
        }
        for (int pair = 0; pair < 4; pair++) {
            for (int g = 0; g < 8; g++) {
                memcpy(&tile[b].q[pair][g][4 * r], row[b].qs + 32 * pair + 4 * g, 4);
            }
        }
    }
}

static void pack_q6_k(ez_q6_k * tile, const block_q6_K * row, int r, int64_t k) {
    for (int64_t b = 0; b < k / 256; b++) {
        memcpy(&tile[b].d[r], &row[b].d, 2);
        for (int j = 0; j < 16; j++) {
            tile[b].scale[j][r] = row[b].scales[j];
        }
        uint8_t q[256];
        for (int i = 0; i < 256; i++) {
            const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
            const uint8_t low = row[b].ql[64 * half + 32 * (quarter & 1) + l];
            const uint8_t high = row[b].qh[32 * half + l];
            q[i] = (uint8_t) ((quarter & 2 ? low >> 4 : low & 15) | (((high >> (2 * quarter)) & 3) << 4));
        }
        for (int t = 0; t < 32; t++) {
            for (int i = 0; i < 4; i++) {
                tile[b].low[t][4 * r + i] = (uint8_t) ((q[4 * t + i] & 15) | ((q[128 + 4 * t + i] & 15) << 4));
            }
        }
        for (int t = 0; t < 16; t++) {
            for (int i = 0; i < 4; i++) {
                const uint8_t * at = q + 4 * t + i;
                tile[b].high[t][4 * r + i] =
                    (uint8_t) ((at[0] >> 4) | (at[64] >> 4) << 2 | (at[128] >> 4) << 4 | (at[192] >> 4) << 6);
            }
        }
    }
}

void ez_pack_tile(enum ez_format format, uint8_t * tile, const uint8_t * first_row, size_t row_bytes, int rows,
                  int64_t k) {
    if (rows < EZ_TILE) {
        memset(tile, 0, ez_tile_bytes(format, k));
    }
    for (int r = 0; r < rows; r++) {
        const void * row = first_row + (size_t) r * row_bytes;
        switch (format) {
            case EZ_Q8_0: pack_q8_0((ez_q8_0 *) tile, row, r, k); break;
            case EZ_Q4_0: pack_q4_0((ez_q4_0 *) tile, row, r, k); break;
            case EZ_Q4_K: pack_q4_k((ez_q4_k *) tile, row, r, k); break;
            case EZ_Q6_K: pack_q6_k((ez_q6_k *) tile, row, r, k); break;
            case EZ_F32:
                for (int64_t i = 0; i < k; i++) {
                    ((float *) tile)[i * EZ_TILE + r] = ((const float *) row)[i];
                }
                break;
            case EZ_F16:
                for (int64_t i = 0; i < k; i++) {
                    ((uint16_t *) tile)[i * EZ_TILE + r] = ((const uint16_t *) row)[i];
                }
                break;
            default: break;
        }
    }
}
