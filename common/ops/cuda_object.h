// The CUDA backend is a shared object, so that one build runs on machines with and without CUDA: cuda.c loads it when
// --device cuda:N asks for it, and calls what it exports.
#pragma once

#include "ops/ops.h"

#define CUDA_OBJECT "coca_cuda.so"
#define CUDA_OBJECT_ENTRY "cuda_backend_open"

// As backend.h's open. The object was built with the same ops.def when CUDA_OBJECT_ABI, which it exports, is this one's
// sizeof(struct ops).
typedef int cuda_object_open(struct ops *ops, int index);
#define CUDA_OBJECT_ABI "cuda_backend_abi"
