// coca-score metrics: captions that are in files, against those that people wrote, in the numbers that the field
// prints. It needs no model and no other stage: results of any program are judged alike.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "coco_captions.h"
#include "commands.h"
#include "cut.h"
#include "meteor_file.h"
#include "scores.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Judges captions as COCO's evaluation does. --references is an annotation file with the lists `images` (id) and\n"
    "`annotations` (image_id, caption), --results a list of image_id and caption, exactly one for each picture that\n"
    "has references; ids are compared as text. Both are cut by the rules of the evaluation's own tokenizer first;\n"
    "--tokenizer none takes them as tokens with blanks between.\n"
    "\n"
    "Prints one JSON object with Bleu_1 to Bleu_4, METEOR, ROUGE_L, CIDEr (which is CIDEr-D) and SPICE, as\n"
    "pycocoevalcap 1.2 computes them, as shares (CIDEr to 10). What is not known is null, and beside it, for METEOR\n"
    "in METEOR_reason, stands why. METEOR needs words and paraphrases that data/meteor.sh fetches (--meteor-data);\n"
    "without them METEOR-exact-stem is of equal words and equal stems alone, all words weighing alike, and is not to\n"
    "be compared with METEOR. CIDEr takes from the references of the judged pictures how rare words are: that of\n"
    "a part cannot be compared with that of the whole, and that of one picture is 0.\n"
    "\n"
    "--domains prints such an object for each `domain` that the references' images name, as NoCaps' files do, each\n"
    "scored alone, and for all.\n"
    "\n"
    "SPICE is a program of its own. --spice-input writes what it reads; --spice takes what it wrote:\n"
    "  coca-score metrics --references R.json --results C.json --spice-input in.json\n"
    "  java -jar -Xmx8G spice-1.0.jar in.json -out out.json\n"
    "  coca-score metrics --references R.json --results C.json --spice out.json\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data.";

struct metrics {
    struct {
        char *references, *results, *per_image, *spice, *spice_input, *meteor_data;
        int tokenizer;
        bool domains;
    } own;
    struct coco_captions captions;
    char **tokens; // [tokens_count], as the captions of `set`
    size_t tokens_count;
    struct caption_set set;
    struct caption_scores *each;
    struct meteor_file meteor;
};

#define FIELD(member) offsetof(__typeof__(((struct metrics *)0)->own), member)
static const struct option rows[] = {
    TEXT("references", references, "FILE", NULL, "true captions, COCO's annotation file", OPTION_LOCAL),
    TEXT("results", results, "FILE", NULL, "captions to judge, COCO's result file", OPTION_LOCAL),
    CHOICE("tokenizer", tokenizer, CAPTION_TOKENIZERS, "ptb",
           "how captions become words: ptb as COCO's evaluation does, none splits at blanks", OPTION_LOCAL),
    FLAG("domains", domains, "scores of each domain and of all", OPTION_LOCAL),
    TEXT("per-image", per_image, "FILE", NULL, "a list of each picture's scores", OPTION_LOCAL | OPTION_OUTPUT),
    TEXT("meteor-data", meteor_data, "FILE", NULL, METEOR_FILE_HELP, OPTION_LOCAL),
    TEXT("spice", spice, "FILE", NULL, "SPICE's scores, as its program writes them", OPTION_LOCAL),
    TEXT("spice-input", spice_input, "FILE", NULL, "what SPICE reads", OPTION_LOCAL | OPTION_OUTPUT),
};

// All captions as tokens, of each picture the candidate, then the references.
static void cut_all(struct metrics *self) {
    const struct coco_captions *captions = &self->captions;
    const json_t **text = xcalloc(captions->pictures + captions->texts, sizeof *text);
    for (size_t i = 0; i < captions->pictures; i++) {
        const struct coco_picture *picture = &captions->picture[i];
        text[self->tokens_count++] = picture->candidate;
        for (size_t r = 0; r < picture->references; r++) text[self->tokens_count++] = picture->reference[r];
    }
    self->tokens = xcalloc(self->tokens_count, sizeof *self->tokens);
    captions_cut(self->tokens, (enum caption_tokenizer)self->own.tokenizer, text, self->tokens_count);
    free(text);
}

static void gather(struct metrics *self) {
    char **tokens = self->tokens;
    for (size_t i = 0; i < self->captions.pictures; i++, tokens++) {
        caption_set_picture(&self->set, *tokens, strlen(*tokens));
        for (size_t r = 0; r < self->captions.picture[i].references; r++) {
            tokens++;
            caption_set_reference(&self->set, *tokens, strlen(*tokens));
        }
    }
}

static json_t *spice_item(const struct coco_picture *picture, char *const *tokens) {
    json_t *references = json_array();
    for (size_t i = 1; i <= picture->references; i++) json_array_append_new(references, json_string(tokens[i]));
    return json_pack("{s:O, s:s, s:o}", "image_id", picture->id, "test", tokens[0], "refs", references);
}

static int write_spice_input(struct metrics *self) {
    json_t *list = json_array();
    for (size_t i = 0; i < self->captions.pictures; i++)
        json_array_append_new(list,
                              spice_item(&self->captions.picture[i], self->tokens + self->set.picture[i].candidate));
    int status = json_write(self->own.spice_input, list);
    json_decref(list);
    return status;
}

