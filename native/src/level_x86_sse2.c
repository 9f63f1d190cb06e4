/* Kernels: SSE2. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 1
#define EZ_LEVEL_NAME "SSE2"
#include "level.h"
