// The CUDA backend is a shared object, so that one build runs on machines with and without CUDA: cuda_object.c loads it
// when --device cuda:N asks for it, and calls what it exports.
#pragma once

#include "ops/ops.h"

#define CUDA_OBJECT "coca_cuda.so"
#define CUDA_OBJECT_ENTRY "cuda_backend_open"

// Every operation as it is called, and the sizes of the structs that both sides know, ended by 0. The object, which
// exports them as CUDA_OBJECT_ABI and CUDA_OBJECT_SIZES, was built for this executable when they are equal.
#define OP(name, parameters, arguments) #name #parameters
static const char cuda_object_signature[] =
#include "ops/ops.def"
    ;
#undef OP
static const size_t cuda_object_sizes[] = {
    sizeof(struct ops),
    sizeof(struct ops_graph),
    sizeof(struct shared_memory),
    sizeof(struct linear_shape),
    sizeof(struct attention_shape),
    sizeof(struct adamw_step),
    sizeof(struct adafactor_step),
    0,
};
#define CUDA_OBJECT_ABI "cuda_backend_abi"
#define CUDA_OBJECT_SIZES "cuda_backend_sizes"

// As backend.h's open.
typedef int cuda_object_open(struct ops *ops, int index);
