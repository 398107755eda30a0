// The texts whose embeddings CLIPScore compares: of each picture that is judged the caption, then its references.
#pragma once

#include "dataset/spool_writer.h"
#include "truth.h"

// A list for coca-tokenize --list FILE --null. Zero-initialise; clip_texts_release when it was not closed.
struct clip_texts {
    struct spool_writer list;
    struct buffer line;
};
int clip_texts_open(struct clip_texts *texts, const char *path); // 0 or -EXIT_RUN
void clip_texts_add(struct clip_texts *texts, const struct truth *truth, const char *caption);
int clip_texts_close(struct clip_texts *texts); // 0 or -EXIT_RUN
void clip_texts_release(struct clip_texts *texts);

// How many texts a picture of the dataset has in the list: 0 when it is not judged.
int clip_texts_of(const struct record *record);
