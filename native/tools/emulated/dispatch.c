/* In the place of src/dispatch.c: portable C and the levels that are emulated, whatever the CPU has.
 * SPDX-License-Identifier: Apache-2.0 */
#include "edgezip.h"
#include "kernels.h"

extern const struct ez_kernels ez_kernels_level_0, ez_kernels_level_3, ez_kernels_level_4, ez_kernels_level_5;
static const struct ez_kernels * const levels[] = {&ez_kernels_level_0, &ez_kernels_level_3, &ez_kernels_level_4,
                                                   &ez_kernels_level_5};
static int current;

int edgezip_simd_limit(int level) { return current = level < 0 || level > 3 ? 3 : level; }
int edgezip_simd_level(void) { return current; }
const struct ez_kernels * ez_kernels(void) { return levels[current]; }
const char * edgezip_simd_name(void) { return ez_kernels()->name; }
