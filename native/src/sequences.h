/* Included in front of libllama's sources: at most 64 sequences per context (MAX_STREAMS of edgezip/engine/session.py)
 * instead of 256. For every stream of every batch it makes and copies tables of all sequences.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_SEQUENCES_H
#define EZ_SEQUENCES_H

#include "llama-cparams.h"

#undef LLAMA_MAX_SEQ
#define LLAMA_MAX_SEQ 64

#endif
