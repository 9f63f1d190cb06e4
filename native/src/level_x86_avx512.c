/* Kernels: AVX-512. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 4
#define EZ_LEVEL_NAME "AVX-512"
#include "level.h"
