// Beam search, held to transformers' BeamSearchScorer token by token, since captions are compared with those of others:
// so its quirks are kept (sums of logits that were never normalised, the order among equals, what ends a search).
// generate.c calls it and hands in the model as a table of functions; here are only beams, their scores, and the
// bookkeeping of slots, in which the model remembers what it computed of each beam's tokens.
#include "model/generate/beam_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// transformers' start for all but a group's first beam. All beams begin with the same prompt; this leaves the first
// choice to one of them, or they would all make the same caption.
#define UNSTARTED (-1e9F)

struct beam {
    float score;
    int slot, row;  // row of the last step
    int from;       // the slot to copy, or −1: its own goes on
    int32_t *token; // [T]
};

struct choice {
    float score;
    int32_t beam, token;
};

// A caption that ended.
struct ended {
    double score; // sum of logits / length
    int length;
    bool taken;     // for one of the captions that are asked for
    int32_t *token; // [T]
};

struct group {
    struct beam *beam, *next; // [size], of this step and the next
    struct ended *ended;      // [size + 1], in the order of their ends
    int ended_count;
    double worst;
    bool done;
};

struct beam_search {
    struct score_rules rules;
    int batch, T, groups, size; // beams of a group
    int32_t *memory;            // of all tokens
    struct group *group;        // [batch·groups]
    struct caption_row *row;    // [batch·width]
    int64_t *writer;            // [batch·width,T]: which step and row wrote a place of a slot
    int64_t written;
    bool *taken;           // [width], slots of a picture
    float *score, *room;   // [V]
    struct choice *choice; // [2·size]
    int32_t *chosen;       // [width], by the groups of a picture in this step
};

// Groups differ by the penalty alone: without one, each would make the captions of the first, so only that one is made,
// of the size that it would have.
static int groups_of(const struct generate_options *options) {
    return options->diversity_penalty == 0 || options->num_beam_groups < 1 ? 1 : options->num_beam_groups;
}

static int size_of(const struct generate_options *options) {
    return options->num_beams / (options->num_beam_groups > 1 ? options->num_beam_groups : 1);
}

int beam_search_width(const struct generate_options *options) {
    return options->num_beams > 1 ? groups_of(options) * size_of(options) : 1;
}

static int width_of(const struct beam_search *search) {
    return search->groups * search->size;
}

// ---- life

// Token arrays of a group: `size` of this step's beams, `size` of the next step's, size + 1 of captions that ended.
// They are of one block, and travel with the structs that are swapped and moved.
static int32_t *take_tokens(const struct beam_search *search, int32_t **free_tokens) {
    int32_t *taken = *free_tokens;
    *free_tokens += search->T;
    return taken;
}

static void group_init(const struct beam_search *search, struct group *group, int32_t **free_tokens) {
    size_t size = (size_t)search->size;
    group->beam = xcalloc(size, sizeof *group->beam);
    group->next = xcalloc(size, sizeof *group->next);
    group->ended = xcalloc(size + 1, sizeof *group->ended);
    for (size_t i = 0; i < size; i++) {
        group->beam[i].token = take_tokens(search, free_tokens);
        group->next[i].token = take_tokens(search, free_tokens);
    }
    for (size_t i = 0; i <= size; i++) group->ended[i].token = take_tokens(search, free_tokens);
}

struct beam_search *beam_search_new(const struct score_rules *rules, int batch, int T) {
    struct beam_search *search = xcalloc(1, sizeof *search);
    *search = (struct beam_search){
        .rules = *rules, .batch = batch, .T = T, .groups = groups_of(rules->options), .size = size_of(rules->options)};
    size_t groups = (size_t)(batch * search->groups), rows = (size_t)(batch * width_of(search));
    search->memory = xcalloc(groups * (size_t)((3 * search->size + 1) * T), sizeof *search->memory);
    search->group = xcalloc(groups, sizeof *search->group);
    search->row = xcalloc(rows, sizeof *search->row);
    search->writer = xcalloc(rows * (size_t)T, sizeof *search->writer);
    search->taken = xcalloc((size_t)width_of(search), sizeof *search->taken);
    search->score = xcalloc((size_t)rules->config->vocab_size, sizeof *search->score);
    search->room = xcalloc((size_t)rules->config->vocab_size, sizeof *search->room);
    search->choice = xcalloc((size_t)(2 * search->size), sizeof *search->choice);
    search->chosen = xcalloc((size_t)width_of(search), sizeof *search->chosen);
    int32_t *free_tokens = search->memory;
    for (size_t i = 0; i < groups; i++) group_init(search, &search->group[i], &free_tokens);
    return search;
}

