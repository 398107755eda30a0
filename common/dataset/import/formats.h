// The formats, one file each.
#pragma once

#include "dataset/import.h"

extern const struct import_format import_folder, import_idx, import_csv, import_jsonl, import_tar, import_coco,
    import_benchmark, import_dataset;
