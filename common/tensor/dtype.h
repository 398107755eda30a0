// Element types: one table, in dtype.c. F64 exists for the double build of the reference (tests) and for files;
// it does not travel on the wire. An 8-bit float becomes one more row.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype { DT_U8, DT_I32, DT_I64, DT_F32, DT_BF16, DT_F16, DT_F64, DTYPE_COUNT };

size_t dtype_size(enum dtype type);                      // bytes of one element
const char *dtype_name(enum dtype type);                 // "u8", "bf16", ... as in message headers
const char *dtype_safetensors(enum dtype type);          // "U8", "BF16", ...
const char *dtype_numpy(enum dtype type);                // "|u1", "<f4", ...; NULL where numpy has none (bf16)
int dtype_from_name(const char *name, enum dtype *type); // any of the three spellings; 0 or -1, not reported

static inline float bf16_to_f32(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

// Round to nearest even; a NaN stays a NaN. The upper 16 bits stay. With r the lower ones and b the last bit that
// stays, adding 0x7fff + b carries exactly if r + b > 0x8000: if r is more than half a unit, or half and b is odd. The
// carry may run on into the exponent, up to infinity. A NaN whose bits all lie in r would become infinity, hence the
// quiet bit. A choice, no branch, so that loops over it become vector code.
static inline uint16_t f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1), quiet = bits | 0x400000u;
    return (uint16_t)((value != value ? quiet : rounded) >> 16);
}
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);

// Converts between any two floating types, or copies when they are equal. Integers convert only to themselves:
// anything else is a bug().
void dtype_convert(void *to, enum dtype to_type, const void *from, enum dtype from_type, size_t count);
// Whether no element is infinite or NaN; integers never are.
bool dtype_finite(enum dtype type, const void *data, size_t count);
