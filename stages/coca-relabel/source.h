// The samples of a shard, one behind the other, with the place of each one's picture. A shard is gone through twice: to
// list its pictures, and to write it anew when their captions are there. Both times the samples are the same.
#pragma once

#include "base/span.h"
#include "plain.h"
#include "tar.h"

// Suffixes and fields of pictures are those of coca-pack's importers; the first that a sample has counts.
#define SOURCE_PICTURE_FIELDS "filepath;image_path;path;file_name;image;image_base64;jpg;jpeg;png;webp"
#define SOURCE_KEY_FIELDS "key;id;image_id"

// Bytes of a JSON or text; of a line; of a key, which stands in lists (dataset/spool.h).
enum { SOURCE_TEXT_LIMIT = 16 << 20, SOURCE_LINE_LIMIT = 512 << 20, SOURCE_KEY_LIMIT = 4 << 10 };

struct sample_member {
    struct tar_member tar;
    struct buffer name;
};

// All is borrowed until the next one.
struct sample {
    bool is_one; // false: members alone, of a tar without any sample
    struct buffer key;
    struct buffer defect; // why it cannot be captioned; empty: it can
    struct buffer path;   // of the file that holds its picture,
    int64_t offset, length;
    struct buffer json; // its object, if has_json; of JSON lines the line with its end
    bool has_json;
    struct buffer text; // of its .txt
    // Of a tar: all members behind the sample before, in order; those that belong to no sample too.
    struct sample_member *member;
    int members, member_capacity;
    int json_member; // −1: it has none
};

enum source_pass { SOURCE_LISTS, SOURCE_WRITES }; // where pictures are; what else there is

struct source;
int source_open(struct source **source, const struct shard *shard, const struct plain *plain, enum source_pass pass);
void source_close(struct source **source);
int source_next(struct source *source, const struct sample **sample); // 1; 0 at the end; -EXIT_DATA or -EXIT_RUN
struct tar *source_tar(struct source *source);                        // to copy members from; NULL of others
