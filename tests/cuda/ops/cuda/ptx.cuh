// common/ops/cuda/ptx.cuh on a CPU: see there what each does. Copies come as late as the waits allow.
#pragma once

#include <assert.h>

#include <vector>

#include "ops/cuda/device.cuh"

namespace stand_in {

inline bf16 half_of(uint32_t word, int half) {
    return __nv_bfloat16_raw{(unsigned short)(word >> 16 * half)};
}

// One of the fragments' elements, out of the words that the lanes showed: a's four, then b's two.
inline float a_at(const char *shown, int row, int depth) {
    int word = row / 8 + depth / 8 * 2;
    const char *lane = shown + (size_t)(row % 8 * 4 + depth % 8 / 2) * WORD;
    return __bfloat162float(half_of(of_lane<uint32_t>(lane + word * 4, 0), depth % 2));
}
inline float b_at(const char *shown, int depth, int column) {
    const char *lane = shown + (size_t)(column * 4 + depth % 8 / 2) * WORD;
    return __bfloat162float(half_of(of_lane<uint32_t>(lane + (4 + depth / 8) * 4, 0), depth % 2));
}

inline const bf16 *row_of(const char *shown, int matrix, int row) {
    return of_lane<const bf16 *>(shown, matrix * 8 + row);
}

inline const char *show_row(const bf16 *row) {
    assert((uintptr_t)row % 16 == 0);
    return show_to_warp(&row, sizeof row);
}

struct copy {
    bf16 *to;
    const bf16 *from; // NULL: zeros
};
// What this thread has on its way, oldest group first; the last group is not ended.
std::vector<std::vector<copy>> &copies_of_thread();

inline void do_copies(const std::vector<copy> &group) {
    for (const copy &one : group)
        for (int i = 0; i < 8; i++) one.to[i] = one.from ? one.from[i] : __float2bfloat16(0);
}

} // namespace stand_in

static inline void ptx_mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const char *shown = stand_in::show_to_warp(mine, sizeof mine);
    int lane = stand_in::lane();
    for (int e = 0; e < 4; e++)
        for (int depth = 0; depth < 16; depth++)
            c[e] +=
                stand_in::a_at(shown, lane / 4 + e / 2 * 8, depth) * stand_in::b_at(shown, depth, lane % 4 * 2 + e % 2);
}

static inline void ptx_load(uint32_t to[4], const bf16 *row) {
    const char *shown = stand_in::show_row(row);
    int lane = stand_in::lane();
    for (int i = 0; i < 4; i++) memcpy(&to[i], stand_in::row_of(shown, i, lane / 4) + lane % 4 * 2, 4);
}

static inline void ptx_load_turned(uint32_t to[4], const bf16 *row) {
    const char *shown = stand_in::show_row(row);
    int lane = stand_in::lane();
    for (int i = 0; i < 4; i++)
        for (int half = 0; half < 2; half++)
            memcpy((char *)&to[i] + half * 2, stand_in::row_of(shown, i, lane % 4 * 2 + half) + lane / 4, 2);
}

static inline void ptx_fetch(bf16 *to, const bf16 *from, bool there) {
    assert((uintptr_t)to % 16 == 0 && (uintptr_t)from % 16 == 0);
    stand_in::copies_of_thread().back().push_back({to, there ? from : nullptr});
}
static inline float ptx_exp2(float x) {
    return x < -126 ? 0 : exp2f(x);
}

static inline void ptx_end_group() {
    stand_in::copies_of_thread().push_back({});
}
template <int left> static inline void ptx_wait_fetched() {
    auto &groups = stand_in::copies_of_thread();
    while ((int)groups.size() - 1 > left) {
        stand_in::do_copies(groups.front());
        groups.erase(groups.begin());
    }
}
