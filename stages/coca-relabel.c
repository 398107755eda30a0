// coca-relabel: captions for whole data sets, shard by shard, a command and a source file each (coca-relabel/COMMAND.c).
#include "coca-relabel/commands.h"

static const char manual[] = "Captions for whole data sets, shard by shard; pipelines/relabel.sh starts the stages before it.";

static const struct command commands[] = {
    {"run", "writes shards with captions: feeder and sink of a job", run_main},
    {"status", "says how far the job in a folder is", status_main},
    {"page", "writes a page of some results with their pictures", page_main},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv) {
    static const struct program program = {"coca-relabel", "captions for whole data sets", manual, commands};
    return program_main(&program, argc, argv);
}
