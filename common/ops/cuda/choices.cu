// The file of choices (choices.cuh says what it is for). It is read when the backend opens and again under the lock,
// since another process of the program, a replica or a second run, may have chosen meanwhile; then its choice is taken,
// and all have the same bits. Lines are only ever appended, so who reads without the lock sees whole ones, and perhaps
// half of the last, which does not parse and is as good as absent.
#include "ops/cuda/choices.cuh"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#define KEY_PARTS ((int)(sizeof(choice_key::part) / sizeof(int64_t)))
#define WORDS ((int)(sizeof(cublasLtMatmulAlgo_t) / sizeof(uint64_t)))

// Any order will do for the map. The parts leave no padding, so bytes may be compared.
bool choice_key::operator<(const choice_key &other) const {
    return memcmp(part, other.part, sizeof part) < 0;
}

static std::string folder(void) {
    const char *own = getenv("COCA_CUDA_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own) return own;
    if (cache && *cache) return std::string(cache) + "/cocaflow";
    return home && *home ? std::string(home) + "/.cache/cocaflow" : "";
}

static bool make_folder(const std::string &path) {
    for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
        mkdir(path.substr(0, at).c_str(), 0777);
    mkdir(path.c_str(), 0777);
    return access(path.c_str(), W_OK) == 0;
}

// Timings hold for one kind of GPU and one version of the library.
static std::string file_name(int device) {
    struct cudaDeviceProp of;
    CUDA_CHECK(cudaGetDeviceProperties(&of, device));
    std::string name = std::string("cublaslt-") + of.name + "-" + std::to_string(cublasLtGetVersion()) + "-" +
                       program_invocation_short_name;
    for (char &c : name)
        if (!isalnum((unsigned char)c) && c != '.' && c != '-') c = '_';
    return name;
}

// One line; false where it is not whole.
static bool parse(const char *line, choice_key *key, cublasLtMatmulAlgo_t *algorithm) {
    int used;
    for (int i = 0; i < KEY_PARTS; i++, line += used)
        if (sscanf(line, "%" SCNd64 "%n", &key->part[i], &used) != 1) return false;
    for (int i = 0; i < WORDS; i++, line += used)
        if (sscanf(line, "%" SCNx64 "%n", &algorithm->data[i], &used) != 1) return false;
    return *line == '\n';
}

static void read_file(struct choices *choices) {
    FILE *file = fopen(choices->path, "r");
    char line[1024];
    choice_key key;
    cublasLtMatmulAlgo_t algorithm;
    if (!file) return;
    while (fgets(line, sizeof line, file))
        if (parse(line, &key, &algorithm)) choices->known[key] = algorithm;
    fclose(file);
}

void choices_open(struct choices *choices, int device) {
    std::string where = folder();
    choices->path = nullptr;
    choices->file = -1;
    if (where.empty() || !make_folder(where)) return;
    choices->path = strdup((where + "/" + file_name(device)).c_str());
    read_file(choices);
}

void choices_close(struct choices *choices) {
    free(choices->path);
}

static std::string line_of(const choice_key &key, const cublasLtMatmulAlgo_t &algorithm) {
    std::string line;
    char word[32];
    for (int64_t part : key.part) line += std::to_string(part) + " ";
    for (int i = 0; i < WORDS; i++) {
        snprintf(word, sizeof word, "%" PRIx64, algorithm.data[i]);
        line += word + std::string(i + 1 < WORDS ? " " : "\n");
    }
    return line;
}

bool choices_lock(struct choices *choices) {
    choices->file = choices->path ? open(choices->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (choices->file < 0) return false;
    flock(choices->file, LOCK_EX);
    read_file(choices);
    return true;
}

void choices_add(struct choices *choices, const choice_key &key, const cublasLtMatmulAlgo_t &algorithm) {
    choices->known[key] = algorithm;
}

// A line that a full disk cut is taken back: the next would be glued to it, and lost.
bool choices_keep(struct choices *choices, const choice_key &key, const cublasLtMatmulAlgo_t &algorithm) {
    std::string line = line_of(key, algorithm);
    off_t end = lseek(choices->file, 0, SEEK_END);
    if (write(choices->file, line.data(), line.size()) == (ssize_t)line.size()) return true;
    warn("%s cannot be written: products use the first algorithm that cuBLASLt names", choices->path);
    if (ftruncate(choices->file, end)) warn("%s ends in half a line: remove it", choices->path);
    return false;
}

void choices_unlock(struct choices *choices) {
    if (choices->file >= 0) close(choices->file);
    choices->file = -1;
}
