/* IEEE half precision without hardware support: exact widening, narrowing to nearest-even.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef EZ_HALF_H
#define EZ_HALF_H

#include <stdint.h>
#include <string.h>

static inline float ez_half_to_float(uint16_t h) {
    const uint32_t sign = (uint32_t) (h & 0x8000u) << 16;
    uint32_t bits = (uint32_t) (h & 0x7FFFu) << 13;
    float x;
    if (bits >= UINT32_C(0x0F800000)) { /* infinity and NaN */
        bits = (bits + UINT32_C(0x70000000)) | UINT32_C(0x7F800000);
    } else {
        memcpy(&x, &bits, 4);
        x = x * 0x1p112f; /* exact, subnormals included */
        memcpy(&bits, &x, 4);
    }
    bits |= sign;
    memcpy(&x, &bits, 4);
    return x;
}

static inline uint16_t ez_float_to_half(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    bits &= UINT32_C(0x7FFFFFFF);
    if (bits > UINT32_C(0x7F800000)) {
        return (uint16_t) (sign | 0x7E00u);
    }
    if (bits >= UINT32_C(0x477FF000)) { /* 65520 and above */
        return (uint16_t) (sign | 0x7C00u);
    }
    if (bits < UINT32_C(0x38800000)) { /* below 2^-14: units of 2^-24, rounded by an addition */
        float small, magic = 0.5f;
        memcpy(&small, &bits, 4);
        magic = magic + small;
        memcpy(&bits, &magic, 4);
        return (uint16_t) (sign | (bits - UINT32_C(0x3F000000)));
    }
    bits += UINT32_C(0xFFF) + ((bits >> 13) & 1u);
    return (uint16_t) (sign | ((bits - UINT32_C(0x38000000)) >> 13));
}

#endif
