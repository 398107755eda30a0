// Where METEOR's data are.
#pragma once

#include "measure/meteor_data.h"

// Zero-initialise; release with meteor_file_close.
struct meteor_file {
    char *path; // NULL: there is none
    struct meteor_data data;
};
// Opens `path`, or where that is NULL what data/meteor.sh has made, if it has. 0 or -EXIT_DATA.
int meteor_file_open(struct meteor_file *file, const char *path);
struct meteor_data *meteor_file_data(struct meteor_file *file); // NULL: there are none
void meteor_file_close(struct meteor_file *file);

#define METEOR_FILE_HELP "METEOR's data; by default those that data/meteor.sh made, if it did"