void beam_search_free(struct beam_search **search_p) {
    struct beam_search *search = *search_p;
    if (!search) return;
    for (int i = 0; i < search->batch * search->groups; i++) {
        free(search->group[i].beam);
        free(search->group[i].next);
        free(search->group[i].ended);
    }
    void *blocks[] = {search->memory, search->group, search->row,    search->writer, search->taken,
                      search->score,  search->room,  search->choice, search->chosen};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
    free(search);
    *search_p = NULL;
}

// ---- captions that ended

// Of equals the earliest, as sorting (score, index) gives it.
static struct ended *worst_of(struct group *group) {
    struct ended *worst = group->ended;
    for (int i = 1; i < group->ended_count; i++)
        if (group->ended[i].score < worst->score) worst = &group->ended[i];
    return worst;
}

// Takes one out; its place behind the others keeps its memory.
static void forget(struct group *group, struct ended *gone) {
    struct ended kept = *gone;
    size_t behind = (size_t)(group->ended + group->ended_count - gone - 1);
    memmove(gone, gone + 1, behind * sizeof *gone);
    group->ended[--group->ended_count] = kept;
}

// BeamHypotheses.add. A caption scores sum / counted; one that is no better than the worst is turned away once there
// are `size`. Else it joins, and of one too many the worst goes. `counted` is the length that transformers divides by:
// for a caption that ended by EOS its tokens with EOS, for one that was cut its tokens.
static void add_ended(struct group *group, int size, const int32_t *token, int length, float sum, int counted) {
    double score = (double)sum / counted;
    if (group->ended_count >= size && !(score > group->worst)) return;
    struct ended *ended = &group->ended[group->ended_count++];
    ended->score = score;
    ended->length = length;
    ended->taken = false;
    memcpy(ended->token, token, (size_t)length * sizeof *token);
    if (group->ended_count > size) {
        forget(group, worst_of(group));
        group->worst = worst_of(group)->score;
    } else {
        group->worst = fmin(score, group->worst);
    }
}

// ---- one group's step

// Keeps the choices in falling order; of equals the earlier stays ahead.
static void insert_choice(struct choice *choice, int *count, int most, struct choice added) {
    int at = *count < most ? (*count)++ : most - 1;
    for (; at > 0 && added.score > choice[at - 1].score; at--) choice[at] = choice[at - 1];
    choice[at] = added;
}

// Hamming diversity: a token costs the penalty for each time that earlier groups chose it in this step.
static void penalise_chosen(struct beam_search *search, int count) {
    float penalty = (float)search->rules.options->diversity_penalty;
    const int32_t *chosen = search->chosen;
    for (int i = 0; i < count; i++) {
        int times = 0, earlier = 0;
        for (int j = 0; j < count; j++) {
            times += chosen[j] == chosen[i];
            earlier += j < i && chosen[j] == chosen[i];
        }
        if (!earlier) search->score[chosen[i]] -= penalty * (float)times;
    }
}

// The 2·size best continuations of a group's beams. A beam's score is the sum of its tokens' logits; adding a constant
// to all logits of one beam would change the choice, unlike with log-probabilities, but open_clip's generate has no
// softmax here. 2·size are enough: each beam has one continuation by EOS, so at least `size` of them go on. `chosen`:
// how many tokens the groups before it chose.
static void find_choices(struct beam_search *search, const struct group *group, const struct caption_model *model,
                         int chosen, int length) {
    int V = search->rules.config->vocab_size, most = 2 * search->size, count = 0;
    struct choice *choice = search->choice;
    for (int b = 0; b < search->size; b++) {
        const struct beam *beam = &group->beam[b];
        scores_of(&search->rules, search->score, model->logits(model->context, beam->row, search->room), beam->token,
                  length);
        penalise_chosen(search, chosen);
        for (int v = 0; v < V; v++) {
            float score = search->score[v] + beam->score;
            if (count < most || score > choice[most - 1].score)
                insert_choice(choice, &count, most, (struct choice){score, b, v});
        }
    }
}

static void continue_beam(struct beam *next, const struct beam *beam, const struct choice *choice, int length) {
    next->score = choice->score;
    next->slot = beam->slot;
    memcpy(next->token, beam->token, (size_t)length * sizeof *beam->token);
    next->token[length] = choice->token;
}

