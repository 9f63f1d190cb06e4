/* One step of decoding as one call, for callers in machine code: moves the position of every token of `batch` on by
 * one, evaluates the batch and returns its logits, or NULL with what llama_decode said in `code`.
 * Compiled into libllama. SPDX-License-Identifier: Apache-2.0 */
#include "llama.h"

#include "edgezip.h"

EDGEZIP_API float * edgezip_next(struct llama_context * context, struct llama_batch * batch, int32_t * code) {
    for (int32_t i = 0; i < batch->n_tokens; i++) {
        batch->pos[i]++;
    }
    *code = llama_decode(context, *batch);
    return *code == 0 ? llama_get_logits(context) : NULL;
}
