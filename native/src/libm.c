/* The libm functions that ggml and libllama call, in plain IEEE multiplications and additions.
 *
 * The C library chooses between variants of these functions at run time, and they differ in the last bit.
 * This file is linked into each strict library with hidden visibility, so that its calls end here. Only
 * functions that IEEE 754 defines exactly (sqrt, floor, ceil, round, fmod, ldexp, fmin, fmax) stay with the
 * C library. Float functions are evaluated in double and rounded once: nearly always correctly rounded, but
 * what matters is that the operations are fixed. No FMA (-ffp-contract=off), no tables.
 *
 * exp:  x = k ln2 + r, |r| <= ln2/2; Taylor polynomial of degree 13 in Horner form; scaling by exponent bits.
 * log:  x = 2^e m, m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(s), s = (m - 1)/(m + 1), odd series to s^21.
 * sin, cos: x = k pi/2 + r with pi/2 in three parts; Taylor series to r^17 and r^16.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10
#define INV_LN2 1.44269504088896338700e+00

static double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^k for -1022 <= k <= 1023 */
static double pow2i(int k) { return from_bits((uint64_t) (k + 1023) << 52); }

static double exp_f64(double x) {
    if (x != x) {
        return x;
    }
    if (x > 709.8) {
        return (double) INFINITY;
    }
    if (x < -746.0) {
        return 0.0;
    }
    const double t = x * INV_LN2;
    const int k = (int) (t + (t < 0.0 ? -0.5 : 0.5));
    const double r = (x - (double) k * LN2_HI) - (double) k * LN2_LO;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const int half = k / 2; /* in two steps, so that neither factor leaves the range */
    return p * pow2i(half) * pow2i(k - half);
}

/* log(x) = *e ln2 + returned value, for finite x > 0 */
static double log_parts(double x, int * e) {
    *e = 0;
    if (x < 2.2250738585072014e-308) {
        x = x * 18014398509481984.0;
        *e = -54;
    }
    const uint64_t bits = to_bits(x);
    *e += (int) (bits >> 52) - 1023;
    double m = from_bits((bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000));
    if (m > 1.4142135623730951) {
        m = m * 0.5;
        *e += 1;
    }
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double p = 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    return 2.0 * s + 2.0 * s * (p * z);
}

static int log_special(double x, double * result) {
    if (x != x || x == (double) INFINITY) {
        *result = x;
        return 1;
    }
    if (x == 0.0) {
        *result = -(double) INFINITY;
        return 1;
    }
    if (x < 0.0) {
        *result = (double) NAN;
        return 1;
    }
    return 0;
}

static double log_f64(double x) {
    double result;
    if (log_special(x, &result)) {
        return result;
    }
    int e;
    const double m = log_parts(x, &e);
    return (double) e * LN2_HI + ((double) e * LN2_LO + m);
}

static double log2_f64(double x) {
    double result;
    if (log_special(x, &result)) {
        return result;
    }
    int e;
    const double m = log_parts(x, &e);
    return (double) e + m * INV_LN2;
}

static double pow_f64(double x, double y) {
    if (y == 0.0 || x == 1.0) {
        return 1.0;
    }
    if (x != x || y != y) {
        return x + y;
    }
    const int integral = floor(y) == y;
    const int odd = integral && fmod(y, 2.0) != 0.0;
    if (x < 0.0 && !integral) {
        return (double) NAN;
    }
    const double magnitude = exp_f64(y * log_f64(x < 0.0 ? -x : x));
    return x < 0.0 && odd ? -magnitude : magnitude;
}

/* sine of x + shift * pi/2 */
static double sin_shifted(double x, int shift) {
    if (!(x - x == 0.0)) {
        return (double) NAN;
    }
    if (x > 1e9 || x < -1e9) {
        x = fmod(x, 6.283185307179586); /* far outside of any rope angle; fixed, not accurate */
    }
    const double k = floor(x * 0.6366197723675814 + 0.5);
    double r = x - k * 1.57079632673412561417e+00;
    r = r - k * 6.07710050630396597660e-11;
    r = r - k * 2.02226624871116645580e-21;
    const int quadrant = (int) (((int64_t) k + shift) & 3);
    const double z = r * r;
    double p;
    if (quadrant & 1) {
        p = 1.0 / 20922789888000.0;
        p = p * z - 1.0 / 87178291200.0;
        p = p * z + 1.0 / 479001600.0;
        p = p * z - 1.0 / 3628800.0;
        p = p * z + 1.0 / 40320.0;
        p = p * z - 1.0 / 720.0;
        p = p * z + 1.0 / 24.0;
        p = p * z - 0.5;
        p = p * z + 1.0;
    } else {
        p = 1.0 / 355687428096000.0;
        p = p * z - 1.0 / 1307674368000.0;
        p = p * z + 1.0 / 6227020800.0;
        p = p * z - 1.0 / 39916800.0;
        p = p * z + 1.0 / 362880.0;
        p = p * z - 1.0 / 5040.0;
        p = p * z + 1.0 / 120.0;
        p = p * z - 1.0 / 6.0;
        p = p * z;
        p = p * r + r;
    }
    return quadrant & 2 ? -p : p;
}

static double expm1_f64(double x) { return x < 1e-9 && x > -1e-9 ? x : exp_f64(x) - 1.0; }

static double tanh_f64(double x) {
    if (x > 20.0) {
        return 1.0;
    }
    if (x < -20.0) {
        return -1.0;
    }
    const double e = expm1_f64(2.0 * x);
    return e / (e + 2.0);
}

/* Maclaurin series; float accuracy is enough here */
static double erf_f64(double x) {
    if (x > 4.0) {
        return 1.0;
    }
    if (x < -4.0) {
        return -1.0;
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 80; n++) {
        term = -term * x * x / (double) n;
        sum = sum + term / (double) (2 * n + 1);
    }
    return sum * 1.1283791670955126;
}

#define HIDDEN __attribute__((visibility("hidden")))

double ez_sin(double x); /* the C library's names are left free: nobody calls them */
double ez_cos(double x);

HIDDEN double exp(double x) { return exp_f64(x); }
HIDDEN double log(double x) { return log_f64(x); }
HIDDEN double log2(double x) { return log2_f64(x); }
HIDDEN double ez_sin(double x) { return sin_shifted(x, 0); }
HIDDEN double ez_cos(double x) { return sin_shifted(x, 1); }
HIDDEN double pow(double x, double y) { return pow_f64(x, y); }
HIDDEN float expf(float x) { return (float) exp_f64((double) x); }
HIDDEN float exp2f(float x) { return (float) exp_f64((double) x * 0.6931471805599453); }
HIDDEN float expm1f(float x) { return (float) expm1_f64((double) x); }
HIDDEN float logf(float x) { return (float) log_f64((double) x); }
HIDDEN float log2f(float x) { return (float) log2_f64((double) x); }
HIDDEN float powf(float x, float y) { return (float) pow_f64((double) x, (double) y); }
HIDDEN float sinf(float x) { return (float) sin_shifted((double) x, 0); }
HIDDEN float cosf(float x) { return (float) sin_shifted((double) x, 1); }
HIDDEN float tanhf(float x) { return (float) tanh_f64((double) x); }
HIDDEN float erff(float x) { return (float) erf_f64((double) x); }
HIDDEN void sincosf(float x, float * s, float * c) {
    *s = sinf(x);
    *c = cosf(x);
}