// From the best choice down: EOS ends a caption if it is among the `size` best, and else is passed over, as a caption
// that is worse than `size` that go on; all others go on until there are `size`.
//
// Done when no caption can come any more that beats the worst of `size` that ended. The best choice stands for all that
// may come, at its present length: tokens better than the average so far could still raise it, but so transformers
// decides with early_stopping False. choice[0] counts even where it was EOS itself.
static void take_choices(const struct beam_search *search, struct group *group, int length) {
    int size = search->size, n = 0;
    for (int rank = 0; rank < 2 * size && n < size; rank++) {
        const struct choice *choice = &search->choice[rank];
        const struct beam *beam = &group->beam[choice->beam];
        if (choice->token != search->rules.config->eos_id) {
            continue_beam(&group->next[n++], beam, choice, length);
        } else if (rank < size) {
            add_ended(group, size, beam->token, length, choice->score, length + 1);
        }
    }
    struct beam *beam = group->beam;
    group->beam = group->next;
    group->next = beam;
    group->done = group->ended_count >= size && group->worst >= (double)search->choice[0].score / (length + 1);
}

static struct group *groups_at(const struct beam_search *search, int picture) {
    return search->group + (int64_t)picture * search->groups;
}

// Goes from `length` tokens to one more. A group that is done counts as having chosen padding.
static void extend_picture(struct beam_search *search, int picture, const struct caption_model *model, int length) {
    struct group *group = groups_at(search, picture);
    int chosen = 0;
    for (int g = 0; g < search->groups; g++) {
        bool goes_on = !group[g].done;
        if (goes_on) {
            find_choices(search, &group[g], model, chosen, length);
            take_choices(search, &group[g], length);
        }
        for (int b = 0; b < search->size; b++)
            search->chosen[chosen++] = goes_on ? group[g].beam[b].token[length] : search->rules.config->pad_id;
    }
}

// A slot is what the model keeps of one row of tokens. Choices move beams about: two may go on from one, and another
// end. `writer` tells what differs: each place of a slot has the number of the step and row that wrote it, and a copy
// copies the numbers too. Equal numbers are the same token behind the same tokens, so two slots agree up to the first
// place where the numbers differ, and only from there on there is something to copy. Beams of one origin differ in a
// few places mostly.
// ---- slots: of the beams that come from one, the first keeps its slot, and the others copy what differs

typedef void beam_visitor(struct beam_search *search, int picture, struct beam *beam, const struct caption_model *model,
                          int length);

static void visit_beams(struct beam_search *search, int picture, const struct caption_model *model, int length,
                        beam_visitor *visit) {
    struct group *group = groups_at(search, picture);
    for (int g = 0; g < search->groups; g++)
        for (int b = 0; b < search->size && !group[g].done; b++)
            visit(search, picture, &group[g].beam[b], model, length);
}

// First round: every slot that goes on is marked before any is given away.
static void keep_slot(struct beam_search *search, int picture, struct beam *beam, const struct caption_model *model,
                      int length) {
    (void)model;
    (void)length;
    bool *taken = &search->taken[beam->slot - picture * width_of(search)];
    beam->from = *taken ? beam->slot : -1;
    *taken = true;
}

static int free_slot(struct beam_search *search, int picture) {
    int i = 0;
    while (search->taken[i]) i++;
    search->taken[i] = true;
    return picture * width_of(search) + i;
}

// Second round. The slot that is taken belongs to no beam that goes on, so nothing that is needed is overwritten, and
// the slot that is copied from is kept by the beam that came first. The beam has `length` tokens, and the model
// remembers all but the newest, which the next step brings.
static void copy_slot(struct beam_search *search, int picture, struct beam *beam, const struct caption_model *model,
                      int length) {
    if (beam->from < 0) return;
    beam->slot = free_slot(search, picture);
    int64_t *to = search->writer + (int64_t)beam->slot * search->T,
            *from = search->writer + (int64_t)beam->from * search->T;
    int first = 0, count;
    while (first < length - 1 && to[first] == from[first]) first++;
    if (!(count = length - 1 - first)) return;
    model->copy(model->context, beam->slot, beam->from, first, count);
    memcpy(to + first, from + first, (size_t)count * sizeof *to);
}

// ---- the whole

static void add_row(struct beam_search *search, int *count, int picture, int slot, int32_t token, int place) {
    search->writer[(int64_t)slot * search->T + place] = ++search->written;
    search->row[(*count)++] = (struct caption_row){picture, slot, token};
}

