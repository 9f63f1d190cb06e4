/* Kernels: AVX2 with AVX-VNNI. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 3
#define EZ_LEVEL_NAME "AVX-VNNI"
#include "level.h"
