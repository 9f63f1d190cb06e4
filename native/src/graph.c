/* Runs ggml graphs under a fixed floating-point state, and makes waiting threads polite.
 *
 * ggml-cpu.c is compiled with ggml_graph_compute renamed (prefix.h); the function that everybody else calls
 * is the one below. Worker threads are created inside the call and inherit the state set here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "edgezip.h"
#include "fpenv.h"

#include "ggml-cpu.h"

#if defined(_WIN32)
#include <windows.h>
#define ez_yield() SwitchToThread()
#else
#include <sched.h>
#define ez_yield() sched_yield()
#endif

enum ggml_status edgezip_upstream_graph_compute(struct ggml_cgraph * cgraph, struct ggml_cplan * cplan);
void edgezip_cpu_relax_(void);

enum ggml_status ggml_graph_compute(struct ggml_cgraph * cgraph, struct ggml_cplan * cplan) {
    const uint64_t callers = ez_fpenv_get();
    edgezip_fpenv_set();
    const enum ggml_status status = edgezip_upstream_graph_compute(cgraph, cplan);
    ez_fpenv_put(callers);
    return status;
}

/* Upstream spins without end in barriers. When a core is taken by another process, the thread that everybody
 * waits for may not be running at all; after about 20 microseconds the waiting ones give way. */
void edgezip_cpu_relax_(void) {
    static _Thread_local unsigned spins;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
    if ((++spins & 511u) == 0) {
        ez_yield();
    }
}
