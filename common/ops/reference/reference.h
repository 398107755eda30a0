// The reference backend: every operation in plain, serial C on `real`, written to be seen to be right. Sums are taken
// in double, so that the float build is the truth that other backends are held to.
#pragma once

#include "ops/ops.h"

#define OP(name, parameters, arguments) void reference_##name parameters;
#define DEVICE_OP(name, parameters, arguments)
#include "ops/ops.def"
#undef OP
