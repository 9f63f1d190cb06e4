/* Included in front of llama-kv-cache.cpp; see environment.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_ENVIRONMENT_H
#define EZ_ENVIRONMENT_H

#include <stdlib.h>

#ifdef __cplusplus
#include <cstdlib> /* would undefine the macro later */
extern "C"
#endif
char * edgezip_getenv(const char * name);

#define getenv edgezip_getenv

#endif
