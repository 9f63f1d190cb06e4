/* Kernels: AVX2. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 2
#define EZ_LEVEL_NAME "AVX2"
#include "level.h"
