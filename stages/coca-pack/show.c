// coca-pack show: a dataset or one record as JSON, for people and for jq. Keys keep the order in which they are set,
// which is the one to read them in. What a record is made of, describe.c knows.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "commands.h"
#include "describe.h"
#include "records.h"

static const char manual[] = "Prints what the dataset DIR is, or its record INDEX (from 0), as JSON.\n"
                             "\n"
                             "Examples:\n"
                             "  coca-pack show data/mine\n"
                             "  coca-pack show data/mine 17\n"
                             "\n" PACK_MANUAL_EXIT;

// Takes the document over.
static void print_json(json_t *document) {
    char *text = json_shown(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    puts(text);
    free(text);
    json_decref(document);
}

static void show_store(const struct store *store) {
    char fingerprint[HASH_TEXT_SIZE];
    hash_format(fingerprint, store_fingerprint(store));
    json_t *fields = json_array();
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (store_fields(store) >> i & 1) json_array_append_new(fields, json_string(record_field_name(i)));
    print_json(json_pack("{s:s, s:I, s:i, s:o, s:s}", "path", store_path(store), "records",
                         (json_int_t)store_count(store), "shards", store_shards(store), "fields", fields, "fingerprint",
                         fingerprint));
}

static int show_record(struct store *store, const struct strings *operands) {
    int64_t index;
    struct record record;
    int status = records_index(&index, operands, 1);
    if (!status) status = store_read(store, index, &record);
    if (status) return status;
    print_json(describe_record(&record));
    record_release(&record);
    return 0;
}

static int run(void *context, const struct strings *operands) {
    struct store *store;
    (void)context;
    int status = records_open(&store, operands);
    if (!status && operands->count > 1)
        status = show_record(store, operands);
    else if (!status)
        show_store(store);
    store_close(&store);
    return status;
}

int show_main(const struct command *command, int argc, char **argv) {
    const struct tool tool = {
        .name = "coca-pack show", .summary = command->summary, .manual = manual, .operands = "DIR [INDEX]", .run = run};
    return tool_main(&tool, argc, argv);
}
