// A sample while an importer gathers it. It owns all that is put into it; zero-initialise, draft_clear before each
// sample, draft_release at the end.
#pragma once

#include "dataset/import/importer.h"

struct texts {
    struct span *item;
    int count, capacity;
};

struct draft {
    struct buffer name, id; // NUL-terminated texts
    struct buffer path;     // of the picture's file, of a sample that a list names
    struct buffer picture;
    int picture_key; // place in the importer's list of the key that gave the picture, −1: none did
    struct texts captions, labels, answers;
    struct texts pictures; // of a sample with several
    struct origin at;      // where these lie, of an importer that keeps origins
    int64_t pictures_at[RECORD_IMAGES_LIMIT];
    struct buffer video, question, question_type, answer_type, answer;
    int64_t class;
    char *defect; // the first one
};

void texts_clear(struct texts *texts);
// Copies a text to its place, which may be beyond the end: places between are empty, without an address.
void texts_put(struct texts *texts, int place, const void *text, size_t size);

void draft_clear(struct draft *draft);
void draft_release(struct draft *draft);
struct record draft_record(const struct draft *draft);                // borrows, its id as the draft has it
int draft_give(const struct draft *draft, struct importer *importer); // as importer_give; the id becomes UTF-8

void draft_caption(struct draft *draft, const void *text, size_t size);
void draft_label(struct draft *draft, const void *text, size_t size);
void draft_answer(struct draft *draft, const void *text, size_t size);
void draft_question(struct draft *draft, const void *text, size_t size);
// Captions or labels of a text file: its lines that are not empty, or the first of them only. A file without any gives
// one empty text, so that it is told from a file that is not there.
void draft_lines(struct texts *texts, const void *text, size_t size, bool first_only);
// A text that must be a whole number from 0; anything else is a defect.
void draft_class(struct draft *draft, const void *text, size_t size);
void draft_defect(struct draft *draft, const char *format, ...) PRINTF_LIKE(2, 3);

// The picture file at `path`, or a defect.
void draft_picture_file(struct draft *draft, const struct importer *importer, const char *path);
// The same of one picture of several, and of a video, which is not looked into.
void draft_pictures_file(struct draft *draft, const struct importer *importer, const char *path);
void draft_video_file(struct draft *draft, const struct importer *importer, const char *path);
// The file at draft->path, if it has one: a video if its suffix says so, else a picture.
void draft_file(struct draft *draft, const struct importer *importer);
// `path` of `list`: under images_root, else beside the list. The caller frees.
char *draft_listed_path(const struct importer *importer, const char *list, const char *path);
// The path of the picture that `list` names, under images_root, else beside the list, and as the draft's id; a defect
// when it is empty. rows_take reads the file.
void draft_listed_picture(struct draft *draft, const struct importer *importer, const char *list, const char *path,
                          size_t length);
