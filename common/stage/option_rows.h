// Rows of an option table, short enough to be read as one. FIELD(member) is defined by the file that uses them.
#pragma once

#include "stage/option.h"

#define HEADING(text)                                                                                                  \
    { NULL, OPTION_FLAG, 0, NULL, NULL, 0, 0, text, 0 }
#define TEXT(name, member, argument, fallback, help, marks)                                                            \
    { name, OPTION_TEXT, FIELD(member), argument, fallback, 0, 0, help, marks }
#define INT(name, member, argument, fallback, low, high, help, marks)                                                  \
    { name, OPTION_INT, FIELD(member), argument, fallback, low, high, help, marks }
#define REAL(name, member, argument, fallback, low, high, help, marks)                                                 \
    { name, OPTION_REAL, FIELD(member), argument, fallback, low, high, help, marks }
#define CHOICE(name, member, words, fallback, help, marks)                                                             \
    { name, OPTION_CHOICE, FIELD(member), words, fallback, 0, 0, help, marks }
#define LIST(name, member, argument, help, marks)                                                                      \
    { name, OPTION_LIST, FIELD(member), argument, NULL, 0, 0, help, marks }
#define FLAG(name, member, help, marks)                                                                                \
    { name, OPTION_FLAG, FIELD(member), NULL, NULL, 0, 0, help, marks }
