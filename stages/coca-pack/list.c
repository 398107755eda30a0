// coca-pack list: a line per record for sort, grep and spm_train. Texts may hold anything, so what would break a line
// or a column, or speak to a terminal, becomes a blank.
#include <stdio.h>

#include "base/text.h"
#include "commands.h"
#include "records.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Prints a line for each record of the dataset DIR: its number, id, bytes of its picture, class, label names and\n"
    "captions, separated by tabs; several names or captions by \" | \". A dataset of questions has two columns more, the\n"
    "question and its answers, and one of statements or hypotheses the first of them. Tabs, line ends and other control\n"
    "characters in texts become blanks.\n"
    "\n"
    "Examples:\n"
    "  coca-pack list data/mine --limit 10\n"
    "  coca-pack list data/mine --captions >captions.txt     every caption on its own line, as spm_train wants them\n"
    "\n" PACK_MANUAL_EXIT;

struct list {
    int64_t first, limit;
    bool captions;
};

#define FIELD(member) offsetof(struct list, member)
static const struct option rows[] = {
    FLAG("captions", captions, "print the captions alone, one per line", 0),
    INT("first", first, "RECORD", "0", 0, 1e15, "number to begin with", 0),
    INT("limit", limit, "RECORDS", "0", 0, 1e15, "stop after so many; 0: list all", 0),
};

static void print_text(struct span text) {
    struct buffer clean = {0};
    text_clean(&clean, text.bytes, text.size);
    fwrite(clean.bytes, 1, clean.size, stdout);
    buffer_release(&clean);
}

static void print_texts(const struct span *texts, int count, const char *separator) {
    for (int i = 0; i < count; i++) {
        if (i) fputs(separator, stdout);
        print_text(texts[i]);
    }
}

// A record without captions prints nothing, not an empty line, which would be an empty sentence to spm_train.
static int print_captions(int64_t index, const struct record *record, void *context) {
    (void)index, (void)context;
    print_texts(record->captions, record->caption_count, "\n");
    if (record->caption_count) putchar('\n');
    return 0;
}

// The columns that only some datasets have come last, so that the others stay where scripts look for them.
static void print_task(const struct store *store, const struct record *record) {
    const bool has_answers = store_has(store, "answers");
    if (has_answers || store_has(store, "question")) putchar('\t');
    print_text(record->question);
    if (has_answers) putchar('\t');
    print_texts(record->answers, record->answer_count, " | ");
}

static int print_record(int64_t index, const struct record *record, void *context) {
    printf("%lld\t", (long long)index);
    print_text(record->id);
    printf("\t%zu\t", record->image.size);
    if (record->class >= 0) printf("%lld", (long long)record->class);
    putchar('\t');
    print_texts(record->labels, record->label_count, " | ");
    putchar('\t');
    print_texts(record->captions, record->caption_count, " | ");
    print_task(context, record);
    putchar('\n');
    return 0;
}

static int run(void *context, const struct strings *operands) {
    const struct list *list = context;
    struct store *store;
    int status = records_open(&store, operands);
    if (!status)
        status = list->captions ? records_each_text(store, list->first, list->limit, print_captions, store)
                                : records_each(store, list->first, list->limit, print_record, store);
    store_close(&store);
    return status;
}

int list_main(const struct command *command, int argc, char **argv) {
    struct list list = {.first = 0};
    struct option_table own = OPTION_TABLE(rows, &list);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack list",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &list,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
