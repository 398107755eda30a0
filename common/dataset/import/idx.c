// The idx files of MNIST and its relatives, plain or compressed: pictures [count, height, width] or [count, height,
// width, 3] and labels [count], u8, big-endian header (format: yann.lecun.com/exdb/mnist). The two files are read side
// by side; there are no picture files, so samples have bare pixels, which coca-pack makes PNGs of.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/count.h"
#include "base/fail.h"
#include "dataset/import/formats.h"
#include "dataset/import/importer.h"
#include "dataset/import/stream.h"

#define SIDE_LIMIT 65500
#define TYPE_U8 0x08

struct idx {
    const char *path;
    struct stream *stream;
    int dims;
    uint32_t dim[4];
};

static uint32_t big_endian(const uint8_t bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Two zero bytes, the type, the number of dimensions, then each as 4 bytes.
static int read_header(struct idx *idx) {
    uint8_t magic[4] = {0xff}, size[4];
    if (stream_read(idx->stream, magic, 4) < 4 || magic[0] || magic[1] || magic[2] != TYPE_U8 || magic[3] < 1 ||
        magic[3] > 4)
        return error(EXIT_DATA, "%s: not an idx file of bytes", idx->path);
    idx->dims = magic[3];
    for (int i = 0; i < idx->dims; i++) {
        if (stream_read(idx->stream, size, 4) < 4) return error(EXIT_DATA, "%s: the header is cut", idx->path);
        idx->dim[i] = big_endian(size);
    }
    return 0;
}

static int open_idx(struct idx *idx, const char *path) {
    *idx = (struct idx){.path = path};
    int status = stream_open(&idx->stream, path);
    if (!status) status = read_header(idx);
    return status;
}

// Sides and bytes as any picture's; bytes of one picture are asked for at once.
static int check_pictures(const struct idx *pictures) {
    const uint32_t *dim = pictures->dim;
    const bool is_grey = pictures->dims == 3, is_rgb = pictures->dims == 4 && dim[3] == 3;
    if (!is_grey && !is_rgb)
        return error(EXIT_DATA, "%s: holds no pictures: %d dimensions", pictures->path, pictures->dims);
    int64_t bytes;
    const bool fits = count_multiply(dim[1], dim[2], &bytes) && count_multiply(bytes, 3, &bytes);
    if (!dim[1] || !dim[2] || dim[1] > SIDE_LIMIT || dim[2] > SIDE_LIMIT || !fits || bytes > RECORD_BYTES_LIMIT)
        return error(EXIT_DATA, "%s: pictures of %" PRIu32 "x%" PRIu32 " pixels", pictures->path, dim[2], dim[1]);
    return 0;
}

static int check_labels(const struct idx *labels, const struct idx *pictures) {
    if (labels->dims != 1) return error(EXIT_DATA, "%s: holds no labels: %d dimensions", labels->path, labels->dims);
    if (labels->dim[0] != pictures->dim[0])
        return error(EXIT_DATA, "%s: %" PRIu32 " labels for %" PRIu32 " pictures", labels->path, labels->dim[0],
                     pictures->dim[0]);
    return 0;
}

// The id is the picture's number, in six digits, so that names sort like numbers.
static int give(struct importer *importer, const struct idx *pictures, const uint8_t *pixels, uint32_t number,
                uint8_t label) {
    char id[16], name[4096];
    snprintf(id, sizeof id, "%06" PRIu32, number);
    snprintf(name, sizeof name, "%s: %" PRIu32, pictures->path, number);
    const struct import_sample sample = {
        .name = name,
        .record = {.class = label, .id = {id, strlen(id)}},
        .pixels = {pixels, (int)pictures->dim[2], (int)pictures->dim[1], pictures->dims == 4 ? 3 : 1},
    };
    return importer_give(importer, &sample);
}

// In step: picture i, then label i. Either file may be the one that is cut.
static int give_all(struct importer *importer, struct idx *pictures, struct idx *labels) {
    const size_t bytes = (size_t)pictures->dim[1] * pictures->dim[2] * (pictures->dims == 4 ? 3 : 1);
    uint8_t *pixels = xmalloc(bytes), label;
    int status = 0;
    for (uint32_t i = 0; i < pictures->dim[0] && !status; i++) {
        const struct idx *cut = stream_read(pictures->stream, pixels, bytes) < bytes ? pictures
                                : stream_read(labels->stream, &label, 1) < 1         ? labels
                                                                                     : NULL;
        status = cut ? error(EXIT_DATA, "%s: is cut at record %" PRIu32 " of %" PRIu32, cut->path, i, cut->dim[0])
                     : give(importer, pictures, pixels, i, label);
    }
    free(pixels);
    return status;
}

// The labels beside MNIST's pictures: "images-idx3" becomes "labels-idx1". The caller frees; NULL if the name has none.
static char *guess_labels(const char *path) {
    const char *place = strstr(path, "images-idx3");
    if (!place) return NULL;
    return xformat("%.*slabels-idx1%s", (int)(place - path), path, place + strlen("images-idx3"));
}

static int run(struct importer *importer, const char *path) {
    const char *given = importer->options->labels_path;
    char *labels_path = given ? xstrdup(given) : guess_labels(path);
    if (!labels_path) return error(EXIT_USAGE, "%s: which file has its labels? (images-idx3 is not in its name)", path);
    struct idx pictures = {0}, labels = {0};
    int status = open_idx(&pictures, path);
    if (!status) status = check_pictures(&pictures);
    if (!status) status = open_idx(&labels, labels_path);
    if (!status) status = check_labels(&labels, &pictures);
    if (!status) status = give_all(importer, &pictures, &labels);
    if (pictures.stream) stream_close(&pictures.stream);
    if (labels.stream) stream_close(&labels.stream);
    free(labels_path);
    return status;
}

const struct import_format import_idx = {
    .name = "idx",
    .summary = "pictures of an idx file (MNIST's), plain or compressed, with their labels file",
    .keys = "dimensions",
    .run = run,
};
