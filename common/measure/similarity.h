// Inner products of embeddings. The measures compare them bit for bit.
#pragma once

#include <stdint.h>

// Σ a[e]·b[e] in f32, in an order that depends on E alone: equal vectors give equal bits wherever they lie.
float similarity(const float *a, const float *b, int64_t E);

// to[E] = from[E] / ‖from‖; zeros stay zeros. The two may be the same.
void similarity_normalise(float *to, const float *from, int64_t E);
