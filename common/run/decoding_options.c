// What model/generate is told on the command line. Pipelines hand the same words to the stage that makes captions and
// to the sink that judges them.
#include "run/decoding_options.h"

#include "stage/option_rows.h"

#define FIELD(member) offsetof(struct decoding_options, member)
static const struct option rows[] = {
    HEADING("Captions"),
    FLAG("sample", sample, "draw each token (from --seed) instead of taking the likeliest", 0),
    INT("num-captions", num_captions, "N", "1", 1, 64,
        "of each picture: so many draws with --sample, the best of --num-beams", 0),
    REAL("temperature", temperature, "T", "1", 0.01, 100, "logits are divided by it before a draw", 0),
    INT("top-k", top_k, "K", "0", 0, 1e9, "draw from the K likeliest tokens; 0: from all", 0),
    REAL("top-p", top_p, "P", "1", 0.0001, 1, "draw from the likeliest tokens that hold P together", 0),
    INT("min-length", min_length, "TOKENS", "0", 0, 65536, "no EOS before so many tokens, BOS counted", 0),
    INT("max-length", max_length, "TOKENS", "0", 0, 65536,
        "longest caption, BOS and EOS counted; 0: as the model allows", 0),
    REAL("repetition-penalty", repetition_penalty, "FACTOR", "1", 0.01, 100,
         "logits of tokens that stand already are divided by it (below 0 multiplied); 1: none", 0),
    TEXT("prompt", prompt, "TEXT", NULL, "what every caption begins with", 0),
    TEXT("stop-at", stop_at, "TEXT", NULL,
         "a caption ends behind the first TEXT in it, and so does its search; with --num-beams it is cut when found",
         0),
    INT("num-beams", num_beams, "BEAMS", "1", 1, 1024, "beam search over so many captions a picture; 1: none", 0),
    INT("num-beam-groups", num_beam_groups, "GROUPS", "1", 1, 1024, "the beams in groups that search apart", 0),
    REAL("diversity-penalty", diversity_penalty, "P", "0", 0, 1e6,
         "a token's logit loses it for each earlier group that chose the token in the same step; at 0 all groups find "
         "the same, as in open_clip, and one searches for all",
         0),
};

struct option_table decoding_options_table(struct decoding_options *options) {
    return OPTION_TABLE(rows, options);
}
