/* Weights from ggml's rows to tiles (kernels.h). SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_TILES_H
#define EZ_TILES_H

#include "ggml.h"
#include "kernels.h"

/* The format for weights of this type and row length, or EZ_FORMATS when there are no kernels for it. */
enum ez_format ez_format_of(enum ggml_type type, int64_t k);

/* As in "Q4_0"; how many weights its blocks have. */
const char * ez_format_name(enum ez_format format);
int ez_format_block(enum ez_format format);

/* Bytes of one tile of 16 rows. */
size_t ez_tile_bytes(enum ez_format format, int64_t k);

/* Packs `rows` (1 .. 16) rows, row_bytes apart, into one tile. */
void ez_pack_tile(enum ez_format format, uint8_t * tile, const uint8_t * first_row, size_t row_bytes, int rows, int64_t k);

#endif
