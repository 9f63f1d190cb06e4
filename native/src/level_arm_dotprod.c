/* Kernels: NEON dotprod. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 2
#define EZ_LEVEL_NAME "NEON dotprod"
#include "level.h"
