// coca-pack answers: the answer list of several datasets together. A model is trained on VQA's training and validation
// sets, and its 3,129 answers are those of 9 questions of both: an answer of 5 here and 4 there is in neither list
// alone. Pictures are not looked at, so their pages of the files are mostly never read.
#include <stdio.h>

#include "answer_list.h"
#include "base/fail.h"
#include "commands.h"
#include "records.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Prints the answers of the questions of all the datasets DIR together, normalised as the evaluation does and without\n"
    "commas, a line each: what `pack` writes as answers.txt of one, and --head-labels takes. The most frequent is first,\n"
    "of equals by bytes. A question counts once: by its record's answer (VQA's multiple_choice_answer), else by the most\n"
    "frequent of its answers. Of a set that was split by --hold-out give both parts.\n"
    "\n"
    "Examples:\n"
    "  coca-pack answers data/vqa-train data/vqa-val >answers.txt\n"
    "\n" PACK_MANUAL_EXIT;

struct answers_job {
    int64_t min_answers;
    struct answers answers;
};

#define FIELD(member) offsetof(struct answers_job, member)
static const struct option rows[] = {
    INT("min-answers", min_answers, "QUESTIONS", ANSWERS_LEAST, 1, 1e9, "list the answers of so many", 0),
};

static int add(int64_t index, const struct record *record, void *context) {
    (void)index;
    answers_add(context, record);
    return 0;
}

static int add_dataset(struct answers *answers, const char *directory) {
    struct store *store;
    int status = store_open(&store, directory);
    if (!status) status = records_each_text(store, 0, 0, add, answers);
    store_close(&store);
    return status;
}

static int print(const struct answers_job *job) {
    struct buffer text = {0};
    answers_lines(&text, &job->answers, job->min_answers, "list");
    if (text.size) fwrite(text.bytes, 1, text.size, stdout);
    int status = text.size ? 0 : -EXIT_DATA;
    buffer_release(&text);
    return status;
}

static int run(void *context, const struct strings *operands) {
    struct answers_job *job = context;
    int status = operands->count ? 0 : error(EXIT_USAGE, "which datasets? Give their directories");
    for (size_t i = 0; i < operands->count && !status; i++) status = add_dataset(&job->answers, operands->item[i]);
    if (!status) status = print(job);
    answers_release(&job->answers);
    return status;
}

int answers_main(const struct command *command, int argc, char **argv) {
    struct answers_job job = {.min_answers = 0};
    struct option_table own = OPTION_TABLE(rows, &job);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack answers",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR...",
                              .context = &job,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
