/* Kernels: AVX-512 VNNI. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 5
#define EZ_LEVEL_NAME "AVX-512 VNNI"
#include "level.h"
