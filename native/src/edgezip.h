/* The C interface that libggml-cpu of the strict engine exports beside ggml's own.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGEZIP_H
#define EDGEZIP_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define EDGEZIP_API __declspec(dllexport)
#else
#define EDGEZIP_API __attribute__((visibility("default")))
#endif

/* Number of the arithmetic: equal numbers give equal logits, on every machine. */
EDGEZIP_API int edgezip_engine_version(void);

/* Sets this thread's rounding to nearest-even and turns flushing of denormals off. */
EDGEZIP_API void edgezip_fpenv_set(void);

/* 1 when this thread's floating-point state is the one edgezip_fpenv_set makes, else 0. */
EDGEZIP_API int edgezip_fpenv_check(void);

/* Level of the vector kernels in use. x86-64: 0 portable C, 1 SSE2, 2 AVX2, 3 AVX-VNNI, 4 AVX-512,
 * 5 AVX-512 VNNI. aarch64: 0 portable C, 1 NEON, 2 NEON with dotprod. The result never depends on it. */
EDGEZIP_API int edgezip_simd_level(void);
EDGEZIP_API const char * edgezip_simd_name(void);

/* Forbids levels above `level` (a negative value lifts the limit); returns the level then in use, which is lower when
 * the CPU lacks that one. For tests; not to be called while a graph is computed. */
EDGEZIP_API int edgezip_simd_limit(int level);

#ifdef __cplusplus
}
#endif
#endif
