/* libllama asks an environment variable whether keys and values are rotated before they go to an 8-bit cache. Numbers
 * must not depend on it: llama-kv-cache.cpp is compiled with getenv renamed to this function, which says that
 * they are not. (Rotated they would be rounded a little more evenly, at the price of four more products per layer.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "environment.h"

#include <string.h>

#undef getenv

char * edgezip_getenv(const char * name) {
    static char yes[] = "1";
    return strcmp(name, "LLAMA_ATTN_ROT_DISABLE") == 0 ? yes : getenv(name);
}
