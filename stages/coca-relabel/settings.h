// relabel.json: {"settings": {OPTION: VALUE, …}, "shards": [NAME, …], "from": [INPUT, …]}, each setting under the name
// of its option. Where the inputs are is not compared: another host may see them elsewhere.
#pragma once

#include <jansson.h>

#include "base/memory.h"

json_t *settings_document(const json_t *settings, const struct strings *shards,
                          const struct strings *from); // a new reference

// 0; or -EXIT_USAGE, reported with the first setting that differs and both remedies; -EXIT_DATA where `there` is none.
int settings_compare(const char *to, const json_t *there, const json_t *here);

// `*settings` is a new reference. 0 or -EXIT_DATA, reported under the name `path`.
int settings_read(const char *path, const json_t *document, json_t **settings, struct strings *shards);
