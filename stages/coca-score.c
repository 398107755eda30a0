// coca-score: the measures of an evaluation, a command and a source file each (coca-score/COMMAND.c). It is the sink at
// the end of a pipeline of other stages; what is computed of embeddings, without any message, is in common/measure.
#include "coca-score/commands.h"

static const char manual[] =
    "A command of coca-score is the sink of an evaluation: it asks the stages before it for microbatches until\n"
    "the data end, so it sets the pace (--microbatch B, --window). Results go to stdout as one JSON line in\n"
    "CLIP_benchmark's layout; words go to stderr.\n"
    "\n"
    "A zero-shot evaluation by hand, in an empty folder:\n"
    "  coca-score prompts --data DIR --null >prompts; touch prompts.closed\n"
    "  coca-tokenize --list prompts --null --tokens ipc://tokens --pretrained MODEL &\n"
    "  coca-text-decode --embed --tokens ipc://tokens --embeddings ipc://embeddings --pretrained MODEL &\n"
    "  coca-decode --data DIR --images ipc://images --pretrained MODEL &\n"
    "  coca-image-encode --images ipc://images --embeddings ipc://embeddings --pretrained MODEL &\n"
    "  coca-score zero-shot --data DIR --embeddings ipc://embeddings --pretrained MODEL";

static const struct command commands[] = {
    {"prompts", "prints the prompts of a zero-shot classifier", prompts_main},
    {"zero-shot", "classifies pictures by prompts: acc1, acc5, mean_per_class_recall", zero_shot_main},
    {"retrieval", "finds pictures by captions and captions by pictures: recall@1/5/10", retrieval_main},
    {"embed", "writes the embeddings of pictures or texts to a file", embed_main},
    {"probe", "trains a linear layer on embeddings: acc1, acc5, mean_per_class_recall", probe_main},
    {"neighbours", "finds the most similar rows of another matrix of embeddings", neighbours_main},
    {"task", "judges a head by its task's measures: accuracies, consistency, VQA's", task_main},
    {"head", "prints what the head of a model is for", head_main},
    {"captions", "writes and shows generated captions", captions_main},
    {"metrics", "judges captions by true ones: BLEU, METEOR, ROUGE-L, CIDEr", metrics_main},
    {"clip-score", "judges captions by a model's own embeddings: CLIPScore, RefCLIPScore", clip_score_main},
    {"meteor-data", "makes METEOR's words and paraphrases a file that is mapped", meteor_data_main},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv) {
    static const struct program program = {"coca-score", "the measures of an evaluation", manual, commands};
    return program_main(&program, argc, argv);
}
