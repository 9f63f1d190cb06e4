/* Kernels: NEON. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 1
#define EZ_LEVEL_NAME "NEON"
#include "level.h"
