/* Kernels: portable C. SPDX-License-Identifier: Apache-2.0 */
#define EZ_LEVEL 0
#define EZ_LEVEL_NAME "portable C"
#include "level.h"
