/* Raw access to this thread's floating-point control register. SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEZIP_FPENV_H
#define EDGEZIP_FPENV_H

#include <stdint.h>

uint64_t ez_fpenv_get(void);
void ez_fpenv_put(uint64_t state);

#endif
