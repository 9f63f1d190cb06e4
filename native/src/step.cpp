/* One step of decoding as one call, for callers in machine code. Compiled into libllama.
 *
 * llama_decode checks a batch, sorts its tokens into sequences, tries whether they fit the cache, and copies the logits
 * to a buffer of its own: a small model notices. Here the batch is known to be what it looks like. The graph, its inputs and its evaluation are llama.cpp's, and so are the numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "llama-context.h"
#include "llama-kv-cache.h"

#include "edgezip.h"

/* The numbers 0, 1, 2, ... A batch that does not own them is never found to be like the one before. */
static std::shared_ptr<llama_ubatch::data_t> sequences() {
    auto result = std::make_shared<llama_ubatch::data_t>();
    for (int32_t i = 0; i < LLAMA_MAX_SEQ; i++) {
        result->seq_id_unq.push_back(i);
        result->seq_idx.push_back(i);
    }
    return result;
}

/* As llama_kv_cache::init_batch would split it: one token each of the sequences 0 to n - 1, all with logits. */
static llama_ubatch whole_batch(const llama_batch & batch) {
    static const auto numbers = sequences();
    llama_ubatch result = {};
    result.b_equal_seqs = 1;
    result.n_tokens = result.n_seqs = result.n_seqs_unq = (uint32_t) batch.n_tokens;
    result.n_seq_tokens = result.n_pos = 1;
    result.token = batch.token;
    result.pos = batch.pos;
    result.n_seq_id = batch.n_seq_id;
    result.seq_id = batch.seq_id;
    result.seq_id_unq = numbers->seq_id_unq.data();
    result.seq_idx = numbers->seq_idx.data();
    result.output = batch.logits;
    result.data = numbers;
    return result;
}

static float * next_of_same(llama_context * context, llama_kv_cache * cache, const llama_batch & batch, int32_t * code) {
    const llama_ubatch tokens = whole_batch(batch);
    const auto slot = cache->find_slot(tokens, false);
    if (slot.empty()) {
        *code = 1;
        return nullptr;
    }
    llama_kv_cache_context memory(cache, {slot}, {tokens});
    ggml_status status = GGML_STATUS_SUCCESS;
    auto * result = context->process_ubatch(tokens, LLM_GRAPH_TYPE_DEFAULT, &memory, status);
    if (!result) {
        *code = -3;
        return nullptr;
    }
    ggml_tensor * logits = result->get_logits();
    GGML_ASSERT(logits->type == GGML_TYPE_F32 && ggml_is_contiguous(logits) && ggml_nrows(logits) == batch.n_tokens);
    return (float *) logits->data;
}

/* Moves the position of every token of `batch` (one each of the sequences 0 to n - 1) on by one and evaluates them.
 * Returns their logits, valid until the next call, or NULL with what llama_decode would say in `code`.
 *
 * `code` must not be 0 before the first call after any other one with this context or another number of tokens. */
extern "C" EDGEZIP_API float * edgezip_next(llama_context * context, llama_batch * batch, int32_t * code) {
    for (int32_t i = 0; i < batch->n_tokens; i++) {
        batch->pos[i]++;
    }
    try {
        auto * cache = *code == 0 ? dynamic_cast<llama_kv_cache *>(context->get_memory()) : nullptr;
        if (cache) {
            return next_of_same(context, cache, *batch, code);
        }
        *code = llama_decode(context, *batch);
        return *code == 0 ? llama_get_logits(context) : nullptr;
    } catch (...) {
        *code = -2;
        return nullptr;
    }
}
