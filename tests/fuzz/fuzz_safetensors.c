// Any bytes are refused, or give tensors that lie in order, aligned, with every byte there to read.
#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_tensor(const struct safetensors *file, const struct tensor *tensor, uint64_t hash) {
    int64_t bytes = tensor_bytes(tensor);
    if (bytes < 0 || (uintptr_t)tensor->data % dtype_size(tensor->dtype)) abort();
    if (safetensors_find(file, tensor->name) != tensor) abort();
    return hash_bytes(tensor->data, (size_t)bytes, hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct safetensors file = {0};
    static volatile uint64_t sink; // so that no read is left out
    if (safetensors_parse(&file, data, size, "input")) {
        if (file.tensor || file.metadata || file.copies) abort();
        return 0;
    }
    int64_t total = 0;
    uint64_t hash = 0;
    for (size_t i = 0; i < file.count; i++) {
        hash = read_tensor(&file, &file.tensor[i], hash);
        total += tensor_bytes(&file.tensor[i]);
    }
    if ((uint64_t)total > size) abort();
    sink = hash;
    safetensors_close(&file);
    return 0;
}
