// The formats, one file each.
#pragma once

#include "dataset/import.h"

// Of files and members that are pictures or videos: first what is decoded, then formats of others, so that these are
// left out by name and not passed over.
#define PICTURE_SUFFIXES                                                                                               \
    "jpg;jpeg;png;webp;jpe;jfif;mp4;webm;avi;mkv;mov;m4v;gif;bmp;tif;tiff;avif;heic;heif;jxl;jp2;svg"

#define VIDEO_SUFFIXES ".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v"

// Of members of a tar: whether webdataset takes a name for a sample's, whose base is the part behind the last "/"; the
// sample's key, up to the first dot of the base, and its suffix behind that, in lower case.
bool tar_is_sample(const char *name, const char *base);
void tar_split(struct buffer *key, struct buffer *suffix, const char *name, const char *base);
// Reads the samples of a tar in memory, as import_tar those of a file; `path` names it.
int tar_run_bytes(struct importer *importer, const char *path, struct span bytes);

extern const struct import_format import_folder, import_idx, import_csv, import_jsonl, import_tar, import_coco,
    import_benchmark, import_dataset, import_vqa, import_snli_ve, import_nlvr2, import_lavis, import_kinetics,
    import_moments, import_msrvtt;