static json_t *explained(const struct metrics *self, const struct caption_scores *corpus) {
    json_t *scores = json_object();
    caption_scores_add(scores, corpus);
    if (!corpus->meteor_is_whole)
        json_object_set_new(scores, "METEOR_reason",
                            json_string("its data are not there: data/meteor.sh makes them, --meteor-data names them"));
    if (!self->own.spice)
        json_object_set_new(scores, "SPICE_reason", json_string("--spice FILE brings it"));
    else if (isnan(corpus->spice))
        json_object_set_new(scores, "SPICE_reason", json_string("a picture of --spice has no number"));
    return scores;
}

// The scores of the pictures of a domain, NULL: of all. 0 or -EXIT_DATA.
static int score(struct metrics *self, json_t **scores, const char *domain) {
    const struct coco_captions *captions = &self->captions;
    struct captioned *picture = xcalloc(captions->pictures, sizeof *picture);
    struct caption_scores corpus;
    size_t count = 0;
    for (size_t i = 0; i < captions->pictures; i++) {
        if (domain && strcmp(json_string_value(captions->picture[i].domain), domain)) continue;
        self->each[count].spice = captions->picture[i].spice;
        picture[count++] = self->set.picture[i];
    }
    if (count == 1) warn("%s: CIDEr of one picture is 0 whatever its captions are", domain ? domain : "results");
    int status = caption_scores_make(&corpus, self->each, &self->set, picture, count, meteor_file_data(&self->meteor));
    free(picture);
    *scores = status ? NULL : explained(self, &corpus);
    return status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Each domain once, sorted, as NoCaps' table has them.
static int find_domains(const struct metrics *self, struct strings *names) {
    struct numbering seen = {0};
    int status = 0;
    for (size_t i = 0; i < self->captions.pictures && !status; i++) {
        const char *domain = json_string_value(self->captions.picture[i].domain);
        if (!domain || !strcmp(domain, "all"))
            status = error(EXIT_DATA, "%s: images: an image with captions has no `domain`, a text other than \"all\"",
                           self->own.references);
        else if (numbering_add(&seen, domain, strlen(domain)) > names->count)
            strings_add_text(names, domain);
    }
    qsort(names->item, names->count, sizeof *names->item, by_name);
    numbering_release(&seen);
    return status;
}

// Under a name in an object.
static int score_named(struct metrics *self, json_t *scores, const char *name, const char *domain) {
    json_t *found;
    int status = score(self, &found, domain);
    if (!status) json_object_set_new(scores, name, found);
    return status;
}

// The scores of all are made last: those of single pictures are theirs then.
static int score_all(struct metrics *self, json_t **scores) {
    struct strings names = {0};
    if (!self->own.domains) return score(self, scores, NULL);
    int status = find_domains(self, &names);
    *scores = json_object();
    for (size_t i = 0; i < names.count && !status; i++)
        status = score_named(self, *scores, names.item[i], names.item[i]);
    if (!status) status = score_named(self, *scores, "all", NULL);
    strings_release(&names);
    return status;
}

// A list, a picture a line.
static int write_pictures(const struct metrics *self) {
    struct aside aside;
    int status = aside_open(&aside, self->own.per_image);
    if (status) return status;
    for (size_t i = 0; i < self->captions.pictures; i++) {
        json_t *item = json_pack("{s:O}", "image_id", self->captions.picture[i].id);
        caption_scores_add(item, &self->each[i]);
        char *line = json_shown(item, JSON_REAL_PRECISION(17));
        fprintf(aside.file, "%s%s", i ? ",\n " : "[", line);
        free(line);
        json_decref(item);
    }
    fputs("]\n", aside.file);
    return aside_commit(&aside);
}

static int print(const json_t *scores) {
    char *line = json_shown(scores, JSON_REAL_PRECISION(17));
    int status = puts(line) < 0 || fflush(stdout) ? error(EXIT_RUN, "stdout: %s", strerror(errno)) : 0;
    free(line);
    return status;
}

static int run(void *context, const struct strings *operands) {
    struct metrics *self = context;
    json_t *scores = NULL;
    (void)operands;
    if (!self->own.references || !self->own.results)
        return error(EXIT_USAGE, "--references FILE and --results FILE say what is judged");
    int status = meteor_file_open(&self->meteor, self->own.meteor_data);
    if (!status) status = coco_captions_read(&self->captions, self->own.references, self->own.results, self->own.spice);
    if (status) return status;
    cut_all(self);
    gather(self);
    self->each = xcalloc(self->captions.pictures, sizeof *self->each);
    if (self->own.spice_input) status = write_spice_input(self);
    if (!status) status = score_all(self, &scores);
    if (!status && self->own.per_image) status = write_pictures(self);
    if (!status) status = print(scores);
    json_decref(scores);
    return status;
}

int metrics_main(const struct command *command, int argc, char **argv) {
    struct metrics self = {.each = NULL};
    struct option_table own = OPTION_TABLE(rows, &self.own);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-score metrics",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .context = &self,
                              .run = run};
    int status = tool_main(&tool, argc, argv);
    coco_captions_release(&self.captions);
    caption_set_release(&self.set);
    meteor_file_close(&self.meteor);
    for (size_t i = 0; i < self.tokens_count; i++) free(self.tokens[i]);
    free(self.tokens);
    free(self.each);
    return status;
}
