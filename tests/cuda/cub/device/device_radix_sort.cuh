// CUB's sort on a CPU: stable, of keys of all their bits.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

namespace cub {

struct DeviceRadixSort {
    template <typename Key, typename Value>
    static cudaError_t SortPairs(void *memory, size_t &bytes, const Key *keys, Key *sorted, const Value *values,
                                 Value *moved, int count, int, int, cudaStream_t stream) {
        bytes = memory ? bytes : 256;
        if (!memory) return cudaSuccess;
        stand_in::enqueue(stream, [=] {
            std::vector<int> order((size_t)count);
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [=](int a, int b) { return keys[a] < keys[b]; });
            for (int i = 0; i < count; i++) sorted[i] = keys[order[(size_t)i]], moved[i] = values[order[(size_t)i]];
        });
        return cudaSuccess;
    }
};

} // namespace cub
