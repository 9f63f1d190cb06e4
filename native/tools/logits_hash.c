/* Prints one hash of the logits of fixed token sequences, evaluated in a given shape.
 *
 *   logits_hash MODEL [--threads N] [--rows N] [--ubatch N] [--streams N] [--length N] [--sequences N]
 *               [--shuffle SEED] [--cache auto|8bit|f16|f32] [--flash 0|1] [--level N]
 *               [--mapped 1] [--dump FILE] [--window N --evict N]
 *
 * There are always `sequences` token sequences of `length` tokens; `streams` of them are evaluated side by
 * side, at most `rows` tokens per call, in shuffled order when asked. With a window, the `evict` oldest tokens
 * but the first make room whenever so many cells are full. The hash covers the bits of the logits
 * of every position of every sequence, in a fixed order, so that it must not depend on threads, rows,
 * ubatch, streams, shuffling, level, or the machine.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgezip.h"
#include "llama.h"

#define MAX_STREAMS 64

static uint64_t mix(uint64_t x) { /* splitmix64 */
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t hash_floats(const float * x, int n) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        h = (h ^ bits) * UINT64_C(0x100000001B3);
    }
    return h;
}

static int token_at(int sequence, int position, int n_vocab) {
    return (int) (mix((uint64_t) sequence * 1000003 + (uint64_t) position) % (uint64_t) n_vocab);
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

struct run {
    struct llama_context * ctx;
    int n_vocab, rows, length, streams, group; /* group: sequences evaluated side by side now */
    int window, evict;                         /* cells, 0 for as many as tokens; tokens that leave them at a time */
    uint64_t shuffle;
    uint64_t * hashes; /* [sequence][position] */
    float * dump;      /* [sequence][position][n_vocab], or NULL */
};

static void shuffle_order(int * order, int n, uint64_t * state) {
    for (int i = n - 1; i > 0; i--) {
        *state = mix(*state);
        const int j = (int) (*state % (uint64_t) (i + 1));
        const int t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

/* Whether tokens must leave before the one at `position` finds a cell. */
static bool full(const struct run * r, int position) {
    return r->window && position >= r->window && (position - r->window) % r->evict == 0;
}

/* Evaluates sequences first .. first + group - 1 from their start to their end. */
static int evaluate_group(struct run * r, int first) {
    int done[MAX_STREAMS] = {0}, order[MAX_STREAMS];
    struct llama_batch batch = llama_batch_init(r->rows, 0, 1);
    int * sequence_of = malloc(sizeof(int) * (size_t) r->rows);
    int failed = 0, next = 0;
    for (int i = 0; i < r->group; i++) {
        order[i] = i;
    }
    llama_memory_clear(llama_get_memory(r->ctx), true);
    while (!failed) {
        batch.n_tokens = 0;
        if (r->shuffle) {
            shuffle_order(order, r->group, &r->shuffle);
        }
        const int share = r->rows / r->group > 1 ? r->rows / r->group : 1;
        for (int i = 0; i < r->group && batch.n_tokens < r->rows; i++) {
            const int s = order[(next + i) % r->group];
            for (int k = 0; k < share && done[s] < r->length && batch.n_tokens < r->rows; k++, done[s]++) {
                if (full(r, done[s])) {
                    if (k > 0) {
                        break; /* what leaves is seen until this batch is done */
                    }
                    llama_memory_seq_rm(llama_get_memory(r->ctx), s, 1, done[s] - r->window + r->evict + 1);
                }
                const int n = batch.n_tokens++;
                batch.token[n] = token_at(first + s, done[s], r->n_vocab);
                batch.pos[n] = done[s];
                batch.n_seq_id[n] = 1;
                batch.seq_id[n][0] = s;
                batch.logits[n] = 1;
                sequence_of[n] = first + s;
            }
        }
        next = (next + batch.n_tokens) % r->group;
        if (batch.n_tokens == 0) {
            int left = 0;
            for (int i = 0; i < r->group; i++) {
                left += r->length - done[i];
            }
            if (left == 0) {
                break;
            }
            continue;
        }
        failed = llama_decode(r->ctx, batch);
        for (int n = 0; n < batch.n_tokens && !failed; n++) {
            const float * logits = llama_get_logits_ith(r->ctx, n);
            const size_t at = (size_t) sequence_of[n] * (size_t) r->length + (size_t) batch.pos[n];
            r->hashes[at] = hash_floats(logits, r->n_vocab);
            if (r->dump) {
                memcpy(r->dump + at * (size_t) r->n_vocab, logits, sizeof(float) * (size_t) r->n_vocab);
            }
        }
    }
    free(sequence_of);
    llama_batch_free(batch);
    return failed;
}

/* Of the keys; by default the one that edgezip takes for a Llama whose heads have the usual size: 8 bits where they
 * are whole blocks. */
static enum ggml_type cache_type(const char * name, const struct llama_model * model, bool flash) {
    const bool blocks = flash && llama_model_n_embd(model) / llama_model_n_head(model) % 32 == 0;
    if (strcmp(name, "auto") == 0) {
        return blocks ? GGML_TYPE_Q8_0 : GGML_TYPE_F16;
    }
    return strcmp(name, "8bit") == 0 ? GGML_TYPE_Q8_0 : strcmp(name, "f32") == 0 ? GGML_TYPE_F32 : GGML_TYPE_F16;
}

int main(int argc, char ** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: logits_hash MODEL [--threads N] [--rows N] [--ubatch N] [--streams N] [--length N]"
                        " [--sequences N] [--shuffle SEED] [--cache f16|f32] [--flash 0|1] [--level N]"
                        " [--window N --evict N]\n");
        return 2;
    }
    const int sequences = number(argc, argv, "--sequences", "8");
    struct run r;
    memset(&r, 0, sizeof r);
    r.rows = number(argc, argv, "--rows", "64");
    r.length = number(argc, argv, "--length", "40");
    r.streams = number(argc, argv, "--streams", "8");
    r.shuffle = (uint64_t) number(argc, argv, "--shuffle", "0");
    r.window = number(argc, argv, "--window", "0");
    r.evict = number(argc, argv, "--evict", "1");
    if (r.rows < 1 || r.streams < 1 || r.streams > MAX_STREAMS || sequences < 1 || r.length < 1 || r.window < 0 ||
        r.evict < 1 || (r.window && r.evict > r.window - 2)) {
        fprintf(stderr, "logits_hash: a number is out of range\n");
        return 2;
    }
    edgezip_fpenv_set();
    edgezip_simd_limit(number(argc, argv, "--level", "-1"));
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    mp.use_extra_bufts = !number(argc, argv, "--mapped", "0");
    struct llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) {
        fprintf(stderr, "logits_hash: cannot load %s\n", argv[1]);
        return 1;
    }
    struct llama_context_params cp = llama_context_default_params();
    cp.n_ctx = (uint32_t) ((((r.window ? r.window : r.length) + 255) / 256 * 256) * r.streams);
    cp.n_batch = (uint32_t) (r.rows > r.streams ? r.rows : r.streams);
    cp.n_ubatch = (uint32_t) number(argc, argv, "--ubatch", "512");
    cp.n_seq_max = (uint32_t) r.streams;
    cp.n_threads = cp.n_threads_batch = number(argc, argv, "--threads", "1");
    cp.kv_unified = false;
    const bool flash = number(argc, argv, "--flash", "0");
    cp.type_k = cache_type(option(argc, argv, "--cache", "auto"), model, flash);
    cp.type_v = cp.type_k == GGML_TYPE_Q8_0 ? GGML_TYPE_Q8_1 : cp.type_k;
    cp.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.no_perf = true;
    r.ctx = llama_init_from_model(model, cp);
    if (!r.ctx) {
        fprintf(stderr, "logits_hash: cannot create a context\n");
        return 1;
    }
    r.n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    const size_t cells = (size_t) sequences * (size_t) r.length;
    r.hashes = calloc(cells, sizeof(uint64_t));
    const char * dump = option(argc, argv, "--dump", NULL);
    r.dump = dump ? calloc(cells * (size_t) r.n_vocab, sizeof(float)) : NULL;
    for (int first = 0; first < sequences; first += r.streams) {
        r.group = sequences - first < r.streams ? sequences - first : r.streams;
        const int failed = evaluate_group(&r, first);
        if (failed) {
            fprintf(stderr, "logits_hash: llama_decode returned %d\n", failed);
            return 1;
        }
    }
    FILE * file = dump ? fopen(dump, "wb") : NULL;
    if (file) {
        fwrite(r.dump, sizeof(float), cells * (size_t) r.n_vocab, file);
        fclose(file);
    }
    uint64_t h = 0;
    for (size_t i = 0; i < cells; i++) {
        h = mix(h ^ r.hashes[i]);
    }
    printf("%016llx\n", (unsigned long long) h);
    free(r.hashes);
    llama_free(r.ctx);
    llama_model_free(model);
    return 0;
}
