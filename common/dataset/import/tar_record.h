// A sample of a tar that was a record: `coca-pack export` says so in its json, and then its members are all of it.
#pragma once

#include "dataset/import/draft.h"

// What only counts once the sample is whole, as members come in any order. Zero-initialise and clear before use.
struct tar_record {
    struct buffer json, video;
    int video_key; // place among the keys of pictures, their count: it is none of them; −1: there is no video
    bool is_large; // the video is, and was not read
    bool is_twice; // two of several pictures have one number
};
void tar_record_clear(struct tar_record *own);
void tar_record_release(struct tar_record *own);

// "jpg" of "3.jpg" is a key of pictures: picture 3 of several. −1: the suffix is another.
int tar_record_number(const struct importer *importer, const struct buffer *suffix);
bool tar_record_is_unknown(const struct buffer *suffix); // what export calls a picture of no known kind
bool tar_record_is_video(const struct buffer *suffix);

// Ends a sample, whose picture_key may be the count of keys, too: of a record's it makes that record, where no option
// names other members; of any other it takes the picture or the video, whichever key stands first.
void tar_record_settle(struct tar_record *own, struct draft *draft, const struct importer *importer);
