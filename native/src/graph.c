/* Runs ggml graphs under a fixed floating-point state, on threads that stay, and makes waiting threads polite.
 *
 * ggml-cpu.c is compiled with ggml_graph_compute renamed (prefix.h); the function that everybody else calls
 * is the one below. Where upstream would create and join threads for every graph, one pool per process is
 * kept (a second graph at the same time gets threads of its own, as upstream does it). Threads are created
 * inside the call and inherit the floating-point state set here.
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

#if !defined(_WIN32)
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ggml_threadpool * pool;
static int pool_threads;
static pid_t pool_process; /* a forked child has no worker threads */

static struct ggml_threadpool * kept_pool(int threads) {
    if (pool && (pool_process != getpid() || pool_threads != threads)) {
        if (pool_process == getpid()) {
            ggml_threadpool_free(pool);
        }
        pool = NULL;
    }
    if (!pool) {
        struct ggml_threadpool_params params = ggml_threadpool_params_default(threads);
        params.poll = 1; /* a few milliseconds, giving way to others, then sleep */
        pool = ggml_threadpool_new(&params);
        pool_threads = threads;
        pool_process = getpid();
    }
    return pool;
}

/* How many threads pay: all of them or one. On a busy machine every barrier may wait for a thread that is not
 * running, and small graphs lose even on an idle one. The result does not depend on the number, so it is
 * chosen by measuring: time per multiplication, for each size of graph, both ways; the way that lost last is
 * tried again after 16, 32, ... 1024 graphs. Large graphs always use all threads: trying would cost more. */
#define LARGE 1e9 /* multiplications */

struct choice {
    double cost[2];  /* nanoseconds per multiplication: one thread, all threads; 0: not known */
    unsigned wait[2], until[2];
};

static struct choice choices[40]; /* by binary logarithm of the multiplications; under pool_lock */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double) t.tv_sec + (double) t.tv_nsec;
}

static double multiplications(struct ggml_cgraph * cgraph) {
    double n = 1.0;
    for (int i = 0; i < ggml_graph_n_nodes(cgraph); i++) {
        const struct ggml_tensor * node = ggml_graph_node(cgraph, i);
        if (node->op == GGML_OP_MUL_MAT) {
            n += (double) ggml_nelements(node) * (double) node->src[0]->ne[0];
        }
    }
    return n;
}

static int choose(struct choice * c) {
    for (int way = 1; way >= 0; way--) {
        if (c->cost[way] == 0.0) {
            return way;
        }
    }
    const int better = c->cost[1] <= c->cost[0];
    if (c->until[!better]-- == 0) {
        return !better;
    }
    return better;
}

static void learn(struct choice * c, int way, double cost) {
    c->cost[way] = c->cost[way] == 0.0 ? cost : 0.75 * c->cost[way] + 0.25 * cost;
    const int better = c->cost[1] <= c->cost[0];
    if (c->cost[!way] != 0.0 && way != better) { /* tried and lost */
        c->cost[way] = cost;
        c->wait[way] = c->wait[way] < 16 ? 16 : c->wait[way] < 1024 ? 2 * c->wait[way] : 1024;
        c->until[way] = c->wait[way];
    } else {
        c->wait[way] = 0;
    }
}

static enum ggml_status compute(struct ggml_cgraph * cgraph, struct ggml_cplan * cplan) {
    if (cplan->threadpool || cplan->n_threads < 2 || pthread_mutex_trylock(&pool_lock) != 0) {
        return edgezip_upstream_graph_compute(cgraph, cplan);
    }
    const double work = multiplications(cgraph);
    int size = 0;
    for (double w = work; w >= 2.0 && size < 39; w *= 0.5) {
        size++;
    }
    struct choice * c = &choices[size];
    const int way = work >= LARGE || choose(c);
    struct ggml_cplan with_pool = *cplan;
    with_pool.threadpool = way ? kept_pool(cplan->n_threads) : NULL; /* the pool's threads may sleep on */
    with_pool.n_threads = way ? cplan->n_threads : 1;
    const double start = now();
    const enum ggml_status status = edgezip_upstream_graph_compute(cgraph, &with_pool);
    if (work < LARGE) {
        learn(c, way, (now() - start) / work);
    }
    pthread_mutex_unlock(&pool_lock);
    return status;
}
#else
#define compute edgezip_upstream_graph_compute
#endif

enum ggml_status ggml_graph_compute(struct ggml_cgraph * cgraph, struct ggml_cplan * cplan) {
    const uint64_t callers = ez_fpenv_get();
    edgezip_fpenv_set();
    const enum ggml_status status = compute(cgraph, cplan);
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