// Rows of one picture stand side by side, as the model wants them. Groups that are done have no rows any more.
static int list_beams(struct beam_search *search, int B, const struct caption_model *model, int length) {
    int count = 0;
    for (int picture = 0; picture < B; picture++) {
        struct group *group = groups_at(search, picture);
        memset(search->taken, 0, (size_t)width_of(search) * sizeof *search->taken);
        visit_beams(search, picture, model, length, keep_slot);
        visit_beams(search, picture, model, length, copy_slot);
        for (int g = 0; g < search->groups; g++)
            for (int b = 0; b < search->size && !group[g].done; b++) {
                struct beam *beam = &group[g].beam[b];
                beam->row = count;
                add_row(search, &count, picture, beam->slot, beam->token[length - 1], length - 1);
            }
    }
    return count;
}

static void begin_group(const struct beam_search *search, struct group *group, int picture, const int32_t *prompt,
                        int length) {
    group->ended_count = 0;
    group->worst = -UNSTARTED;
    group->done = false;
    for (int b = 0; b < search->size; b++) {
        struct beam *beam = &group->beam[b];
        beam->score = b ? UNSTARTED : 0;
        beam->slot = picture * width_of(search);
        beam->row = picture;
        memcpy(beam->token, prompt, (size_t)length * sizeof *prompt);
    }
}

// All beams of a picture begin with the prompt, which goes through the model once.
static void read_prompt(struct beam_search *search, int B, const struct caption_model *model, const int32_t *prompt,
                        int length) {
    for (int place = 0; place < length; place++) {
        int count = 0;
        for (int b = 0; b < B; b++) add_row(search, &count, b, b * width_of(search), prompt[place], place);
        model->step(model->context, count, search->row, place);
    }
    for (int i = 0; i < B * search->groups; i++)
        begin_group(search, &search->group[i], i / search->groups, prompt, length);
}

// BeamSearchScorer.finalize: beams that still go on are captions too, but of groups that are not done only.
static void end_beams(const struct beam_search *search, struct group *group, int length) {
    for (int g = 0; g < search->groups; g++)
        for (int b = 0; b < search->size && !group[g].done; b++)
            add_ended(&group[g], search->size, group[g].beam[b].token, length, group[g].beam[b].score, length);
}

// The best that was not taken yet, of equals the later, as transformers takes them from the end of a stable sort. Every
// group has `size` at least, so there are as many as its width.
static const struct ended *take_best(const struct beam_search *search, const struct group *group) {
    struct ended *best = NULL;
    for (int g = 0; g < search->groups; g++)
        for (int i = 0; i < group[g].ended_count; i++) {
            struct ended *ended = &group[g].ended[i];
            if (!ended->taken && (!best || ended->score >= best->score)) best = ended;
        }
    best->taken = true;
    return best;
}

// A caption that was cut at T has no place for EOS and none.
static void write_caption(const struct beam_search *search, const struct ended *ended, int32_t *token, int stride) {
    for (int t = 0; t < stride; t++) {
        bool inside = t < ended->length, eos = t == ended->length && t < search->T;
        token[t] = inside ? ended->token[t] : eos ? search->rules.config->eos_id : search->rules.config->pad_id;
    }
}

static void write_captions(const struct beam_search *search, int picture, int length, int32_t *tokens, int stride) {
    struct group *group = groups_at(search, picture);
    const int each = generate_captions_each(search->rules.options);
    end_beams(search, group, length);
    for (int i = 0; i < each; i++)
        write_caption(search, take_best(search, group), tokens + ((int64_t)picture * each + i) * stride, stride);
}

// `length` counts the tokens that beams have; the model was asked for what follows them. The last choice needs no step
// behind it.
void beam_search_run(struct beam_search *search, int B, const struct caption_model *model, int32_t *tokens,
                     int stride) {
    int length;
    const int32_t *prompt = score_prompt(&search->rules, &length);
    read_prompt(search, B, model, prompt, length);
    for (int count = B; count && length < search->T;) {
        for (int b = 0; b < B; b++) extend_picture(search, b, model, length);
        count = ++length < search->T ? list_beams(search, B, model, length) : 0;
        if (count) model->step(model->context, count, search->row, length - 1);
    }
    for (int b = 0; b < B; b++) write_captions(search, b, length, tokens, stride);
}
