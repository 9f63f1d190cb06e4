/* Forced into every ggml source (-include). Hides the instruction set, so that upstream compiles its plain C
 * branches on every machine, and redirects a few names in ggml-cpu.c to our own functions.
 *
 * The intrinsics headers are included first: they define macros and types from the real instruction set
 * and are guarded against a second inclusion.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEZIP_PREFIX_H
#define EDGEZIP_PREFIX_H

#ifndef EDGEZIP_OWN_SOURCE

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#undef __SSE2__
#undef __SSE3__
#undef __SSSE3__
#undef __SSE4_1__
#undef __SSE4_2__
#undef __AVX__
#undef __AVX2__
#undef __AVXVNNI__
#undef __AVX512F__
#undef __AVX512BW__
#undef __AVX512CD__
#undef __AVX512DQ__
#undef __AVX512VL__
#undef __AVX512VBMI__
#undef __AVX512VNNI__
#undef __AVX512BF16__
#undef __AVX512FP16__
#undef __AMX_INT8__
#undef __AMX_TILE__
#undef __AMX_BF16__
#undef __F16C__
#undef __FMA__
#undef __BMI2__
#elif defined(__aarch64__) || defined(__arm__)
#include <arm_neon.h>
#undef __ARM_NEON
#undef __ARM_NEON__
#undef __ARM_FEATURE_FMA
#undef __ARM_FEATURE_DOTPROD
#undef __ARM_FEATURE_SVE
#undef __ARM_FEATURE_SVE2
#undef __ARM_FEATURE_SME
#undef __ARM_FEATURE_SME2
#undef __ARM_FEATURE_MATMUL_INT8
#undef __ARM_FEATURE_FP16_VECTOR_ARITHMETIC
#undef __ARM_FEATURE_FP16_SCALAR_ARITHMETIC
#endif

#ifdef EDGEZIP_REDIRECT /* ggml-cpu.c only */
/* ggml_graph_compute becomes ours, which fixes the floating-point state around upstream's. */
#define ggml_graph_compute edgezip_upstream_graph_compute
/* Operators with kernels of our own. */
#define ggml_compute_forward_rms_norm edgezip_forward_rms_norm
#define ggml_compute_forward_rms_norm_mul_fused edgezip_forward_rms_norm_mul_fused
#define ggml_compute_forward_glu edgezip_forward_glu
#define ggml_compute_forward_set_rows edgezip_forward_set_rows
#define ggml_compute_forward_rope edgezip_forward_rope
#define ggml_compute_forward_flash_attn_ext edgezip_forward_flash_attn_ext
/* A waiting thread gives its core away after a while. The definition has the argument `void`, the calls
 * have none, so that both can be told apart. */
#define ggml_thread_cpu_relax(arg) edgezip_cpu_relax_##arg(arg)
extern void edgezip_cpu_relax_(void);
#endif

#endif /* EDGEZIP_OWN_SOURCE */
#endif
