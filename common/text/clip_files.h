// The files that CLIP's vocabulary comes in.
#pragma once

#include "text/bpe.h"

enum clip_format { CLIP_NONE, CLIP_MERGES_GZ, CLIP_MERGES, CLIP_PAIRS, CLIP_JSON };
enum clip_format clip_format(const void *bytes, size_t size); // by the first bytes

// `path` says where a second file lies: merges.txt beside vocab.json, and the other way. `more` gets its bytes.
// 0, or −1 with `reason` filled.
int clip_files_read(struct bpe_files *files, const char *path, const void *bytes, size_t size, struct buffer *more,
                    char reason[BPE_REASON]);
