// Of a picture's references the one with the best score counts. The score of all is no mean: what was counted is added
// up and scored once; a candidate that is its reference word for word adds no chunk, as its own score has none.
#include "measure/meteor.h"

#include <math.h>
#include <stdlib.h>

#include "base/threads.h"
#include "measure/meteor_align.h"

// Of the candidate [0] and of the reference [1].
struct counts {
    double words[2], function[2];
    double content_matches[2][METEOR_MODULES], function_matches[2][METEOR_MODULES];
    double chunks;
};

static void count_words(struct counts *counts, int side, const struct meteor_lexicon *lexicon,
                        const struct meteor_text *text) {
    counts->words[side] = text->words;
    for (uint32_t i = 0; i < text->words; i++) counts->function[side] += lexicon->word[text->word[i]].function;
}

static void count_matched(struct counts *counts, int side, const struct meteor_lexicon *lexicon, const uint32_t *word,
                          uint32_t words, enum meteor_module module) {
    for (uint32_t i = 0; i < words; i++) {
        if (lexicon->word[word[i]].function)
            counts->function_matches[side][module]++;
        else
            counts->content_matches[side][module]++;
    }
}

// The matches taken, and the chunks that they are in.
static void count_matches(struct counts *counts, const struct meteor_lexicon *lexicon,
                          const struct meteor_matches *matches, const uint32_t *taken,
                          const struct meteor_text *candidate, const struct meteor_text *reference) {
    uint32_t last = METEOR_NONE;
    for (uint32_t j = 0; j < reference->words;) {
        if (taken[j] == METEOR_NONE) {
            last = METEOR_NONE;
            j++;
            continue;
        }
        const struct meteor_match *match = &matches->match[taken[j]];
        count_matched(counts, 0, lexicon, candidate->word + match->from, match->words, match->module);
        count_matched(counts, 1, lexicon, reference->word + match->start, match->length, match->module);
        counts->chunks += last != match->from;
        last = match->from + match->words;
        j = match->start + match->length;
    }
}

static double matched(const struct counts *counts, int side) {
    double sum = 0;
    for (int m = 0; m < METEOR_MODULES; m++)
        sum += counts->content_matches[side][m] + counts->function_matches[side][m];
    return sum;
}

static bool is_perfect(const struct counts *counts) {
    return matched(counts, 0) == counts->words[0] && matched(counts, 1) == counts->words[1] && counts->chunks == 1;
}

// Matches over words, content words and function words weighted apart, matches by their module.
static double share(const struct counts *counts, int side) {
    static const double content = 0.75, weight[METEOR_MODULES] = {1.0, 0.6, 0.8, 0.6};
    double matches = 0;
    for (int m = 0; m < METEOR_MODULES; m++) matches += counts->content_matches[side][m] * weight[m] * content;
    for (int m = 0; m < METEOR_MODULES; m++) matches += counts->function_matches[side][m] * weight[m] * (1 - content);
    return matches /
           (content * (counts->words[side] - counts->function[side]) + (1 - content) * counts->function[side]);
}

static double score(const struct counts *counts) {
    static const double alpha = 0.85, beta = 0.2, gamma = 0.6;
    const double mean = 1 / ((1 - alpha) / share(counts, 0) + alpha / share(counts, 1));
    const double fragmentation =
        is_perfect(counts) ? 0 : counts->chunks / ((matched(counts, 0) + matched(counts, 1)) / 2);
    const double result = mean * (1 - gamma * pow(fragmentation, beta));
    return result > 0 ? result : 0; // of nothing matched or nothing there it is no number
}

static void add(struct counts *total, const struct counts *counts) {
    for (int side = 0; side < 2; side++) {
        total->words[side] += counts->words[side];
        total->function[side] += counts->function[side];
        for (int m = 0; m < METEOR_MODULES; m++) {
            total->content_matches[side][m] += counts->content_matches[side][m];
            total->function_matches[side][m] += counts->function_matches[side][m];
        }
    }
    if (!is_perfect(counts)) total->chunks += counts->chunks;
}

struct scoring {
    struct meteor_lexicon lexicon;
    size_t *first; // [pictures]: the candidate's place in the lexicon
    const struct captioned *picture;
    struct counts *counts; // [pictures]
    double *each;
};

// What one picture needs.
struct desk {
    struct meteor_text candidate, reference;
    struct meteor_matches matches;
    struct meteor_beam beam;
};

static struct counts compare(struct desk *desk, const struct meteor_lexicon *lexicon) {
    const struct meteor_text *candidate = &desk->candidate, *reference = &desk->reference;
    struct counts counts = {.chunks = 0};
    meteor_matches_find(&desk->matches, lexicon, candidate, reference);
    const uint32_t *taken = meteor_align(&desk->beam, &desk->matches, candidate->words, reference->words);
    count_words(&counts, 0, lexicon, candidate);
    count_words(&counts, 1, lexicon, reference);
    count_matches(&counts, lexicon, &desk->matches, taken, candidate, reference);
    return counts;
}

static void score_one(void *context, size_t item) {
    const struct scoring *scoring = context;
    struct desk desk = {.beam = {.taken = NULL}};
    double most = -1;
    meteor_text_take(&desk.candidate, &scoring->lexicon, scoring->first[item]);
    for (size_t r = 1; r <= scoring->picture[item].references; r++) {
        meteor_text_take(&desk.reference, &scoring->lexicon, scoring->first[item] + r);
        const struct counts counts = compare(&desk, &scoring->lexicon);
        if (score(&counts) <= most) continue;
        most = score(&counts);
        scoring->counts[item] = counts;
    }
    scoring->each[item] = most;
    meteor_text_release(&desk.candidate);
    meteor_text_release(&desk.reference);
    meteor_matches_release(&desk.matches);
    meteor_beam_release(&desk.beam);
}

double meteor_scores(const struct caption_set *set, const struct captioned *picture, size_t pictures,
                     struct meteor_data *data, double *each) {
    struct scoring scoring = {.picture = picture, .each = each};
    struct counts total = {.chunks = 0};
    scoring.first = xcalloc(pictures, sizeof *scoring.first);
    scoring.counts = xcalloc(pictures, sizeof *scoring.counts);
    for (size_t i = 1; i < pictures; i++) scoring.first[i] = scoring.first[i - 1] + 1 + picture[i - 1].references;
    meteor_lexicon_make(&scoring.lexicon, set, picture, pictures, data);
    threads_each(pictures, score_one, &scoring);
    for (size_t i = 0; i < pictures; i++) add(&total, &scoring.counts[i]);
    meteor_lexicon_release(&scoring.lexicon);
    free(scoring.first);
    free(scoring.counts);
    return score(&total);
}
