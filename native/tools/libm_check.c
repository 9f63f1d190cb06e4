/* Holds libm.c against the C library (within 2e-7 of each value) and prints a digest of its results, which is the
 * same on every machine. Compile this file alone: it includes libm.c under other names.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define exp ez_exp
#define log ez_log
#define log2 ez_log2
#define pow ez_pow
#define expf ez_expf
#define exp2f ez_exp2f
#define expm1f ez_expm1f
#define logf ez_logf
#define log2f ez_log2f
#define powf ez_powf
#define sinf ez_sinf
#define cosf ez_cosf
#define tanhf ez_tanhf
#define erff ez_erff
#define sincosf ez_sincosf
#include "libm.c"
#undef exp
#undef log
#undef log2
#undef pow
#undef expf
#undef exp2f
#undef expm1f
#undef logf
#undef log2f
#undef powf
#undef sinf
#undef cosf
#undef tanhf
#undef erff
#undef sincosf

static uint64_t state = 1, digest;

static double uniform(void) { /* -1 .. 1 */
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double) (int32_t) (state >> 32) / 2147483648.0;
}

static int failures;

static void hold(const char * name, double x, double got, double want, double tolerance) {
    float narrow = (float) got;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    digest = (digest ^ bits) * UINT64_C(0x100000001B3);
    if (got == want || (got != got && want != want) || want > 3e38 || want < -3e38) {
        return;
    }
    const double error = got > want ? got - want : want - got, size = want < 0 ? -want : want;
    if (!(error <= tolerance * size + 1e-44)) {
        printf("%s(%.17g) = %.17g instead of %.17g\n", name, x, got, want);
        failures++;
    }
}

int main(void) {
    for (int i = 0; i < 20000; i++) {
        const float x = (float) (uniform() * (i % 3 ? 20.0 : 3000.0));
        const float p = (x < 0 ? -x : x) + 1e-30f;
        const double f = 2e-7, d = 3e-14;
        hold("expf", x, (double) ez_expf(x), exp((double) x), f);
        hold("expm1f", x, (double) ez_expm1f(x), expm1((double) x), f);
        hold("logf", p, (double) ez_logf(p), log((double) p), f);
        hold("log2f", p, (double) ez_log2f(p), log2((double) p), f);
        hold("powf", p, (double) ez_powf(p, x * 0.1f), pow((double) p, (double) (x * 0.1f)), f);
        hold("tanhf", x, (double) ez_tanhf(x), tanh((double) x), f);
        hold("erff", x, (double) ez_erff(x), erf((double) x), f);
        hold("exp", x, ez_exp((double) x * 0.2), exp((double) x * 0.2), d);
        hold("log", p, ez_log((double) p), log((double) p), d);
        /* near zeros of sine and cosine only the absolute error is small */
        hold("sin", x, 2.0 + ez_sin((double) x * 100.0), 2.0 + sin((double) x * 100.0), d);
        hold("cos", x, 2.0 + ez_cos((double) x * 100.0), 2.0 + cos((double) x * 100.0), d);
        hold("sinf", x, 2.0 + (double) ez_sinf(x), 2.0 + sin((double) x), f);
        hold("cosf", x, 2.0 + (double) ez_cosf(x), 2.0 + cos((double) x), f);
    }
    printf("%016llx libm\n", (unsigned long long) digest);
    return failures != 0;
}
