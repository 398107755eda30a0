// The CUDA backend is a shared object, so that one build runs on machines with and without CUDA: cuda_object.c loads it
// when --device cuda:N asks for it, and calls what it exports.
#pragma once

#include "ops/ops.h"

#define CUDA_OBJECT "coca_cuda.so"
#define CUDA_OBJECT_ENTRY "cuda_backend_open"

// Every operation as it is called. The object, which exports it as CUDA_OBJECT_ABI, was built for this executable when
// the two are equal.
#define OP(name, parameters, arguments) #name #parameters
static const char cuda_object_signature[] =
#include "ops/ops.def"
    ;
#undef OP
// As backend.h's open.
typedef int cuda_object_open(struct ops *ops, int index);
#define CUDA_OBJECT_ABI "cuda_backend_abi"
