/* Tokens per second of a model, for decoding with several streams and for prefill.
 *
 *   speed MODEL [--threads N] [--flash 0|1] [--unified 0|1] [--mapped 0|1] [--mmap 0|1] [--streams 1,4,16,32] [--prefill 512]
 *               [--depth N] [--seconds S] [--repeat N] [--clock wall|cpu]
 *
 * Prints one line per shape: name, tokens per second (best and median of the repetitions). `depth` cells are
 * filled per stream before decoding is measured. Uses llama.h only, so that it can also be linked against a stock
 * build of llama.cpp.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llama.h"

static clockid_t chosen_clock = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(chosen_clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void quiet(enum ggml_log_level level, const char * text, void * user) {
    (void) user;
    if (level == GGML_LOG_LEVEL_ERROR) {
        fputs(text, stderr);
    }
}

static const char * option(int argc, char ** argv, const char * name, const char * otherwise) {
    for (int i = 2; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return otherwise;
}

static int number(int argc, char ** argv, const char * name, const char * otherwise) {
    return atoi(option(argc, argv, name, otherwise));
}

static int by_value(const void * a, const void * b) {
    const double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static unsigned state = 1;
static int next_token(int n_vocab) {
    state = state * 1664525u + 1013904223u;
    return (int) ((state >> 8) % (unsigned) n_vocab);
}

struct bench {
    struct llama_context * ctx;
    int n_vocab, depth, repeat;
    double seconds;
};

/* `per_stream` tokens for each of `streams`, all logits wanted or only the last; returns 0 when done. */
static int evaluate(struct bench * b, struct llama_batch * batch, int streams, int position, int per_stream, int logits) {
    batch->n_tokens = 0;
    for (int s = 0; s < streams; s++) {
        for (int i = 0; i < per_stream; i++) {
            const int n = batch->n_tokens++;
            batch->token[n] = next_token(b->n_vocab);
            batch->pos[n] = position + i;
            batch->n_seq_id[n] = 1;
            batch->seq_id[n][0] = s;
            batch->logits[n] = (int8_t) logits;
        }
    }
    const int failed = llama_decode(b->ctx, *batch);
    if (!failed && logits) {
        volatile float touched = llama_get_logits_ith(b->ctx, batch->n_tokens - 1)[0];
        (void) touched;
    }
    return failed;
}

static void report(const char * name, int n, double * rates, int count) {
    qsort(rates, (size_t) count, sizeof *rates, by_value);
    printf("%s%-4d %10.1f %10.1f\n", name, n, rates[count - 1], rates[count / 2]);
    fflush(stdout);
}

static void decode(struct bench * b, int streams) {
    struct llama_batch batch = llama_batch_init(512, 0, 1);
    double rates[64];
    for (int r = 0; r < b->repeat; r++) {
        llama_memory_clear(llama_get_memory(b->ctx), false);
        int position = 0;
        for (; position < b->depth; position += 16) {
            evaluate(b, &batch, streams, position, 16, 0);
        }
        evaluate(b, &batch, streams, position++, 1, 1);
        const double start = now();
        int steps = 0;
        do {
            if (evaluate(b, &batch, streams, position++, 1, 1)) {
                fprintf(stderr, "speed: llama_decode failed\n");
                exit(1);
            }
            steps++;
        } while (now() - start < b->seconds && position < b->depth + 200);
        rates[r] = (double) steps * streams / (now() - start);
    }
    report("decode", streams, rates, b->repeat);
    llama_batch_free(batch);
}

static void prefill(struct bench * b, int tokens) {
    struct llama_batch batch = llama_batch_init(tokens, 0, 1);
    double rates[64];
    for (int r = 0; r < b->repeat; r++) {
        llama_memory_clear(llama_get_memory(b->ctx), false);
        const double start = now();
        if (evaluate(b, &batch, 1, 0, tokens, 1)) {
            fprintf(stderr, "speed: llama_decode failed\n");
            exit(1);
        }
        rates[r] = tokens / (now() - start);
    }
    report("prefill", tokens, rates, b->repeat);
    llama_batch_free(batch);
}

int main(int argc, char ** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: speed MODEL [--threads N] [--flash 0|1] [--unified 0|1] [--mapped 0|1]"
                        " [--streams LIST] [--prefill N] [--depth N] [--seconds S] [--repeat N]\n");
        return 2;
    }
    if (strcmp(option(argc, argv, "--clock", "wall"), "cpu") == 0) {
        chosen_clock = CLOCK_PROCESS_CPUTIME_ID; /* with one thread, on a machine that is busy otherwise */
    }
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    mp.use_extra_bufts = !number(argc, argv, "--mapped", "0");
    mp.load_mode = number(argc, argv, "--mmap", "1") ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    struct llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) {
        fprintf(stderr, "speed: cannot load %s\n", argv[1]);
        return 1;
    }
    const int tokens = number(argc, argv, "--prefill", "512");
    struct bench b = {.depth = number(argc, argv, "--depth", "0"), .repeat = number(argc, argv, "--repeat", "5"),
                      .seconds = atof(option(argc, argv, "--seconds", "0.3"))};
    b.repeat = b.repeat < 1 ? 1 : b.repeat > 64 ? 64 : b.repeat;
    b.n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    char list[256];
    snprintf(list, sizeof list, "%s,", option(argc, argv, "--streams", "1,4,16,32"));
    int shapes[32], n_shapes = 0;
    for (char * at = list; n_shapes < 31 && *at; at = strchr(at, ',') + 1) {
        shapes[n_shapes++] = atoi(at);
    }
    shapes[n_shapes++] = 0;
    for (int i = 0; i < n_shapes; i++) {
        struct llama_context_params cp = llama_context_default_params();
        const int streams = shapes[i] > 0 ? shapes[i] : 1;
        const int window = shapes[i] > 0 ? (b.depth + 256 + 255) / 256 * 256 : (tokens + 255) / 256 * 256;
        cp.n_ctx = (uint32_t) (window * streams);
        cp.n_batch = (uint32_t) (tokens > 512 ? tokens : 512);
        cp.n_ubatch = 512;
        cp.n_seq_max = (uint32_t) streams;
        cp.n_threads = cp.n_threads_batch = number(argc, argv, "--threads", "2");
        cp.kv_unified = number(argc, argv, "--unified", "0") != 0;
        cp.flash_attn_type = number(argc, argv, "--flash", "1") ? LLAMA_FLASH_ATTN_TYPE_ENABLED
                                                                : LLAMA_FLASH_ATTN_TYPE_DISABLED;
        cp.no_perf = true;
        b.ctx = llama_init_from_model(model, cp);
        if (!b.ctx) {
            fprintf(stderr, "speed: cannot create a context\n");
            return 1;
        }
        if (shapes[i] > 0) {
            decode(&b, shapes[i]);
        } else if (tokens > 0) {
            prefill(&b, tokens);
        }
        llama_free(b.ctx);
    }
    llama_model_free(model);
    return 0;
}
