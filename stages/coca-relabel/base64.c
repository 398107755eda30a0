// For pictures that stand in JSON.
#include "base64.h"

#include <stdint.h>
#include <string.h>

// −1: no digit.
static int digit(char byte) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    if (byte == '+' || byte == '-') return 62;
    return byte == '/' || byte == '_' ? 63 : -1;
}

// Six bits a digit; whole bytes go out as they come. A last digit alone holds no byte.
bool base64_decode(struct buffer *out, const char *text, size_t size) {
    uint32_t bits = 0;
    int held = 0, digits = 0;
    buffer_reserve(out, size / 4 * 3 + 3);
    for (size_t i = 0; i < size; i++) {
        const int value = digit(text[i]);
        if (value < 0 && strchr(" \t\r\n", text[i]) && text[i]) continue;
        if (value < 0) return text[i] == '=' && digits % 4 >= 2 && strspn(text + i, "=\r\n ") >= size - i;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        digits++;
        if (held < 8) continue;
        held -= 8;
        const char byte = (char)(bits >> held);
        buffer_append(out, &byte, 1);
    }
    return digits % 4 != 1;
}
