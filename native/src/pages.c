/* Large buffers (weights, cache) on huge pages where Linux has them. ggml-base calls posix_memalign in one place,
 * for the buffers of its CPU backend; this hidden function of the same name takes its place there. With small
 * pages, reading the cache of many streams spends a third of its time on address translation.
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__)
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t) 2 << 20)

__attribute__((visibility("hidden"))) int posix_memalign(void ** out, size_t alignment, size_t size);

int posix_memalign(void ** out, size_t alignment, size_t size) {
    const int large = size >= HUGE_PAGE / 2 && size <= SIZE_MAX - HUGE_PAGE;
    if (large && alignment < HUGE_PAGE) {
        alignment = HUGE_PAGE;
    }
    const size_t rounded = (size + alignment - 1) / alignment * alignment;
    void * memory = rounded < size ? NULL : aligned_alloc(alignment, rounded);
    if (!memory) {
        return ENOMEM;
    }
#ifdef MADV_HUGEPAGE
    if (large) {
        madvise(memory, rounded, MADV_HUGEPAGE); /* a wish: the buffer is as good without */
    }
#endif
    *out = memory;
    return 0;
}
#endif
