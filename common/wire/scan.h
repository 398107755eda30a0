// A walk over MessagePack bytes before msgpack-c sees them, since that reserves what a forged count asks for. Private.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// True when the bytes are exactly one value: containers nested at most `depth` deep, no count or length larger than the
// bytes left, maps with at most WIRE_KEYS keys, all of them texts and none twice. Else `*reason` says why not.
bool scan_msgpack(const void *bytes, size_t size, int depth, const char **reason);
