// The element types as a table, and how they become each other. Messages, two file formats and the backends spell and
// measure types by it alone. f32 is the middle: every type converts to and from it, and two others meet through it (f64
// to bf16 so rounds twice, once to f32). Fast conversions of large arrays are the backends' operation `convert`.
#include "tensor/dtype.h"

#include "base/fail.h"

// By type: its name here, safetensors' and NumPy's, its bytes.
static const struct {
    const char *name, *safetensors, *numpy;
    size_t size;
} table[DTYPE_COUNT] = {
    [DT_U8] = {"u8", "U8", "|u1", 1},      // pixels, text
    [DT_I32] = {"i32", "I32", "<i4", 4},   // tokens
    [DT_I64] = {"i64", "I64", "<i8", 8},   // ids of samples
    [DT_F32] = {"f32", "F32", "<f4", 4},   // masters, gradients, losses; may be computed in
    [DT_BF16] = {"bf16", "BF16", NULL, 2}, // may be computed in
    [DT_F16] = {"f16", "F16", "<f2", 2},   // foreign weights
    [DT_F64] = {"f64", "F64", "<f8", 8},   // `real` of the tests' double build; files that coca-tap compares
};

size_t dtype_size(enum dtype type) {
    return table[type].size;
}

const char *dtype_name(enum dtype type) {
    return table[type].name;
}

const char *dtype_safetensors(enum dtype type) {
    return table[type].safetensors;
}

const char *dtype_numpy(enum dtype type) {
    return table[type].numpy;
}

int dtype_from_name(const char *name, enum dtype *type) {
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(name, table[i].name) || !strcmp(name, table[i].safetensors) ||
            (table[i].numpy && !strcmp(name, table[i].numpy))) {
            *type = (enum dtype)i;
            return 0;
        }
    return -1;
}

// f16 is sign, 5 bits of exponent (bias 15), 10 of fraction; f32 has 8 (bias 127) and 23. So a normal number moves its
// fraction up by 13 and adds 127 − 15 = 112 to the exponent. All of f16 is exact in f32.
float f16_to_f32(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = (bits >> 10) & 31, fraction = bits & 0x3ffu;
    uint32_t wide;
    if (exponent == 0) { // zero or subnormal: fraction · 2^-24
        float value = (float)fraction * 0x1p-24f;
        memcpy(&wide, &value, sizeof wide);
        wide |= sign;
    } else if (exponent == 31)
        wide = sign | 0x7f800000u | fraction << 13;
    else
        wide = sign | (exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

// Drops `count` low bits of `value`, rounding to nearest even.
static uint32_t round_shift(uint32_t value, int count) {
    uint32_t half = 1u << (count - 1), rest = value & ((1u << count) - 1), kept = value >> count;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

// With e the biased exponent less 112 and m the significand, 24 bits with the hidden one, the value is m·2^(e − 14) in
// units of 2^−24, the smallest f16. e > 0: normal, and the two fields are rounded as one number, since a carry out of
// the fraction is the next exponent. e <= 0: subnormal, a shift by 14 − e. Below e = −10 less than half a unit is left.
uint16_t f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (bits >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); // 2^16 and above: infinity
    int exponent = (int)(bits >> 23) - 112;
    if (exponent > 0) return (uint16_t)(sign | round_shift(bits - (112u << 23), 13)); // a carry may reach infinity
    if (exponent < -10) return sign;
    return (uint16_t)(sign | round_shift((bits & 0x7fffffu) | 0x800000u, 14 - exponent));
}

static void widen(float *to, const void *from, enum dtype type, size_t count) {
    const uint16_t *half = from;
    const double *wide = from;
    switch (type) {
    case DT_BF16:
        for (size_t i = 0; i < count; i++) to[i] = bf16_to_f32(half[i]);
        break;
    case DT_F16:
        for (size_t i = 0; i < count; i++) to[i] = f16_to_f32(half[i]);
        break;
    case DT_F64:
        for (size_t i = 0; i < count; i++) to[i] = (float)wide[i];
        break;
    default: bug("no conversion from %s", dtype_name(type));
    }
}

static void narrow(void *to, enum dtype type, const float *from, size_t count) {
    uint16_t *half = to;
    double *wide = to;
    switch (type) {
    case DT_BF16:
        for (size_t i = 0; i < count; i++) half[i] = f32_to_bf16(from[i]);
        break;
    case DT_F16:
        for (size_t i = 0; i < count; i++) half[i] = f32_to_f16(from[i]);
        break;
    case DT_F64:
        for (size_t i = 0; i < count; i++) wide[i] = (double)from[i];
        break;
    default: bug("no conversion to %s", dtype_name(type));
    }
}

void dtype_convert(void *to, enum dtype to_type, const void *from, enum dtype from_type, size_t count) {
    if (to_type == from_type) {
        if (count) memmove(to, from, count * dtype_size(to_type));
    } else if (to_type == DT_F32)
        widen(to, from, from_type, count);
    else if (from_type == DT_F32)
        narrow(to, to_type, from, count);
    else {
        float block[256];
        for (size_t done = 0; done < count; done += 256) {
            size_t some = count - done < 256 ? count - done : 256;
            widen(block, (const char *)from + done * dtype_size(from_type), from_type, some);
            narrow((char *)to + done * dtype_size(to_type), to_type, block, some);
        }
    }
}

// ---- what is not finite has an exponent of ones alone. Blocks, so that the search ends where the first one is found,
// and no branch within, so that it is vector code.

enum { FINITE_BLOCK = 4096 };

#define FINITE(name, type, exponent)                                                                                   \
    static bool name(const type *bits, size_t count) {                                                                 \
        for (size_t i = 0; i < count; i += FINITE_BLOCK) {                                                             \
            size_t end = count - i < FINITE_BLOCK ? count : i + FINITE_BLOCK;                                          \
            type odd = 0;                                                                                              \
            for (size_t j = i; j < end; j++) odd |= (bits[j] & (exponent)) == (exponent);                              \
            if (odd) return false;                                                                                     \
        }                                                                                                              \
        return true;                                                                                                   \
    }

FINITE(finite_bf16, uint16_t, 0x7f80u)
FINITE(finite_f16, uint16_t, 0x7c00u)
FINITE(finite_f32, uint32_t, 0x7f800000u)
FINITE(finite_f64, uint64_t, UINT64_C(0x7ff0000000000000))

bool dtype_finite(enum dtype type, const void *data, size_t count) {
    switch (type) {
    case DT_BF16: return finite_bf16(data, count);
    case DT_F16: return finite_f16(data, count);
    case DT_F32: return finite_f32(data, count);
    case DT_F64: return finite_f64(data, count);
    default: return true;
    }
}
