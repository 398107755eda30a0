// coca-score: the measures of an evaluation, a command and a source file each (coca-score/COMMAND.c). It is the sink at
// the end of a pipeline of other stages; what is computed of embeddings, without any message, is in common/measure.
#include "coca-score/commands.h"

static const char manual[] =
    "A command of coca-score is the sink of an evaluation: it asks the stages before it for microbatches until\n"
    "the data end, so it sets the pace (--microbatch B, --window). Results go to stdout as one JSON line in\n"
    "CLIP_benchmark's layout; words go to stderr.\n"
    "\n"
    "A zero-shot evaluation by hand, in an empty folder:\n"
    "  coca-score prompts --data DIR >prompts; touch prompts.closed\n"
    "  coca-tokenize --list prompts --tokens ipc://tokens --pretrained MODEL &\n"
    "  coca-text-decode --embed --tokens ipc://tokens --embeddings ipc://embeddings --pretrained MODEL &\n"
    "  coca-decode --data DIR --images ipc://images --pretrained MODEL &\n"
    "  coca-image-encode --images ipc://images --embeddings ipc://embeddings --pretrained MODEL &\n"
    "  coca-score zero-shot --data DIR --embeddings ipc://embeddings --pretrained MODEL";

int main(int argc, char **argv) {
    const struct command commands[] = {
        {"prompts", prompts_command(), NULL},     {"zero-shot", NULL, zero_shot_command()},
        {"retrieval", NULL, retrieval_command()}, {"embed", NULL, embed_command()},
        {"captions", NULL, captions_command()},   {NULL, NULL, NULL},
    };
    const struct program program = {"coca-score", "the measures of an evaluation", manual, commands};
    return program_main(&program, argc, argv);
}
